"""Reports as they arrive: taken by a real mail server over TLS, once for each slot, whatever dies meanwhile."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parseaddr

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from PIL import Image
from pypdf import PdfReader

from analytics import queries
from analytics.queries import metrics
from analytics.reports import making, wording
from analytics.reports.sender import DELAYS_S, Sender, reader_of
from pbx_core.cli import callbench
from pbx_core.clock import SystemClock
from pbx_core.domain.report_slots import Rhythm, latest
from pbx_core.errors import InputError
from pbx_core.settings import Settings, load
from pbx_core.store import directory, engine, reports
from tests.support import facts, lake, mailserver
from tests.support.mailserver import MailServer
from tests.support.waiting import until


@pytest.fixture
def server(tmp_path) -> Iterator[MailServer]:
    with mailserver.running(tmp_path) as running:
        yield running


@dataclass(frozen=True)
class Office:
    """Two tenants with two weeks of calls each; the tests share it, and order their own reports."""

    settings: Settings
    db: sa.Engine
    clock: SystemClock
    acme: directory.Tenant
    birch: directory.Tenant


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    settings, clock = load(tmp_path_factory.mktemp("reports") / "data"), SystemClock()
    db = engine.migrate(settings)
    tenants = []
    for name, domain in (("Acme Ltd", "acme.test"), ("Birch & Sons", "birch.test")):
        tenant = directory.add_tenant(db, clock, name, domain, time_zone="Asia/Bishkek")
        for role, own in (("owner", None), ("agent", "101")):
            mail, password = f"{role}@{domain}", f"correct horse {role}"
            directory.add_person(db, clock, tenant.tenant_id, mail, role, role, password, own_extension=own)
        facts.write_calls(settings, clock, tenant, 60, since=clock.now() - timedelta(days=14), seed=3)
        tenants.append(tenant)
    lake.ingest_once(settings, clock)
    yield Office(settings, db, clock, *tenants)
    db.dispose()


@pytest.fixture
def office(furnished: Office) -> Office:
    """Without reports, everybody may sign in."""
    with furnished.db.begin() as connection:
        for table in ("report_mail", "report_recipient", "report_schedule"):
            connection.execute(sa.text(f"DELETE FROM {table}"))  # noqa: S608 - our own names
        connection.execute(sa.text("UPDATE person SET disabled_at = NULL"))
    return furnished


def ordered(world, *roles: str, rhythm: str = "daily") -> reports.Schedule:
    """A report that was ordered long ago, so that its last slot is due."""
    people = [directory.person_by_email(world.db, f"{r}@acme.test") for r in roles]
    made = reports.add(
        world.db, world.clock, world.acme.tenant_id, "Täglich", rhythm, 0, [p.person_id for p in people], None
    )
    with world.db.begin() as connection:
        connection.execute(sa.text("UPDATE report_schedule SET created_at = created_at - 5000000"))
    return made


def sender(world, server: MailServer, clock=None, **more) -> Sender:
    settings = server.settings(world.settings, **more)
    return Sender(settings, world.db, clock or world.clock, reader_of(settings))


def states(world) -> list[tuple[str, int]]:
    return [(m.state, m.tries) for m in reports.mails(world.db, world.acme.tenant_id)]


class Later:
    """The machine's clock, ahead."""

    def __init__(self, clock) -> None:
        self.clock, self.ahead = clock, timedelta()

    def now(self):
        return self.clock.now() + self.ahead

    def monotonic(self) -> float:
        return self.clock.monotonic()

    def new_id(self) -> str:
        return self.clock.new_id()


def test_a_report_arrives_with_its_charts_and_its_pdf_and_the_figures_of_the_registry(office, server) -> None:
    ordered(office, "owner", "agent", rhythm="weekly")
    sender(office, server).round()
    agents, mail = sorted(server.mails(), key=lambda m: m["To"])
    said, whole = (m.get_body(("plain",)).get_content().splitlines() for m in (agents, mail))
    assert said[2] == "Calls of extension 101." and whole[2] == "All calls of the office." and said[3:] != whole[3:]
    assert parseaddr(mail["To"])[1] == "owner@acme.test" and mail["Auto-Submitted"] == "auto-generated"
    assert mail["Subject"].startswith("Täglich: ")
    html = mail.get_body(("html",)).get_content()
    slot = latest(Rhythm.WEEKLY, 0, making.zone_of(office.acme), office.clock.now())
    (calls,) = metrics.values(
        queries.open_reader(office.settings), queries.Scope(office.acme.tenant_id), slot.since, slot.until, ["calls"]
    )
    assert calls.value and f">{wording.value(calls)}</td>" in html and "calls/1" in html and "<script" not in html
    pictures = {p["Content-ID"].strip("<>"): p for p in mail.walk() if p.get_content_type() == "image/png"}
    assert pictures and all(f'src="cid:{cid}"' in html for cid in pictures)
    for part in pictures.values():
        assert Image.open(io.BytesIO(part.get_content())).size == (1280, 460)
    (attached,) = [p for p in mail.walk() if p.get_content_type() == "application/pdf"]
    paper = PdfReader(io.BytesIO(attached.get_content()))
    text = "\n".join(p.extract_text() for p in paper.pages)
    assert "Acme Ltd" in text and wording.value(calls) in text and "human_answer_rate/" in text
    assert sum(len(p.images) for p in paper.pages) == len(pictures)
    assert "Täglich" in mail.get_body(("plain",)).get_content()
    assert not list(office.settings.reports_dir.rglob("*.eml"))  # sent: nothing is left


def test_each_slot_is_sent_once_and_the_next_one_again(office, server) -> None:
    ordered(office, "owner")
    clock = Later(office.clock)
    mine = sender(office, server, clock)
    for _ in range(3):
        mine.round()
    assert len(server.taken) == 1 and states(office) == [("sent", 1)]
    clock.ahead = timedelta(days=1)
    mine.round()
    ids = [m["Message-ID"] for m in server.mails()]
    assert len(ids) == len(set(ids)) == 2


def test_a_refused_mail_fails_a_busy_server_is_tried_again_with_the_same_mail(office, server) -> None:
    ordered(office, "owner")
    clock = Later(office.clock)
    mine = sender(office, server, clock)
    server.answers = ["451 later", "421 busy"]
    for n in range(3):
        mine.round()
        mine.round()  # nothing is tried before its time
        assert len(server.seen) == n + 1
        clock.ahead += timedelta(seconds=DELAYS_S[n] + 1)
    assert len(set(server.seen)) == 1 and len(server.taken) == 1 and states(office) == [("sent", 3)]
    clock.ahead += timedelta(days=1)
    server.answers = ["554 never"]
    mine.round()
    (last, _) = reports.mails(office.db, office.acme.tenant_id)
    assert (last.state, last.tries) == ("failed", 1) and "554 never" in last.reason


def test_a_server_that_is_not_there_is_tried_for_a_day(office, server) -> None:
    ordered(office, "owner")
    clock = Later(office.clock)
    mine = sender(office, server, clock, smtp_ca=None)  # its certificate is nobody's
    for delay in (*DELAYS_S, 0):
        mine.round()
        clock.ahead += timedelta(seconds=delay + 1)
    mail = reports.mails(office.db, office.acme.tenant_id)[-1]
    assert mail.state == "failed" and "certificate" in mail.reason.lower() and not server.seen
    assert mine.tally.problem == "" or "certificate" in mine.tally.problem.lower()


def test_without_tls_nothing_goes_to_another_machine(office, server) -> None:
    ordered(office, "owner")
    sender(office, server, smtp_security="none", smtp_host="192.0.2.1").round()
    (mail,) = reports.mails(office.db, office.acme.tenant_id)
    assert mail.state == "waiting" and "on this machine only" in mail.reason


def test_who_may_not_sign_in_any_more_gets_nothing(office, server) -> None:
    ordered(office, "owner")
    with office.db.begin() as connection:
        connection.execute(sa.text("UPDATE person SET disabled_at = 1 WHERE email = 'owner@acme.test'"))
    sender(office, server).round()
    assert not server.seen and states(office) == [("failed", 1)]


def test_only_people_of_the_tenant_can_be_sent_a_report(office) -> None:
    other = directory.person_by_email(office.db, "owner@birch.test")
    with pytest.raises(InputError, match="people of this tenant"):
        reports.add(office.db, office.clock, office.acme.tenant_id, "R", "daily", 7, [other.person_id], None)


def test_a_sender_killed_in_the_middle_and_two_after_it_send_one_mail(office, server) -> None:
    ordered(office, "owner")
    wishes = {**server.wishes(report_lease_s=2), "smtp_ca": str(server.ca)}
    environment = {**os.environ, **{f"CALLBENCH_{k.upper()}": str(v) for k, v in wishes.items()}}
    command = [sys.executable, "-m", "pbx_core.cli", "--data", str(office.settings.data), "report"]

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    first = start()
    server.before = first.kill
    server.answers = ["451 whoever hears that is dead"]
    try:
        until(lambda: server.seen, timeout_s=60, what="first try")
        assert first.wait(30) == -signal.SIGKILL and not server.taken
        server.before = lambda: None
        others = [start(), start()]
        try:
            until(lambda: states(office) == [("sent", 2)], timeout_s=90, what="the mail sent")
        finally:
            for process in others:
                process.kill()
                process.wait(30)
    finally:
        first.kill()
    assert len(server.taken) == 1
    assert server.seen[0] == server.taken[0]  # the same bytes, Message-ID and figures


def test_the_commands(office, server, tmp_path) -> None:
    def run(*words: str) -> str:
        answer = CliRunner().invoke(callbench, ["--data", str(office.settings.data), "report", *words])
        assert answer.exit_code == 0, answer.output
        return answer.output

    words = ("preview", "--tenant", "acme.test", "--rhythm", "weekly", "--day", "2026-11-02", "--out", str(tmp_path))
    assert "26 October to 1 November 2026" in run(*words)
    assert {p.name for p in tmp_path.glob("report.*")} == {"report.html", "report.pdf", "report.eml"}
    assert "set smtp_host" in run("add", "--tenant", "acme.test", "--to", "owner@acme.test")
    listed = run("list", "--tenant", "acme.test")
    assert "Calls of the week" in listed and "owner@acme.test" in listed
    run("remove", "--tenant", "acme.test", "--id", listed.split("\t")[0])
    assert "No report comes" in run("list", "--tenant", "acme.test")
    assert "No report was due" in run("log", "--tenant", "acme.test")
