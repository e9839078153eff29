"""`callbench keeper`: the process. `callbench hold`: recordings that must not be deleted."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from pbx_core import log
from pbx_core.clock import SystemClock
from pbx_core.errors import InputError
from pbx_core.feed import Journal
from pbx_core.keeper.keeper import PRODUCER, Keeper
from pbx_core.settings import load
from pbx_core.store import audit, engine, heartbeat, kept, objects, terminal

ROUND_S = 60.0  # a recording is deleted or copied within a minute of its time
HURRY_S = 0.1  # between rounds while more waits


@click.command()
@click.pass_obj
def keeper(data: Path) -> None:
    """Delete recordings when their time is over, copy them to the object store (started by `callbench up`)."""
    settings = load(data)
    log.setup("keeper", settings.log_level)
    db = engine.connect(settings)
    clock = SystemClock()
    store = objects.configured(settings)
    stop = heartbeat.stop_event()
    journal = Journal(settings.journal_dir, PRODUCER, clock)
    worker = Keeper(settings, db, clock, journal, store)
    with heartbeat.announced(db, clock, "keeper", lambda: asdict(worker.tally)):
        while True:
            more = worker.round()
            if stop.wait(HURRY_S if more else ROUND_S):
                break
    journal.close()


@click.group()
def hold() -> None:
    """Legal hold: calls whose recordings are kept whatever the retention says."""


_domain = click.option("--tenant", "domain", required=True, help="SIP domain of the tenant.")
_call = click.option("--call", "call_id", required=True, help="Id of the call.")


@hold.command("add")
@_domain
@_call
@click.option("--reason", required=True, help="Why; kept with the hold.")
@click.pass_obj
def add(data: Path, domain: str, call_id: str, reason: str) -> None:
    """Keep a call's recordings until the hold is released."""
    db, clock = terminal.open_db(data), SystemClock()
    owner = terminal.tenant_of(db, domain)
    if not kept.has_recordings(db, owner.tenant_id, call_id):
        raise InputError(
            f"{domain} keeps no recording of a call {call_id!r}; nothing is held. Look at the id; of a call that has "
            "just ended the recording is there within a minute.",
            error_id="no_recording",
            status=404,
        )
    kept.add_hold(db, clock, owner.tenant_id, call_id, reason, getpass.getuser())
    audit.note(db, clock, owner.tenant_id, None, "hold_added", call_id)
    click.echo(f"The recordings of {call_id} are kept until the hold is released.")


@hold.command("release")
@_domain
@_call
@click.pass_obj
def release(data: Path, domain: str, call_id: str) -> None:
    """End a hold; the retention counts again."""
    db, clock = terminal.open_db(data), SystemClock()
    owner = terminal.tenant_of(db, domain)
    kept.release_hold(db, clock, owner.tenant_id, call_id)
    audit.note(db, clock, owner.tenant_id, None, "hold_released", call_id)
    click.echo(f"The hold on {call_id} is released; the retention of {domain} counts again.")


@hold.command("list")
@_domain
@click.pass_obj
def show(data: Path, domain: str) -> None:
    """Holds in force, and how much the tenant keeps."""
    db = terminal.open_db(data)
    owner = terminal.tenant_of(db, domain)
    found = [
        (h.call_id, f"{datetime.fromtimestamp(h.at, UTC):%Y-%m-%d %H:%M}", h.by, h.reason)
        for h in kept.holds(db, owner.tenant_id)
    ]
    terminal.table(("call", "since (UTC)", "by", "reason"), found, "No call is under a hold.")
    terminal.say(f"{domain} keeps {kept.used_bytes(db, owner.tenant_id) / 1e6:.1f} MB of recordings.")
