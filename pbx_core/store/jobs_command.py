"""`callbench jobs`: what waits for its transcript, and what the operator does about it."""

from __future__ import annotations

import json
from pathlib import Path

import click
import sqlalchemy as sa

from pbx_core.clock import SystemClock
from pbx_core.domain import records
from pbx_core.errors import InputError
from pbx_core.store import directory, jobcontrol, services
from pbx_core.store.jobcontrol import STATES, Listed
from pbx_core.store.jobs import BACKLOG, EVERY_TENANT, URGENT
from pbx_core.store.terminal import open_db, say, table, tenant_of

KIND = "transcribe"
SHOWN = ("ready", "leased", "failed", "cancelled")  # what is done is looked at in the dashboard
RANKS = {URGENT: "somebody waits", BACKLOG: "imported"}
ENDED = ("done", "failed", "cancelled")

_tenant = click.option("--tenant", "domain", default="", help="Domain of one tenant.")
_all = click.option("--all", "everybody", is_flag=True, help="Of every tenant.")
_ids = click.argument("recording_ids", nargs=-1)


@click.group()
def jobs() -> None:
    """Recordings that wait for their transcript: look, pause, give up, try again."""


@jobs.command("list")
@_tenant
@click.option("--state", "states", type=click.Choice(STATES), multiple=True, help="Only these; default: all but done.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="The newest so many.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.pass_obj
def list_(data: Path, domain: str, states: tuple[str, ...], limit: int, as_json: bool) -> None:
    """Show jobs, the newest first, with how far those are that run."""
    db = open_db(data)
    tenant_id = tenant_of(db, domain).tenant_id if domain else None
    found = jobcontrol.listed(db, KIND, tenant_id, states or SHOWN, limit)
    shares = _shares(db)
    if as_json:
        click.echo(json.dumps([{**records.to_json(one), "progress": shares.get(one.job_id)} for one in found]))
        return
    domains = {t.tenant_id: t.domain for t in directory.tenants(db)}
    for tenant, since in jobcontrol.paused(db, KIND).items():
        whose = "every tenant" if tenant == EVERY_TENANT else domains.get(tenant, tenant)
        say(f"Paused since {since:%Y-%m-%d %H:%M} UTC: {whose}.")
    heads = ("Recording", "Tenant", "State", "Done", "Goes", "Tries", "Since (UTC)", "Reason")
    table(heads, (_row(one, domains, shares) for one in found), "There are no such jobs.")


def _row(one: Listed, domains: dict[str, str], shares: dict[str, float]) -> tuple[str, ...]:
    share = shares.get(one.job_id)
    return (
        one.job_id,
        domains.get(one.tenant_id, one.tenant_id),
        "running" if one.state == "leased" else one.state,
        "" if share is None else f"{share:.0%}",
        RANKS.get(one.priority, "in turn") if one.state == "ready" else "",
        str(one.tries),
        f"{one.created_at:%Y-%m-%d %H:%M:%S}",
        one.reason or "",
    )


def _shares(db: sa.Engine) -> dict[str, float]:
    """How far each running job is, as the processes tell."""
    now = SystemClock().now().timestamp()
    told = [s.detail.get("jobs") for s in services.all_services(db) if s.alive(now)]
    return {job_id: share for jobs in told if isinstance(jobs, dict) for job_id, share in jobs.items()}


@jobs.command("pause")
@_tenant
@_all
@click.pass_obj
def pause(data: Path, domain: str, everybody: bool) -> None:
    """Begin no more jobs; what runs goes on."""
    db = open_db(data)
    jobcontrol.pause(db, SystemClock(), KIND, _whose(db, domain, everybody) or EVERY_TENANT)
    say(f"Paused for {domain or 'every tenant'}; `callbench jobs resume` goes on.")


@jobs.command("resume")
@_tenant
@_all
@click.pass_obj
def resume(data: Path, domain: str, everybody: bool) -> None:
    """End a pause; one of all and one of a tenant end each on its own."""
    db = open_db(data)
    ended = jobcontrol.resume(db, KIND, _whose(db, domain, everybody) or EVERY_TENANT)
    say(f"{'Goes on' if ended else 'Was not paused'} for {domain or 'every tenant'}.")


@jobs.command("first")
@_tenant
@_ids
@click.pass_obj
def first(data: Path, domain: str, recording_ids: tuple[str, ...]) -> None:
    """Let the recordings RECORDING_IDS go before everything that nobody waits for."""
    db = open_db(data)
    tenant_id = tenant_of(db, domain).tenant_id if domain else None
    say(f"{jobcontrol.hurry(db, KIND, tenant_id, recording_ids)} moved to the front.")


@jobs.command("cancel")
@_tenant
@_all
@_ids
@click.pass_obj
def cancel(data: Path, domain: str, everybody: bool, recording_ids: tuple[str, ...]) -> None:
    """Give up the jobs RECORDING_IDS, or all that wait or run of a tenant or of all. They get no transcript until
    `retry`."""
    db = open_db(data)
    tenant_id = _whose(db, domain, everybody, recording_ids)
    count = jobcontrol.cancel(db, SystemClock(), KIND, tenant_id, recording_ids or None, "cancelled by the operator")
    say(f"{count} given up.")


@jobs.command("retry")
@_tenant
@_all
@_ids
@click.pass_obj
def retry(data: Path, domain: str, everybody: bool, recording_ids: tuple[str, ...]) -> None:
    """Try again: the jobs RECORDING_IDS however they ended, or all of a tenant, or of all, that failed or were given
    up."""
    db = open_db(data)
    tenant_id = _whose(db, domain, everybody, recording_ids)
    if recording_ids:
        count = jobcontrol.retry(db, KIND, tenant_id, recording_ids, ENDED)
    else:
        count = jobcontrol.retry(db, KIND, tenant_id, None)
    say(f"{count} wait again.")


def _whose(db: sa.Engine, domain: str, everybody: bool, recording_ids: tuple[str, ...] = ()) -> str | None:
    """The tenant meant, None for every one; InputError unless it is clear."""
    if everybody == bool(domain or recording_ids):
        raise InputError(
            "Say whose jobs: --tenant with a domain, or --all, or recordings; nothing was changed.", error_id="whose"
        )
    return tenant_of(db, domain).tenant_id if domain else None
