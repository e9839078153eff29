"""A person in front of a real browser puts a transcript right and finds words again, whatever crashes meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa

from pbx_core.clock import SystemClock
from pbx_core.settings import Settings, load
from pbx_core.store import directory, engine, schema
from tests.support import browser as browsers
from tests.support import office
from tests.support.webserver import WebServer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not browsers.CHROMIUM.exists(), reason="Chromium is not installed: apt install chromium"),
]
WAIT_MS = 90_000


@dataclass
class Place:
    """A running dashboard; `page` is a manager's, signed in."""

    settings: Settings
    db: sa.Engine
    web: WebServer
    office: office.Office
    page: Any


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    settings = load(tmp_path_factory.mktemp("words") / "data")
    db, clock = engine.migrate(settings), SystemClock()
    tenant = directory.add_tenant(db, clock, "acme.test", "acme.test", time_zone="Asia/Bishkek")
    for name in ("maria", "nurlan"):
        directory.add_person(db, clock, tenant.tenant_id, f"{name}@acme.test", name.title(), "manager", "correct horse")
    furnished = office.furnish(settings, clock, tenant, count=2)
    web = WebServer(settings)
    web.start()
    with browsers.chromium() as browser:
        context = browser.new_context(viewport=browsers.DESKTOP)
        context.set_default_timeout(WAIT_MS)
        watch = browsers.Watch(web.base.split("//")[1])
        watch.on(context)
        page = context.new_page()
        browsers.sign_in(page, web.base, "maria@acme.test", "correct horse")
        yield Place(settings, db, web, furnished, page)
        assert watch.foreign == [] and watch.dialogs == []
    assert web.stop() == 0
    db.dispose()


def test_words_are_put_right_by_key_survive_crashes_and_are_put_back(place: Place) -> None:
    page, said = place.page, place.page.locator(".utterance .said").nth(1)
    page.goto(f"{place.web.base}/review?call={place.office.spoken.cdr.call_id}")
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
    page.goto(f"{place.web.base}/review?call={place.office.spoken.cdr.call_id}")
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


def test_a_word_is_searched_and_heard_at_its_second(place: Place) -> None:
    page, spoken = place.page, place.office.spoken
    page.goto(f"{place.web.base}/search")
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
