"""`callbench report`: the process that sends reports, schedules, what became of the mails, a preview as files."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click
import sqlalchemy as sa

from analytics import queries
from analytics.reports import mail, making, page, pdf
from analytics.reports.sender import Sender, reader_of
from pbx_core import log
from pbx_core.clock import SystemClock
from pbx_core.domain import report_slots
from pbx_core.domain.report_slots import Rhythm
from pbx_core.errors import ConfigError, InputError
from pbx_core.settings import Settings, load
from pbx_core.store import directory, engine, heartbeat, reports, terminal

ROUND_S = 20.0  # a report leaves within so long of its hour

_log = log.get(__name__)

_domain = click.option("--tenant", "domain", required=True, help="SIP domain of the tenant.")
_rhythm = click.option("--rhythm", type=click.Choice([str(r) for r in Rhythm]), default="weekly", show_default=True)


@click.group(invoke_without_command=True)
@click.pass_context
def report(context: click.Context) -> None:
    """Send reports by mail (started by `callbench up` where smtp_host is set); with a command: look after them."""
    if context.invoked_subcommand is None:
        _run(load(context.obj))


def _run(settings: Settings) -> None:
    if not settings.smtp_host:
        raise ConfigError("No mail server is named, so no report can be sent. Set smtp_host, and see docs/reports.md.")
    log.setup("report", settings.log_level)
    db, clock = engine.connect(settings), SystemClock()
    stop = heartbeat.stop_event()
    sender = Sender(settings, db, clock, reader_of(settings))
    with heartbeat.announced(db, clock, "report", lambda: asdict(sender.tally)):
        while True:
            try:
                sender.round()
            except sa.exc.OperationalError as error:  # locked or away: what is written down stays
                sender.tally.problem = str(error.orig)
                _log.warning("reports wait", extra={"reason": str(error.orig)})
            if stop.wait(ROUND_S):
                break


@report.command()
@_domain
@_rhythm
@click.option("--day", default="", help="On which it would be sent, such as 2026-11-02; else the last time.")
@click.option("--person", "email", default="", help="As this person gets it; else as the owner.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path(), help="Folder of the files.")
@click.pass_obj
def preview(data: Path, domain: str, rhythm: str, day: str, email: str, out: Path) -> None:
    """Write a report as report.html, report.pdf and report.eml; nothing is sent."""
    settings = load(data)
    db, clock = engine.connect(settings), SystemClock()
    tenant = terminal.tenant_of(db, domain)
    person = _people(db, tenant, (email,))[0] if email else None
    zone, kind = making.zone_of(tenant), Rhythm(rhythm)
    slot = report_slots.latest(kind, 0, zone, clock.now())
    if day:
        try:
            slot = report_slots.slot(kind, 0, zone, datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).date())
        except ValueError:
            raise InputError(f"{day[:20]!r} is no day such as 2026-11-02.", error_id="bad_day") from None
    about = making.about(tenant, person)
    made = making.report(settings, queries.open_reader(settings), about, making.NAMES[kind], kind, slot, clock.now())
    to = mail.recipient(person) if person else mail.sender(settings)
    envelope = mail.Envelope(mail.sender(settings), to, f"<preview-{clock.new_id()}@{mail.sender(settings).domain}>")
    out.mkdir(parents=True, exist_ok=True)
    (out / "report.html").write_text(page.write(made, page.inline))
    (out / "report.pdf").write_bytes(pdf.write(made))
    (out / "report.eml").write_bytes(mail.compose(made, envelope))
    terminal.say(f"Written to {out.absolute()}: report.html, report.pdf, report.eml ({made.period}).")


@report.command()
@_domain
@click.option("--name", default="", help="Subject of the mail.")
@_rhythm
@click.option("--hour", type=click.IntRange(0, 23), default=7, show_default=True, help="Of the tenant's clocks.")
@click.option(
    "--to", "emails", multiple=True, required=True, help="Address with which somebody of the tenant signs in."
)
@click.pass_obj
def add(data: Path, domain: str, name: str, rhythm: str, hour: int, emails: tuple[str, ...]) -> None:
    """Send a report from now on."""
    db, clock = terminal.open_db(data), SystemClock()
    tenant = terminal.tenant_of(db, domain)
    people = [p.person_id for p in _people(db, tenant, emails)]
    made = reports.add(db, clock, tenant.tenant_id, name or making.NAMES[Rhythm(rhythm)], rhythm, hour, people, None)
    terminal.say(
        f"{made.name} comes {made.rhythm} at {made.hour}:00 ({tenant.time_zone}); its id is {made.schedule_id}."
    )
    if not load(data).smtp_host:
        terminal.say("No mail server is named yet: set smtp_host, else nothing is sent.")


@report.command()
@_domain
@click.option("--id", "schedule_id", required=True, help="As `callbench report list` shows it.")
@click.pass_obj
def remove(data: Path, domain: str, schedule_id: str) -> None:
    """Send a report no more."""
    db = terminal.open_db(data)
    tenant = terminal.tenant_of(db, domain)
    if not reports.end(db, SystemClock(), tenant.tenant_id, schedule_id):
        raise InputError(f"{domain} has no report {schedule_id!r}.", error_id="no_report", status=404)
    terminal.say("It is not sent any more.")


@report.command("list")
@_domain
@click.pass_obj
def show(data: Path, domain: str) -> None:
    """The reports that come by themselves."""
    db = terminal.open_db(data)
    tenant = terminal.tenant_of(db, domain)
    names = {p.person_id: p.email for p in directory.people(db, tenant.tenant_id)}
    rows = [
        (s.schedule_id, s.name, str(s.rhythm), f"{s.hour}:00", ", ".join(names.get(p, "(gone)") for p in s.recipients))
        for s in reports.schedules(db, tenant.tenant_id)
    ]
    terminal.table(("id", "name", "comes", "at", "to"), rows, "No report comes by itself.")


@report.command("log")
@_domain
@click.pass_obj
def history(data: Path, domain: str) -> None:
    """What became of the last mails."""
    db = terminal.open_db(data)
    tenant = terminal.tenant_of(db, domain)
    names = {p.person_id: p.email for p in directory.people(db, tenant.tenant_id)}
    rows = [
        (m.slot, names.get(m.person_id, "(gone)"), m.state, str(m.tries), m.reason)
        for m in reports.mails(db, tenant.tenant_id)
    ]
    terminal.table(("day", "to", "state", "tries", "last problem"), rows, "No report was due yet.")


def _people(db: sa.Engine, tenant: directory.Tenant, emails: tuple[str, ...]) -> list[directory.Person]:
    found = []
    for email in emails:
        person = directory.person_by_email(db, email)
        if person is None or person.tenant_id != tenant.tenant_id:
            raise InputError(f"Nobody of {tenant.domain} signs in as {email}; nothing was made.", error_id="no_person")
        found.append(person)
    return found
