"""A person in front of a real browser goes through the pages: from figures and stories down to their calls, a report
ordered, a file taken along; then words are put right and found again, whatever crashes meanwhile."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa

from analytics import metrics
from pbx_core.clock import SystemClock
from pbx_core.domain import modelfile
from pbx_core.domain.records import Party
from pbx_core.feed import Journal
from pbx_core.settings import Settings, load
from pbx_core.store import directory, engine, jobcontrol, livetext, models, presence, reports, schema
from pbx_core.store.presence import CallRow
from tests.support import browser as browsers
from tests.support import derivedlake, office
from tests.support.webserver import WebServer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not browsers.CHROMIUM.exists(), reason="Chromium is not installed: apt install chromium"),
]
WAIT_MS = 90_000
MODEL = """
[extensions]
103 = {}
[queues.sales]
name = "Orders & 🪑"
number = "201"
members = ["103"]
"""
LOST, REGAINED, HAPPY = "+996555000001", "+996555000002", "+996555000003"


@dataclass
class Place:
    """A running dashboard; `page` is a manager's, signed in."""

    settings: Settings
    db: sa.Engine
    web: WebServer
    tenant: directory.Tenant
    office: office.Office
    happy: str  # the call that was answered in the queue
    page: Any
    watch: browsers.Watch

    @property
    def base(self) -> str:
        return self.web.base

    def go(self, title: str) -> None:
        """By the menu."""
        menu = self.page.get_by_role("navigation", name="Pages")
        menu.get_by_role("link", name=title, exact=True).click()
        menu.locator("[aria-current=page]", has_text=title).wait_for()

    def fits(self) -> None:
        """Nothing of the page stands beyond the edge of a phone."""
        self.page.set_viewport_size(browsers.PHONE)
        self.page.wait_for_function("() => document.documentElement.scrollWidth === 390 && innerWidth === 390")
        self.page.wait_for_function("""() => [...document.querySelectorAll("[data-testid=stMain]")]
            .every((main) => main.scrollWidth <= main.clientWidth)""")
        self.page.set_viewport_size(browsers.DESKTOP)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    settings = load(tmp_path_factory.mktemp("pages") / "data")
    db, clock = engine.migrate(settings), SystemClock()
    tenant = directory.add_tenant(db, clock, "acme.test", "acme.test", time_zone="Asia/Bishkek")
    for name in ("maria", "nurlan"):
        directory.add_person(db, clock, tenant.tenant_id, f"{name}@acme.test", name.title(), "manager", "correct horse")
    models.apply(db, clock, tenant.tenant_id, modelfile.read_toml(MODEL), "test")
    happy = _callers(settings, clock, tenant)
    furnished = office.furnish(settings, clock, tenant, count=2)
    web = WebServer(settings)
    web.start()
    with browsers.chromium() as browser:
        context = browser.new_context(viewport=browsers.DESKTOP)
        context.set_default_timeout(WAIT_MS)
        watch = browsers.Watch(web.base.split("//")[1])
        watch.on(context)
        page = context.new_page()
        browsers.sign_in(page, web.base, "maria@acme.test", "correct horse", "/health")
        yield Place(settings, db, web, tenant, furnished, happy, page, watch)
        assert watch.foreign == [] and watch.dialogs == []
    assert web.stop() == 0
    db.dispose()


@pytest.fixture
def quiet(place: Place) -> Iterator[Place]:
    """The same; nothing may fail on the way, be it only a request."""
    before = len(place.watch.errors)
    yield place
    assert place.watch.errors[before:] == []


def _callers(settings: Settings, clock: SystemClock, tenant: directory.Tenant) -> str:
    """Callers from outside: one who still waits, one who was called back, one who was answered at once; his call."""
    now_s = (clock.now() - derivedlake.START).total_seconds()
    made = [
        derivedlake.call("01", LOST, now_s - 9000, tenant=tenant.tenant_id, lasts=47),
        derivedlake.call("02", REGAINED, now_s - 8000, tenant=tenant.tenant_id, asked="extension:102"),
        derivedlake.call("03", REGAINED, now_s - 7400, tenant=tenant.tenant_id, direction="outbound", talked=(5, 65)),
        derivedlake.call("04", HAPPY, now_s - 7000, tenant=tenant.tenant_id, talked=(5, 65), by="103"),
    ]
    journal = Journal(settings.journal_dir, "worker-9", clock)
    for cdr in made:
        journal.append("cdr", cdr.call_id, cdr.tenant_id, cdr)
    journal.close()
    return made[-1].call_id


def test_health_says_how_the_data_are(quiet: Place) -> None:
    page = quiet.page
    quiet.go("Health")
    page.get_by_text("As of ").wait_for()
    assert page.locator("[class*=st-key-health_]").count() >= 4
    assert page.get_by_text("What to do: ").count() >= 1  # fabricated recordings have no files
    quiet.fits()


def test_a_lost_caller_waits_until_somebody_talks_with_him(quiet: Place) -> None:
    page = quiet.page
    quiet.go("Missed")
    waiting = page.get_by_role("table", name="Still waiting")
    waiting.wait_for()
    assert waiting.locator("tbody tr").count() == 1
    assert waiting.get_by_role("link", name=LOST).get_attribute("href") == f"tel:{LOST}"
    assert "Orders & 🪑 (sales)" in waiting.inner_text()
    page.get_by_text("Data as of").wait_for()
    quiet.fits()
    page.get_by_role("table", name="Made good", exact=True).get_by_role("link", name=REGAINED).click()
    page.get_by_role("heading", name="Why: Missed").wait_for()


def test_a_conversation_tells_its_rule_its_facts_and_its_calls(quiet: Place) -> None:
    page = quiet.page
    quiet.go("Conversations")
    page.get_by_role("table", name="Conversations").get_by_role("link").first.wait_for()
    quiet.fits()
    page.get_by_label("Number outside").fill(LOST[-4:])
    page.get_by_label("Number outside").press("Enter")
    row = page.get_by_role("table", name="Conversations").locator("tbody tr")
    page.wait_for_url("**number=0001*")
    row.filter(has_text="Abandoned").filter(has_text="Orders & 🪑 (sales)").get_by_role("link").click()
    page.get_by_role("heading", name="Why: Abandoned").wait_for()
    assert "• Hung up in the queue sales after 47 s" in page.locator(".st-key-why").inner_text()
    quiet.fits()
    page.get_by_role("table", name="Calls of this conversation").get_by_role("link").click()
    page.locator(".facts h1", has_text=LOST).wait_for()
    page.locator(".facts", has_text="queue Orders & 🪑 (sales)").wait_for()


def test_a_figure_is_opened_down_to_its_rows(quiet: Place) -> None:
    page, metric = quiet.page, metrics.BY_ID["service_level"]
    quiet.go("Numbers")
    figure = page.get_by_role("table", name="Queues and agents").get_by_role("link", name=metric.title, exact=True)
    figure.wait_for()
    quiet.fits()
    figure.click()
    page.get_by_text(f"Definition {metric.metric_id}, version {metric.version}").wait_for()
    page.get_by_text("50.0 %", exact=True).first.wait_for()
    rivals = page.get_by_role("table", name="Rivals").locator("tbody tr")
    assert rivals.count() == len(metric.variants)
    page.get_by_role("table", name="Rows: Counted").wait_for()
    quiet.fits()
    page.get_by_text("Divided by", exact=True).click()
    rows = page.get_by_role("table", name="Rows: Divided by").locator("tbody tr")
    rows.nth(1).wait_for()
    assert rows.count() == 2
    assert rows.filter(has_text=HAPPY).get_by_role("link").get_attribute("href") == f"/review?call={quiet.happy}"


def test_a_report_is_ordered_and_ended(quiet: Place) -> None:
    page = quiet.page
    quiet.go("Reports")
    page.get_by_text("No report comes by mail yet.").wait_for()
    quiet.fits()
    field = page.get_by_role("combobox", name="To")
    field.click()
    page.get_by_role("option", name="Maria (maria@acme.test)").click()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Send from now on").click()
    page.get_by_text("Every Monday, about the week before, at 07:00, to Maria").wait_for()
    assert len(reports.schedules(quiet.db, quiet.tenant.tenant_id)) == 1
    page.get_by_role("button", name="Send no more").click()
    page.get_by_text("No report comes by mail yet.").wait_for()
    assert reports.schedules(quiet.db, quiet.tenant.tenant_id) == []


def test_what_a_filter_shows_is_taken_along(quiet: Place) -> None:
    page = quiet.page
    page.goto(f"{quiet.base}/?number={REGAINED[-4:]}")
    page.locator("table.calls tbody tr").nth(1).wait_for()
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    with download.value.path().open(newline="", encoding="utf-8-sig") as file:
        assert {(r["caller_number"], r["callee_number"]) for r in csv.DictReader(file)} == {
            (REGAINED, derivedlake.LINE), ("101", REGAINED),
        }  # fmt: skip


def test_words_of_a_running_call_are_taken_no_more_at_the_press_of_a_switch(quiet: Place) -> None:
    page, call_id, recording_id = quiet.page, "e" * 32, "d" * 32
    detail = {"caller": "101", "callee": "102", "since": "2026-03-04T05:06:07.000Z", "recording_id": recording_id}
    row = CallRow(quiet.tenant.tenant_id, call_id, "talking", ("101", "102"), "", detail)
    presence.write(quiet.db, SystemClock(), "worker-0", [row], [], [])
    said = (livetext.Line(1, Party.CALLER, 0.0, 4.0, "my card number is"),)
    heard = (quiet.tenant.tenant_id, call_id, recording_id, "101", "102", livetext.State.LISTENING)
    livetext.write(quiet.settings.live_dir, livetext.LiveText(*heard, lines=said))
    quiet.go("Live")
    page.locator(".running-call", has_text="101").click()
    words = page.locator(".spoken .utterance", has_text="my card number is")
    words.wait_for()
    page.get_by_role("button", name="Take no words from this call").click()
    page.locator(".spoken .note", has_text="no words are taken from it").wait_for()
    words.wait_for(state="detached")
    assert jobcontrol.forbidden(quiet.db, quiet.tenant.tenant_id, call_id)
    page.get_by_role("button", name="Take words again").click()
    words.wait_for()
    assert not jobcontrol.forbidden(quiet.db, quiet.tenant.tenant_id, call_id)


def test_the_menu_changes_the_page_once_and_leads_back_to_its_beginning(quiet: Place) -> None:
    tab = quiet.page.context.new_page()
    tab.clock.install()
    tab.goto(f"{quiet.base}/live")
    menu = tab.get_by_role("navigation", name="Pages")
    menu.get_by_role("link", name="Search").click()
    tab.get_by_text("What can be typed").wait_for()
    tab.evaluate("window.kept = true")
    tab.clock.fast_forward(30_000)
    tab.get_by_label("Said in any call").fill("zeppelin")
    tab.get_by_label("Said in any call").press("Enter")
    tab.get_by_text("Nobody said that").wait_for()
    menu.get_by_role("link", name="Search").click()
    tab.get_by_text("What can be typed").wait_for()
    assert tab.evaluate("window.kept"), "everything was loaded anew"
    tab.close()


def test_words_are_put_right_by_key_survive_crashes_and_are_put_back(place: Place) -> None:
    page, said = place.page, place.page.locator(".utterance .said").nth(1)
    page.goto(f"{place.base}/review?call={place.office.spoken.cdr.call_id}")
    heard = said.inner_text()
    said.focus()
    page.keyboard.press("Enter")
    field = page.locator(".rewrite")
    field.fill("my boiler <b> is out")
    page.reload()
    field.wait_for()
    assert field.input_value() == "my boiler <b> is out"
    place.web.kill()
    field.press("Enter")
    page.locator(".unsent", has_text="kept here and sent again").wait_for()
    place.web.start()
    page.locator(".utterance .edited", has_text="Changed by Maria").wait_for()
    assert said.inner_text() == "my boiler <b> is out"
    assert said.locator(".written").all_inner_texts() == ["<b>"]
    said.focus()
    page.keyboard.press("F2")
    field.fill("never mind")
    page.keyboard.press("Escape")
    field.wait_for(state="detached")
    page.locator(".edited").get_by_role("button", name="History").click()
    page.locator(".history li", has_text="The engine heard").get_by_role("button", name="Put this back").click()
    page.locator(".utterance .edited").wait_for(state="detached")
    assert said.inner_text() == heard
    with place.db.connect() as connection:
        kept = connection.execute(
            sa.select(schema.transcript_edit.c.text).order_by(schema.transcript_edit.c.changed_seq)
        )
        assert kept.scalars().all() == ["my boiler <b> is out", None]


def test_who_is_overtaken_sees_it_and_decides(place: Place) -> None:
    page = place.page
    page.goto(f"{place.base}/review?call={place.office.spoken.cdr.call_id}")
    utterance = page.locator(".utterance").nth(2)
    utterance.get_by_role("button", name="Change").click()
    utterance.locator(".rewrite").fill("what Maria heard")
    other = page.context.new_page()
    other.goto(page.url)
    other.locator(".rewrite").wait_for()  # the same person: her draft is there too
    other.locator(".rewrite").fill("what another tab heard")
    other.locator(".rewrite").press("Enter")
    other.locator(".utterance .edited").wait_for()
    other.close()
    utterance.locator(".rewrite").press("Enter")
    utterance.locator(".unsent", has_text="There stands now: “what another tab heard”").wait_for()
    utterance.get_by_role("button", name="Replace it with mine").click()
    page.locator(".utterance .said", has_text="what Maria heard").wait_for()
    page.locator(".unsent").wait_for(state="detached")
    with place.db.connect() as connection:
        kept = connection.scalars(
            sa.select(schema.transcript_edit.c.text).order_by(schema.transcript_edit.c.changed_seq)
        ).all()
    assert kept[-2:] == ["what another tab heard", "what Maria heard"]


def test_a_word_is_searched_and_heard_at_its_second(place: Place) -> None:
    page, spoken = place.page, place.office.spoken
    page.goto(f"{place.base}/search")
    page.get_by_text("What can be typed").wait_for()
    page.wait_for_function("() => !document.querySelector('[data-testid=stStatusWidget]')")
    field = page.get_by_label("Said in any call")
    field.fill("colleague o'clock")
    field.press("Enter")
    hit = page.locator(".found li", has_text="three o'clock")
    hit.locator("mark", has_text="colleague").wait_for()
    hit.locator("a").click()
    page.wait_for_url(f"**/review?*call={spoken.cdr.call_id}*")
    page.locator(".utterance .word").first.wait_for()
    assert spoken.transcript is not None
    word = next(w for w in spoken.transcript.utterances[4].words if w.text == "colleague")
    page.locator(".word.now", has_text="colleague").wait_for()
    assert page.locator(".clock").inner_text().startswith(f"0:{int(word.start_s):02}")
    with page.expect_download() as download:
        page.locator(".files").get_by_role("link", name="WebVTT").click()
    assert download.value.suggested_filename.endswith(".vtt")
    assert "colleague can be with you" in download.value.path().read_text()
