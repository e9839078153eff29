"""A person in front of a real browser: finds a call, hears it, comments on it, and nothing foreign happens."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from pbx_core.clock import SystemClock
from pbx_core.domain.records import Disposition, Party
from pbx_core.settings import Settings, load
from pbx_core.store import directory, engine, following, jobs, livetext, presence, schema
from pbx_core.store.presence import CallRow
from tests.support import browser as browsers
from tests.support import facts, office
from tests.support.waiting import until
from tests.support.webserver import WebServer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not browsers.CHROMIUM.exists(), reason="Chromium is not installed: apt install chromium"),
]
WAIT_MS = 90_000
_SECONDS = "n.textContent.split(' / ')[0].split(':').reduce((all, part) => 60 * all + +part, 0)"


@dataclass
class Place:
    """A running dashboard with two tenants' calls."""

    settings: Settings
    db: sa.Engine
    web: WebServer
    acme: directory.Tenant
    office: office.Office
    neighbour: office.Office

    def said_at(self, utterance: int, word: int) -> int:
        """The second at which somebody says a word of the newest call."""
        assert self.office.spoken.transcript is not None
        return int(self.office.spoken.transcript.utterances[utterance].words[word].start_s + 0.01)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    settings = load(tmp_path_factory.mktemp("dashboard") / "data")
    db, clock = engine.migrate(settings), SystemClock()
    tenants, offices = [], []
    for domain in ("acme.test", "birch.test"):
        tenant = directory.add_tenant(db, clock, domain, domain, time_zone="Asia/Bishkek")
        directory.add_person(db, clock, tenant.tenant_id, f"manager@{domain}", "Maria", "manager", "correct horse")
        tenants.append(tenant)
        offices.append(office.furnish(settings, clock, tenant, count=20))
    web = WebServer(settings)
    web.start()
    yield Place(settings, db, web, tenants[0], *offices)
    assert web.stop() == 0
    db.dispose()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browsers.chromium() as browser:
        yield browser


@dataclass
class Visit:
    """A signed-in page and what was noticed on it."""

    page: Any
    watch: browsers.Watch
    base: str

    def open(self, path: str) -> None:
        self.page.goto(f"{self.base}{path}")

    def review(self, call: facts.Call) -> None:
        self.open(f"/review?call={call.cdr.call_id}")
        self.page.locator(".facts h1").wait_for()

    def seconds(self) -> int:
        minutes, seconds = self.page.locator(".clock").inner_text().split(" / ")[0].split(":")
        return 60 * int(minutes) + int(seconds)

    def heard(self, second: int) -> None:
        """Wait until the sound is there or beyond: a busy machine shows not every second."""
        self.page.wait_for_function(_deep(".clock", f"{_SECONDS} >= {second}"))

    def pause(self) -> int:
        """By key; the second at which it stands still."""
        self.page.keyboard.press("k")
        self.page.wait_for_function(_deep(".transport .play", "n.getAttribute('aria-label').startsWith('Play')"))
        return self.seconds()

    def shown(self) -> Any:
        """Every second that the clock shows from now on, however shortly."""
        watch = f"new MutationObserver(() => all.push({_SECONDS})).observe(n, {{ childList: true }})"
        script = f"n => {{ const all = []; {watch}; return all; }}"
        return self.page.locator(".clock").evaluate_handle(script)


@pytest.fixture
def visit(place: Place, chromium: Any) -> Iterator[Visit]:
    yield from _visit(place, chromium, viewport=browsers.DESKTOP)


@pytest.fixture
def phone(place: Place, chromium: Any) -> Iterator[Visit]:
    yield from _visit(place, chromium, viewport=browsers.PHONE, is_mobile=True, has_touch=True)


def _visit(place: Place, chromium: Any, **options: Any) -> Iterator[Visit]:
    context = chromium.new_context(**options)
    context.set_default_timeout(WAIT_MS)
    watch = browsers.Watch(place.web.base.split("//")[1])
    watch.on(context)
    page = context.new_page()
    browsers.sign_in(page, place.web.base, "manager@acme.test", "correct horse")
    yield Visit(page, watch, place.web.base)
    assert watch.foreign == [] and watch.dialogs == []
    context.close()


def test_a_call_is_found_heard_and_followed_word_by_word(visit: Visit, place: Place) -> None:
    page = visit.page
    row = page.locator("table.calls tbody tr", has_text="Alice (101)")
    row.first.click()
    page.locator(".utterance .word").first.wait_for()
    assert place.office.spoken.cdr.call_id in page.url
    page.locator(".transport .play").click()
    visit.heard(2)
    page.locator(".word.now").wait_for()
    shown, said_at = visit.shown(), place.said_at(3, 2)
    page.locator(".utterance").nth(3).locator(".word").nth(2).click()
    visit.heard(said_at)
    assert said_at in shown.json_value()
    held = visit.pause()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(_deep(".clock", f"{_SECONDS} === {held - 5}"))
    with place.db.connect() as connection:
        heard = connection.execute(sa.select(schema.audit.c.object_id).where(schema.audit.c.action == "listened"))
        assert place.office.spoken.recording and place.office.spoken.recording.recording_id in set(heard.scalars())


def test_who_presses_before_the_sound_is_there_hears_it_from_where_he_pressed(visit: Visit, place: Place) -> None:
    page = visit.page
    asked: list[Any] = []
    page.route("**/peaks", lambda route: asked.append(route))
    visit.review(place.office.spoken)
    play, said_at = page.locator(".transport .play"), place.said_at(3, 2)
    page.locator(".utterance").nth(3).locator(".word").nth(2).click()
    assert (visit.seconds(), play.get_attribute("aria-label")) == (said_at, "Pause (space)")
    for expected in ("Play (space)", "Pause (space)"):
        play.click()
        assert play.get_attribute("aria-label") == expected
    until(lambda: page.wait_for_timeout(50) or asked, what="the waveform asked for")
    asked[0].continue_()
    visit.heard(said_at + 2)
    assert visit.pause() > said_at


def test_doubtful_words_are_marked_and_hostile_ones_are_just_text(visit: Visit, place: Place) -> None:
    visit.review(place.office.spoken)
    visit.page.locator(".word.unsure").first.wait_for()
    assert visit.page.locator(".word.unsure").all_inner_texts() == ["four", "seven", "one", "one"]
    assert "<img src=http://canary.invalid" in visit.page.locator(".utterance").nth(4).inner_text()
    visit.review(place.office.other)
    assert "![x](http://canary.invalid/name.png)" in visit.page.locator(".facts h1").inner_text()
    assert visit.page.locator("img[src*=canary]").count() == 0


def test_what_was_said_is_found_by_tag_shown_as_text_and_heard_from_its_second(visit: Visit, place: Place) -> None:
    page, spoken = visit.page, place.office.spoken
    visit.open("/?tag=no%20heating")
    row = page.locator("table.calls tbody tr")
    row.locator(".chip.alert").wait_for()
    assert row.count() == 1
    assert row.locator(".chip").all_inner_texts() == ["Alert", "<b>booked</b>", "no heating", "script"]
    row.locator("a.open").click()
    panel = page.locator(".meaning")
    panel.locator(".marks").first.wait_for()
    assert spoken.cdr.call_id in page.url
    boiler, appointment = panel.get_by_label("Phrases heard").locator("li").all_inner_texts()
    assert "onerror=alert(1)>" in boiler
    assert "this <img src=http://canary.invalid/word.png" in appointment
    assert page.locator("img[src*=canary]").count() == 0
    assert panel.locator(".script").first.locator("li").evaluate_all("all => all.map((n) => n.className)") == [
        "said", "late", "missing",
    ]  # fmt: skip
    panel.locator(".marks .at").nth(1).click()
    visit.heard(19)
    assert visit.pause() >= 19
    panel.get_by_role("link", name="no heating").click()
    page.wait_for_url("**/?tag=no%20heating")


def test_a_comment_is_pinned_to_its_second_and_survives_a_crash_of_the_server(visit: Visit, place: Place) -> None:
    page = visit.page
    visit.review(place.office.spoken)
    page.locator(".utterance .at").nth(2).click()  # plays from 8 s
    visit.heard(9)
    held = visit.pause()
    page.keyboard.press("c")
    page.keyboard.type("say your name first <b>")
    place.web.kill()
    page.locator(".comment-form .primary").click()
    page.locator(".comments .waiting", has_text="kept here and sent again").wait_for()
    place.web.start()
    page.locator(".comments li[data-id]", has_text="say your name first <b>").wait_for()
    page.locator(".cb-marker").first.wait_for(state="attached")
    place.web.kill()
    place.web.start()
    page.reload()
    item = page.locator(".comments li[data-id]", has_text="say your name first <b>")
    item.wait_for()
    assert item.count() == 1
    pinned = item.locator("button.at").inner_text()
    assert pinned in (f"0:{held:02}", f"0:{held + 1:02}")  # kept to the hundredth, rounded
    item.locator("button.at").click()
    page.wait_for_function(_deep(".clock", f"n.textContent.startsWith('{pinned}')"))
    with place.db.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(schema.comment)) == 1


def test_a_comment_written_while_the_server_is_away_survives_a_reload_too(visit: Visit, place: Place) -> None:
    page = visit.page
    visit.review(place.office.other)
    page.locator(".comment-form textarea").fill("kept in the browser")
    page.route("**/comments", lambda route: route.abort())
    page.locator(".comment-form .primary").click()
    page.locator(".comments .waiting", has_text="sent again").wait_for()
    page.unroute("**/comments")
    page.reload()
    page.locator(".comments li[data-id]", has_text="kept in the browser").wait_for()


def test_comments_written_in_two_tabs_while_the_server_is_away_are_both_kept(visit: Visit, place: Place) -> None:
    tabs = [visit.page, visit.page.context.new_page()]
    for tab in tabs:
        tab.goto(f"{visit.base}/review?call={place.office.other.cdr.call_id}")
        tab.locator(".comment-form textarea").wait_for()
        tab.route("**/comments", lambda route: route.abort())
    for tab, text in zip(tabs, ("from the first tab", "from the second tab"), strict=True):
        tab.locator(".comment-form textarea").fill(text)
        tab.locator(".comment-form .primary").click()
        tab.locator(".comments .waiting", has_text=text).wait_for()
    later = visit.page.context.new_page()
    for tab in tabs:
        tab.close()
    later.goto(f"{visit.base}/review?call={place.office.other.cdr.call_id}")
    for text in ("from the first tab", "from the second tab"):
        later.locator(".comments li[data-id]", has_text=text).wait_for()


def test_a_comment_half_written_is_there_when_one_comes_back(visit: Visit, place: Place) -> None:
    page = visit.page
    visit.review(place.office.spoken)
    page.locator(".comment-form textarea").fill("I was about to say")
    page.get_by_role("link", name="Older call").click()
    page.wait_for_url(f"**call={place.office.other.cdr.call_id}*")
    page.locator(".facts h1", has_text=place.office.other.cdr.callee_number).wait_for()
    page.wait_for_function(_deep(".comment-form textarea", "n.value === ''"))
    page.get_by_role("link", name="Newer call").click()
    page.wait_for_function(_deep(".comment-form textarea", "n.value === 'I was about to say'"))
    page.locator(".comment-form .primary").click()
    page.locator(".comments li[data-id]", has_text="I was about to say").wait_for()
    page.reload()
    page.locator(".facts h1").wait_for()
    assert page.locator(".comment-form textarea").input_value() == ""


def test_one_step_back_leads_to_the_place_in_the_list(visit: Visit, place: Place) -> None:
    page = visit.page
    cursor = page.request.get(f"{visit.base}/api/calls?number=10&limit=5").json()["next_cursor"]
    visit.open(f"/?number=10&cursor={cursor}")
    row = page.locator("table.calls tbody tr a.open").nth(2)
    row.wait_for()
    page.wait_for_function("() => !document.querySelector('[data-testid=stStatusWidget]')")
    listed, opened = page.url, row.get_attribute("href")
    for way_back in (page.go_back, page.get_by_role("link", name="All calls").click):
        row.click()
        page.wait_for_url("**/review?**")
        page.locator(".facts h1").wait_for()
        way_back()
        page.wait_for_function("() => location.pathname === '/'")
        row.wait_for()
        here = set(page.url.split("?")[1].split("&"))
        assert here == set(listed.split("?")[1].split("&"))
        assert row.get_attribute("href") == opened


def test_a_list_says_what_came_of_each_recording(visit: Visit, place: Place) -> None:
    clock, rng = SystemClock(), random.Random(3)
    at = clock.now() - timedelta(days=30)
    lost = facts.make_call(rng, place.acme, at, disposition=Disposition.ANSWERED, recorded=False)
    poor = facts.make_call(rng, place.acme, at, disposition=Disposition.ANSWERED, recorded=True, said=["hello"])
    assert poor.recording
    exact = "starved: 1.1 % of the caller's frames"
    poor = replace(poor, recording=replace(poor.recording, quality="degraded", quality_reason=exact))
    facts.write(place.settings, clock, [lost, poor])
    office.load(place.settings)
    visit.open(f"/?until={at + timedelta(days=1):%Y-%m-%d}")
    for call, told in ((lost, "Not recorded"), (poor, "faulty")):
        visit.page.locator("tr", has=visit.page.locator(f"a[href*='{call.cdr.call_id}']")).get_by_text(told).wait_for()
    visit.review(poor)
    visit.page.locator(".warn", has_text="short pieces of the caller's voice (1.1 %)").wait_for()
    assert visit.page.locator(".warn .exact").inner_text() == exact
    visit.review(lost)
    visit.page.locator(".silent", has_text="The disk for recordings was almost full").wait_for()


def test_next_and_previous_by_key_walk_the_list(visit: Visit, place: Place) -> None:
    page = visit.page
    visit.review(place.office.spoken)
    page.locator(".utterance").first.wait_for()
    for key, call in (("n", place.office.other), ("n", place.office.missed), ("p", place.office.other)):
        page.keyboard.press(key)
        page.wait_for_url(f"**call={call.cdr.call_id}*")
        page.locator(".facts h1", has_text=call.cdr.callee_number).wait_for()
    page.keyboard.press("?")
    page.locator("dialog.help[open]").wait_for()


def test_a_call_without_answer_says_why_there_is_no_sound(visit: Visit, place: Place) -> None:
    visit.review(place.office.missed)
    visit.page.locator(".silent", has_text="There is no recording: not answered").wait_for()
    assert visit.page.locator(".transport").count() == 0


def test_a_waiting_transcript_appears_by_itself(visit: Visit, place: Place) -> None:
    page, clock = visit.page, SystemClock()
    recording = place.office.waiting.recording
    assert recording
    for job_id in ("earlier", recording.recording_id):
        jobs.enqueue(place.db, clock, "transcribe", job_id, place.acme.tenant_id, {})
    visit.review(place.office.waiting)
    page.locator(".transcript .note", has_text="queued, it is next").wait_for()  # because somebody looks
    taken = jobs.lease(place.db, clock, "transcribe", "test", 60)
    assert taken and taken.job_id == recording.recording_id
    page.locator(".transcript .note", has_text="running").wait_for()
    jobs.finish(place.db, clock, taken, "the model is missing")
    page.locator(".transcript .note", has_text="failed: the model is missing").wait_for()
    page.get_by_role("button", name="Try again").click()
    page.locator(".transcript .note", has_text="queued, it is next").wait_for()


def test_another_tenants_call_is_not_there(visit: Visit, place: Place) -> None:
    visit.open(f"/review?call={place.neighbour.spoken.cdr.call_id}")
    visit.page.get_by_text("There is no such call").wait_for()
    visit.open("/review?call=" + "0" * 32)
    visit.page.get_by_text("There is no such call").wait_for()


def test_signing_out_ends_it_everywhere(place: Place, chromium: Any) -> None:
    for visit in _visit(place, chromium, viewport=browsers.DESKTOP):
        other = visit.page.context.new_page()
        other.goto(f"{visit.base}/overview")
        other.locator(".js-plotly-plot").first.wait_for()
        visit.page.get_by_role("button", name="Sign out").click()
        visit.page.wait_for_url("**/auth/login")
        other.get_by_text("30 days").click()
        other.wait_for_function("() => /signed out|Sign in|CONNECTING|Connection/i.test(document.body.innerText)")
        other.goto(f"{visit.base}/overview")
        other.wait_for_url("**/auth/login**")


def test_every_page_fits_a_phone(phone: Visit, place: Place) -> None:
    page = phone.page
    for path, ready in (
        ("/", "table.calls tbody tr"),
        (f"/review?call={place.office.spoken.cdr.call_id}", ".utterance .word"),
        (f"/review?call={place.office.other.cdr.call_id}", ".utterance .word"),
        ("/live", ".calls-now .note"),
        ("/overview", ".js-plotly-plot"),
    ):
        phone.open(path)
        page.locator(ready).first.wait_for()
        assert page.evaluate("[document.documentElement.scrollWidth, innerWidth]") == [390, 390], path
        inner = "[...document.querySelectorAll('[data-testid=stMain]')].every(n => n.scrollWidth <= n.clientWidth)"
        assert page.evaluate(inner), path


def _deep(selector: str, condition: str) -> str:
    """A condition on the first element found, shadow roots included."""
    return f"""() => {{
      const find = (root) => {{
        const hit = root.querySelector({selector!r});
        if (hit) return hit;
        const roots = [...root.querySelectorAll("*")].map((n) => n.shadowRoot).filter(Boolean);
        for (const inner of roots) {{ const deep = find(inner); if (deep) return deep; }}
        return null;
      }};
      const n = find(document);
      return n !== null && ({condition});
    }}"""


def test_the_words_of_a_running_call_stay_in_sight_until_the_reader_scrolls_up(visit: Visit, place: Place) -> None:
    page, call_id, recording_id = visit.page, "e" * 32, "d" * 32
    detail = {"caller": "101", "callee": "102", "since": "2026-03-04T05:06:07.000Z", "recording_id": recording_id}
    row = CallRow(place.acme.tenant_id, call_id, "talking", ("101", "102"), "", detail)
    presence.write(place.db, SystemClock(), "worker-0", [row], [], [])

    def say(count: int) -> None:
        text = "<img src=http://canary.invalid/live.png> and so on, for a line or two of this talk"
        lines = tuple(livetext.Line(n, Party.CALLER, n * 5.0, n * 5.0 + 4, text) for n in range(1, count + 1))
        said = (place.acme.tenant_id, call_id, recording_id, "101", "102", livetext.State.LISTENING)
        livetext.write(place.settings.live_dir, livetext.LiveText(*said, lines=lines))

    def settled(count: int, where: str) -> None:
        """So many lines, and the reader stands there."""
        page.wait_for_function(
            _deep(".spoken .lines", f"n.querySelectorAll('.utterance').length === {count} && {where}")
        )

    end, top = "n.scrollTop + n.clientHeight > n.scrollHeight - 5 && n.scrollTop > 0", "n.scrollTop === 0"
    say(40)
    visit.open("/live")
    page.locator(".running-call", has_text="101").click()
    settled(40, end)
    say(41)
    settled(41, end)
    page.locator(".spoken .lines").evaluate("n => n.scrollTo(0, 0)")
    page.wait_for_function(_deep(".spoken .lines", top))
    say(42)
    settled(42, top)
    page.locator(".jump").wait_for()
    page.keyboard.press("End")
    settled(42, end)
    page.locator(".jump").wait_for(state="hidden")
    assert [f.call_id for f in following.wanted(place.db, SystemClock())] == [call_id]
    presence.write(place.db, SystemClock(), "worker-0", [], [(place.acme.tenant_id, call_id)], [])
    page.locator(".spoken .note", has_text="The call has ended").wait_for()
    assert page.locator(".spoken .note a").get_attribute("href") == f"/review?call={call_id}"
    page.keyboard.press("Escape")
    page.locator(".calls-now .note", has_text="No calls right now").wait_for()
