"""`callbench inform`: tell a list of numbers something by telephone."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import click

from pbx_core.clock import SystemClock
from pbx_core.domain.campaign import SPACING_S, CampaignState, Rules
from pbx_core.domain.model import Model
from pbx_core.domain.numberlist import NUMBERS_MAX, NumberList, read_numbers
from pbx_core.domain.phrases import LANGUAGES
from pbx_core.errors import InputError
from pbx_core.store import campaign_report, campaigns, models
from pbx_core.store.directory import Tenant
from pbx_core.store.terminal import clean_name, open_db, say, table, tenant_of

TEXT_CHARACTERS_MAX = 1000  # a minute and a half of speech
FILE_BYTES_MAX = 16 * 1024 * 1024
BAD_SHOWN_MAX = 20  # lines of a list that are named; the rest is counted

_tenant = click.option("--tenant", "domain", required=True, help="The tenant's domain.")
F = TypeVar("F", bound=Callable[..., None])


@click.group()
def inform() -> None:
    """Call a list of numbers and tell them something: create, start, pause, cancel, report."""


def _about_campaign(name: str) -> Callable[[F], click.Command]:
    """A command about one campaign of a tenant."""
    return lambda command: inform.command(name)(click.argument("campaign")(_tenant(click.pass_obj(command))))


@inform.command("create")
@_tenant
@click.option("--name", required=True, help="What it is about, for you.")
@click.option(
    "--numbers",
    "file",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file with one number a line; of several columns the first counts.",
)
@click.option("--text", default="", help="What is said. Name the keys in it.")
@click.option("--prompt", default="", help="A prompt of the model instead of a text.")
@click.option("--language", default="", help="Of the text; without it the tenant's first.")
@click.option("--from", "shown", default="", help="The number that is shown: a verified one of the tenant.")
@click.option("--at-once", default=2, show_default=True, help="Calls at the same time.")
@click.option("--per-minute", default=10, show_default=True, help="Calls begun per minute.")
@click.option("--quiet", default="20:00-09:00", show_default=True, help="Nobody is called then; empty: never quiet.")
@click.option("--tries", default=3, show_default=True, help="For each number.")
@click.option("--retry-minutes", type=click.IntRange(1, 10_080), help="Between tries; without it, by result.")
@click.option("--key", default="1", show_default=True, help="Acknowledges; empty: hearing it is enough.")
@click.option("--opt-out-key", default="9", show_default=True, help="Wants no more calls; empty: none.")
@click.pass_obj
def create(
    data: Path, domain: str, name: str, file: Path, text: str, prompt: str, language: str, shown: str, at_once: int,
    per_minute: int, quiet: str, tries: int, retry_minutes: int | None, key: str, opt_out_key: str,
) -> None:  # fmt: skip
    """Make a campaign from a file of numbers. Nobody is called before `callbench inform start`."""
    db, clock = open_db(data), SystemClock()
    owner = tenant_of(db, domain)
    model = models.active(db, owner.tenant_id)[1]
    rules = Rules(
        sounds=(_sound(model, owner, text, prompt, language),),
        language=language or owner.languages[0],
        shown=_shown(model, shown),
        at_once=at_once,
        per_minute=per_minute,
        quiet=quiet,
        tries=tries,
        spacing_s=dict.fromkeys(SPACING_S, retry_minutes * 60.0) if retry_minutes else dict(SPACING_S),
        acknowledge_key=key,
        opt_out_key=opt_out_key,
        time_zone=model.time_zone if model.time_zone != "UTC" else owner.time_zone,
    )
    numbers = _read(file, model)
    made = campaigns.create(db, clock, owner.tenant_id, clean_name(name), rules, numbers.good, "command line")
    say(f"Campaign {made} is ready: {len(numbers.good)} numbers.")
    _passed_over(numbers)
    say(f"Next: callbench inform start {made} --tenant {owner.domain}")


@_about_campaign("start")
def start(data: Path, campaign: str, domain: str) -> None:
    """Begin, or go on after a pause."""
    _act(data, domain, campaign, "start", "runs; the informer calls while `callbench up` runs")


@_about_campaign("pause")
def pause(data: Path, campaign: str, domain: str) -> None:
    """Begin no more calls for now; those under way go on."""
    _act(data, domain, campaign, "pause", "is paused")


@_about_campaign("cancel")
def cancel(data: Path, campaign: str, domain: str) -> None:
    """End it for good; calls under way go on."""
    _act(data, domain, campaign, "cancel", "is cancelled")


@inform.command("list")
@_tenant
@click.pass_obj
def list_(data: Path, domain: str) -> None:
    """Show the tenant's campaigns, the newest first."""
    db = open_db(data)
    rows = []
    for each in campaigns.of_tenant(db, tenant_of(db, domain).tenant_id):
        made = datetime.fromtimestamp(each.created_at, UTC)
        rows.append((each.campaign_id, each.name, each.state.value, f"{made:%Y-%m-%d %H:%M} UTC"))
    table(("Campaign", "Name", "State", "Created"), rows, "There are no campaigns yet.")


@_about_campaign("report")
@click.option("--csv", "as_csv", is_flag=True, help="One line a number, for a spreadsheet, on standard output.")
def report(data: Path, campaign: str, domain: str, as_csv: bool) -> None:
    """Say who was reached, acknowledged, opted out, or failed and why, and what each try brought."""
    db = open_db(data)
    tenant_id = tenant_of(db, domain).tenant_id
    with db.connect() as connection:
        found = campaigns.get(connection, tenant_id, campaign)
    if as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(campaign_report.HEADS)
        writer.writerows(campaign_report.rows(db, tenant_id, campaign))
        return
    figures = campaign_report.report(db, tenant_id, campaign)
    say(f"{found.name}: {found.state}, {figures.numbers} numbers")
    if found.state is CampaignState.RUNNING and figures.due_at and figures.due_at > SystemClock().now().timestamp():
        due = datetime.fromtimestamp(figures.due_at, UTC)
        quiet = f"quiet hours {found.rules.quiet} where they are, or " if found.rules.quiet else ""
        say(f"The next call is not before {due:%Y-%m-%d %H:%M} UTC: {quiet}the pause after a try.")
    table(("State", "Numbers"), [(state, str(n)) for state, n in figures.states.items()], "")
    tries = [(f"try {attempt}", result, str(n)) for (attempt, result), n in figures.tries.items()]
    table(("Try", "Result", "Calls"), tries, "Nobody has been called yet.")
    if figures.reasons:
        table(("Failed because", "Numbers"), [(reason, str(n)) for reason, n in figures.reasons], "")


def _act(data: Path, domain: str, campaign_id: str, action: str, done: str) -> None:
    db = open_db(data)
    found = campaigns.act(db, SystemClock(), tenant_of(db, domain).tenant_id, campaign_id, action)
    say(f"{found.name} {done}.")


def _sound(model: Model, owner: Tenant, text: str, prompt: str, language: str) -> str:
    """What is said, as a sound."""
    if bool(text) == bool(prompt):
        raise InputError("Give what is said as --text or as --prompt; nothing was created.", error_id="no_text")
    if prompt:
        if prompt not in {p.id for p in model.prompts}:
            raise InputError(f"The model has no prompt {prompt!r}; nothing was created.", error_id="no_prompt")
        return f"prompt:{prompt}"
    spoken = (language or owner.languages[0]).lower()
    if spoken not in LANGUAGES:
        raise InputError(f"Texts are spoken in {', '.join(LANGUAGES)}, not {spoken!r}.", error_id="bad_language")
    clean = " ".join(text.split())
    if not clean.isprintable() or len(clean) > TEXT_CHARACTERS_MAX:
        raise InputError(f"A text has at most {TEXT_CHARACTERS_MAX} printable characters.", error_id="bad_text")
    return f"say:{spoken}:{clean}"


def _shown(model: Model, shown: str) -> str:
    """The number that is shown, one that was verified; "" the tenant's first."""
    verified = [*(d.number for d in model.dids), *model.outbound.verified]
    if shown and shown not in verified:
        known = ", ".join(verified) or "none"
        raise InputError(f"{shown} is no verified number of this tenant ({known}).", error_id="not_verified")
    return shown


def _read(file: Path, model: Model) -> NumberList:
    if file.stat().st_size > FILE_BYTES_MAX:
        raise InputError(
            f"{file} is larger than {FILE_BYTES_MAX >> 20} MiB; nothing was created.", error_id="too_large"
        )
    own = {d.number for d in model.dids}
    found = read_numbers(file.read_text(errors="replace").splitlines(), model.outbound.country, own)
    if len(found.good) > NUMBERS_MAX:
        raise InputError(f"A campaign has at most {NUMBERS_MAX} numbers; nothing was created.", error_id="too_many")
    if not found.good:
        _passed_over(found)
    return found


def _passed_over(numbers: NumberList) -> None:
    for line, text, why in numbers.bad[:BAD_SHOWN_MAX]:
        say(f"Line {line}: {text!r} {why}.")
    if len(numbers.bad) > BAD_SHOWN_MAX:
        say(f"… and {len(numbers.bad) - BAD_SHOWN_MAX} more lines that are no numbers to call.")
    if numbers.doubles:
        say(f"{numbers.doubles} numbers stood in the list more than once.")
