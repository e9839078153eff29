"""Running calls over REST: who sees which, why there are no words, and what looking at one does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from dashboard import asgi
from dashboard.web import context as web_context
from dashboard.web.context import Context
from pbx_core.domain.model import Extension
from pbx_core.domain.model_speech import Redaction, Speech
from pbx_core.domain.records import Party
from pbx_core.store import directory, following, jobcontrol, livetext, models, presence, sessions
from pbx_core.store.livetext import Line, LiveText, State
from pbx_core.store.presence import CallRow
from pbx_core.store.schema import audit, followed_call, live_call, person
from tests.support.web import csrf

CALL, OTHER, RECORDING = "1" * 32, "2" * 32, "5" * 32


def run(
    context: Context, tenant: directory.Tenant, call_id: str = CALL, extensions: tuple[str, ...] = ("101",), **detail
):
    """A call of this tenant that runs."""
    seen = {
        "caller": "101", "callee": "+996700123456", "since": "2026-03-04T05:06:07.000Z", "queue": "", "paused": False,
        "recording_id": RECORDING, "legs": {"caller": "101", "callee": "+996700123456"}, **detail,
    }  # fmt: skip
    state = seen.pop("state", "talking")
    row = CallRow(tenant.tenant_id, call_id, state, extensions, "", seen)
    presence.write(context.db, context.clock, "worker-0", [row], [], [])


def heard(context: Context, tenant: directory.Tenant, **more) -> LiveText:
    """Words of that call."""
    lines = (
        Line(1, Party.CALLER, 1.0, 2.0, "hello"),
        Line(2, Party.CALLEE, 3.0, 4.0, "yes"),
        Line(0, Party.CALLER, 5.0, 6.0, "and"),
    )
    text = LiveText(tenant.tenant_id, CALL, RECORDING, "101", "", State.LISTENING, lines=lines, **more)
    livetext.write(context.settings.live_dir, text)
    return text


@pytest.fixture(autouse=True)
def quiet(context: Context, town) -> Iterator[None]:
    """Every test begins and ends without calls, and with the model as it was."""
    yield
    with context.db.begin() as connection:
        for table in (live_call, followed_call):
            connection.execute(sa.delete(table))
        connection.execute(sa.update(person).values(originals=False))
    for key in livetext.kept(context.settings.live_dir):
        livetext.remove(context.settings.live_dir, *key)
    jobcontrol.allow(context.db, town.acme.tenant_id, CALL)
    wish(context, town, Speech())


def wish(context: Context, town, speech: Speech) -> None:
    """Change what the tenant wishes."""
    _, model = models.active(context.db, town.acme.tenant_id)
    changed = replace(model, speech=speech, extensions=tuple(Extension(n) for n in speech.never))
    if changed != model:
        models.apply(context.db, context.clock, town.acme.tenant_id, changed, "test")


def test_running_calls_are_listed_for_their_own_tenant_only(browser, context: Context, town) -> None:
    run(context, town.acme)
    run(context, town.birch, OTHER)
    answer = browser("manager@acme.test").get("/api/live").json()
    (call,) = answer["calls"]
    assert call["call_id"] == CALL and call["recorded"] and call["callee"] == "+996700123456"
    assert [c["call_id"] for c in browser("owner@birch.test").get("/api/live").json()["calls"]] == [OTHER]
    assert browser().get("/api/live").status_code == 401


@pytest.mark.parametrize(("who", "seen"), [("owner", True), ("manager", True), ("analyst", True), ("agent", False)])
def test_an_agent_sees_the_calls_of_his_own_extension(browser, context: Context, town, who: str, seen: bool) -> None:
    run(context, town.acme, OTHER, ("102",), caller="101")  # a caller from outside may show any number
    run(context, town.acme, CALL, ("101", "103"))
    client = browser(f"{who}@acme.test")
    assert {c["call_id"] for c in client.get("/api/live").json()["calls"]} == ({CALL, OTHER} if seen else {CALL})
    assert client.get(f"/api/live/{OTHER}").status_code == (200 if seen else 404)
    look = client.post(f"/api/live/{OTHER}/look", headers=csrf(client))
    assert look.status_code == (200 if seen else 404)
    assert bool(following.wanted(context.db, context.clock)) is seen


def test_another_tenants_call_looks_like_none_and_is_not_followed(browser, context: Context, town) -> None:
    run(context, town.acme)
    heard(context, town.acme)
    client = browser("owner@birch.test")
    for path in (CALL, "3" * 32, "x", CALL.upper() + "%00"):
        assert client.get(f"/api/live/{path}").json() == {"error": "not_found", "message": "There is no such call."}
    assert client.post(f"/api/live/{CALL}/look", headers=csrf(client)).status_code == 404
    assert following.wanted(context.db, context.clock) == []


def test_words_are_sent_once_and_the_unfinished_always(browser, context: Context, town) -> None:
    run(context, town.acme)
    client = browser("manager@acme.test")
    assert client.get(f"/api/live/{CALL}").json()["state"] == "starting"
    text = heard(context, town.acme, heard_s=6.0, recorded_s=8.5)
    first = client.get(f"/api/live/{CALL}").json()
    assert [line["text"] for line in first["lines"]] == ["hello", "yes", "and"] and first["behind_s"] == 2.5
    known = {"key": first["key"], "after": 2}
    assert [line["number"] for line in client.get(f"/api/live/{CALL}", params=known).json()["lines"]] == [0]
    livetext.write(context.settings.live_dir, replace(text, epoch=1))
    again = client.get(f"/api/live/{CALL}", params=known).json()
    assert again["key"] != first["key"] and len(again["lines"]) == 3


def test_a_manager_switches_the_words_of_one_call_off_and_on_again(browser, context: Context, town) -> None:
    run(context, town.acme)
    heard(context, town.acme)
    manager, path = browser("manager@acme.test"), f"/api/live/{CALL}/transcription"
    assert manager.get(f"/api/live/{CALL}").json()["may_switch"]
    for _ in range(2):
        assert manager.post(path, json={"on": False}, headers=csrf(manager)).json() == {"transcription": False}
        assert manager.get(f"/api/live/{CALL}").json()["state"] == "private"
    for who, status in (("analyst@acme.test", 403), ("owner@birch.test", 404)):
        client = browser(who)
        assert client.post(path, json={"on": True}, headers=csrf(client)).status_code == status
    assert jobcontrol.forbidden(context.db, town.acme.tenant_id, CALL)
    assert manager.post(path, json={"on": True}, headers=csrf(manager)).json() == {"transcription": True}
    assert manager.get(f"/api/live/{CALL}").json()["state"] == "listening"
    with context.db.connect() as connection:
        noted = list(
            connection.execute(sa.select(audit.c.action).where(audit.c.action.like("transcription_o%"))).scalars()
        )
    assert sorted(noted) == ["transcription_off", "transcription_on"]


def test_looking_follows_the_call_and_is_written_down(browser, context: Context, town) -> None:
    run(context, town.acme)
    one, two = browser("manager@acme.test"), browser("owner@acme.test")
    assert one.post(f"/api/live/{CALL}/look").status_code == 403
    assert following.wanted(context.db, context.clock) == []
    for client in (one, two, one):
        assert client.post(f"/api/live/{CALL}/look", headers=csrf(client)).json() == {"for_s": following.LOOK_S}
    assert len(following.wanted(context.db, context.clock)) == 1
    with context.db.connect() as connection:
        noted = connection.execute(sa.text("SELECT person_id FROM audit WHERE action = 'read_along'")).scalars().all()
    assert len(set(noted)) == len(noted) == 2


@pytest.mark.parametrize(
    ("why", "state", "sentence"),
    [
        ("tenant", "off", "Transcription is off for your organisation"),
        ("extension", "off", "Transcription is off for extension 101"),
        ("call", "private", "switched off for this call"),
        ("hidden", "hidden", "hides numbers or names"),
        ("unrecorded", "not_recorded", "not recorded, so there is nothing to follow"),
        ("ringing", "waiting", "begin when two people talk"),
    ],
)
def test_the_page_says_why_there_are_no_words(
    browser, context: Context, town, why: str, state: str, sentence: str
) -> None:
    run(
        context,
        town.acme,
        **{"unrecorded": {"recording_id": ""}, "ringing": {"recording_id": "", "state": "ringing"}}.get(why, {}),
    )
    heard(context, town.acme)
    match why:
        case "tenant":
            wish(context, town, Speech(transcribe=False))
        case "extension":
            wish(context, town, Speech(never=("101",)))
        case "call":
            jobcontrol.forbid(context.db, context.clock, town.acme.tenant_id, CALL, "somebody")
        case "hidden":
            wish(context, town, Speech(redact=Redaction(cards=True)))
    client = browser("manager@acme.test")
    answer = client.get(f"/api/live/{CALL}").json()
    assert answer["state"] == state and sentence in answer["sentence"] and answer["lines"] == []
    refused = client.post(f"/api/live/{CALL}/look", headers=csrf(client))
    assert refused.status_code == 409 and refused.json()["error"] == state
    assert following.wanted(context.db, context.clock) == []


def test_who_has_the_right_to_originals_reads_along_though_something_is_hidden(browser, context: Context, town) -> None:
    run(context, town.acme)
    heard(context, town.acme)
    wish(context, town, Speech(redact=Redaction(names=("Miller",))))
    with context.db.begin() as connection:
        connection.execute(sa.update(person).where(person.c.email == "manager@acme.test").values(originals=True))
    assert len(browser("manager@acme.test").get(f"/api/live/{CALL}").json()["lines"]) == 3
    assert browser("owner@acme.test").get(f"/api/live/{CALL}").json()["lines"] == []


def test_a_page_that_refreshes_itself_does_not_keep_anybody_signed_in(browser, context: Context, clock) -> None:
    client = browser("manager@acme.test")
    idle = timedelta(seconds=context.settings.session_idle_s / 2 + 60)
    clock.ahead += idle
    assert client.get("/api/live").status_code == 200
    clock.ahead += idle
    assert client.get("/api/live").status_code == 401


@pytest.mark.parametrize("role", ["manager", "agent"])
def test_the_page_is_drawn_for_every_role(context: Context, role: str) -> None:
    web_context.install(context)
    test = AppTest.from_file(str(asgi.SCRIPT), default_timeout=60)
    who = directory.person_by_email(context.db, f"{role}@acme.test")
    assert who
    made = sessions.open_session(context.db, context.clock, who.tenant_id, who.person_id)
    test.user = {"session": sessions.digest(made.token)}
    test.run()
    test.switch_page("views/live.py").run()
    assert not test.exception
    assert [e.proto.component_name for e in test.get("bidi_component")] == ["callbench_bar", "callbench_live"]
