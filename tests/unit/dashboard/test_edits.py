"""Transcripts put right by people: who may, what is kept, two at once, and the history."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from pbx_core.store import schema
from tests.support.web import csrf

UNKNOWN = "0" * 32


def said(client, call_id: str, place: int = 1) -> dict:
    return client.get(f"/api/calls/{call_id}").json()["transcript"]["utterances"][place]


def change(client, call, text: str | None, *, seen: str = "", key: str = "key-00000001", place: int = 1, **more):
    heard = call.transcript.utterances[place]
    body = {
        "recording_id": call.recording.recording_id,
        "kind": "text",
        "reference": said(client, call.cdr.call_id, place)["reference"],
        "party": heard.party,
        "text": text,
        "seen": seen,
        **more,
    }
    headers = {**csrf(client), "Idempotency-Key": key}
    return client.post(f"/api/calls/{call.cdr.call_id}/edits", json=body, headers=headers)


@pytest.fixture(autouse=True)
def untouched(context) -> Iterator[None]:
    """The office is shared with other tests."""
    yield
    with context.db.begin() as connection:
        connection.execute(sa.delete(schema.transcript_edit))


def test_a_change_is_shown_with_its_author_and_put_back(browser, town) -> None:
    call, client = town.acme_office.spoken, browser("manager@acme.test")
    heard = call.transcript.utterances[1].text
    first = change(client, call, "  my boiler \n is out  ")
    assert first.status_code == 201
    now = said(client, call.cdr.call_id)
    assert now["text"] == "my boiler is out" and now["edited"]["text"]["author"] == "Manager of Acme Ltd"
    kept = {w["text"]: w for w in now["words"]}
    assert kept["boiler"]["p"] == 0.9 and all(w["start_s"] >= now["start_s"] for w in now["words"])
    back = change(client, call, None, seen=first.json()["edit_id"], key="key-00000002")
    assert back.status_code == 201 and said(client, call.cdr.call_id)["text"] == heard
    story = browser("analyst@acme.test").get(f"/api/calls/{call.cdr.call_id}/edits").json()
    assert [e["text"] for e in story["edits"]] == ["my boiler is out", None]
    assert story["heard"][now["reference"]]["text"] == heard
    with town.db.connect() as connection:
        acts = connection.execute(sa.select(schema.audit.c.action).where(schema.audit.c.action == "edited_transcript"))
        assert len(acts.all()) == 2


def test_the_later_of_two_wins_only_knowingly(browser, town) -> None:
    call = town.acme_office.spoken
    one, two = browser("manager@acme.test"), browser("second@acme.test")
    mine = change(one, call, "what one heard")
    late = change(two, call, "what two heard", key="key-of-the-second")
    assert late.status_code == 409 and late.json()["error"] == "changed_meanwhile"
    assert late.json()["now"]["text"] == "what one heard" and late.json()["now"]["author"] == "Manager of Acme Ltd"
    assert said(one, call.cdr.call_id)["text"] == "what one heard"
    again = change(two, call, "what two heard", seen=mine.json()["edit_id"], key="key-00000003")
    assert again.status_code == 201 and said(one, call.cdr.call_id)["text"] == "what two heard"


def test_the_same_request_twice_is_kept_once(browser, town) -> None:
    call, client = town.acme_office.spoken, browser("manager@acme.test")
    first, again = change(client, call, "once"), change(client, call, "once")
    assert (first.status_code, again.status_code) == (201, 201) and first.json() == again.json()
    assert change(client, call, "another").json()["error"] == "idempotency_conflict"
    assert change(client, call, "x", key="short").json()["error"] == "bad_idempotency_key"


def test_whose_words_and_what_they_are_called(browser, town) -> None:
    call, client = town.acme_office.spoken, browser("owner@acme.test")
    moved = change(client, call, "", kind="party", party="caller")
    named = change(client, call, "Bermet <b>", kind="name", reference="", party="caller", key="key-00000002")
    assert (moved.status_code, named.status_code) == (201, 201)
    transcript = client.get(f"/api/calls/{call.cdr.call_id}").json()["transcript"]
    assert transcript["utterances"][1]["party"] == "caller" and transcript["names"]["caller"] == "Bermet <b>"
    assert change(client, call, "  ", kind="name", party="callee", key="key-00000003").status_code == 400


@pytest.mark.parametrize("role", ["agent", "analyst"])
def test_who_only_reads_changes_nothing(browser, town, role: str) -> None:
    answer = change(browser(f"{role}@acme.test"), town.acme_office.spoken, "mine")
    assert answer.status_code == 403 and answer.json()["error"] == "may_not_edit"


def test_what_does_not_fit_is_refused_and_nothing_is_kept(browser, town) -> None:
    call, client = town.acme_office.spoken, browser("owner@acme.test")
    assert change(client, call, "w " * 401).status_code == 400
    assert change(client, call, "x" * 4001).status_code == 422
    assert change(client, call, "x", kind="gender").status_code == 422
    assert change(client, call, "x", reference="nothing-0001.00000000").json()["error"] == "heard_anew"
    assert change(client, call, "x", recording_id=UNKNOWN).status_code == 404
    theirs = town.birch_office.spoken.cdr.call_id
    assert client.post(f"/api/calls/{theirs}/edits", json={}, headers=csrf(client)).status_code == 422
    assert client.get(f"/api/calls/{theirs}/edits").status_code == 404
    plain = client.post(
        f"/api/calls/{call.cdr.call_id}/edits", json={"recording_id": "x", "kind": "text", "party": "caller"}
    )
    assert plain.status_code == 403  # no CSRF token
    not_the_agents = town.acme_office.other.cdr.call_id
    assert browser("agent@acme.test").get(f"/api/calls/{not_the_agents}/edits").status_code == 404
    with town.db.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(schema.transcript_edit)) == 0


@pytest.mark.parametrize("form", ["txt", "vtt", "srt", "json"])
def test_a_transcript_is_taken_along_as_it_stands(browser, town, form: str) -> None:
    call, client = town.acme_office.spoken, browser("manager@acme.test")
    change(client, call, "--> <i>hot</i> & cold", place=1)
    answer = browser("agent@acme.test").get(f"/api/calls/{call.cdr.call_id}/transcript?format={form}")
    assert answer.status_code == 200 and answer.headers["cache-control"] == "private, no-store"
    name = answer.headers["content-disposition"]
    assert name.startswith('attachment; filename="transcript-') and name.endswith(f'.{form}"') and name.isascii()
    assert "cold" in answer.text and "three o'clock" in answer.text
    assert answer.text.count("-->") == {"vtt": 6, "srt": 6, "txt": 1, "json": 2}[form]


def test_exports_follow_the_rules_of_the_recording(browser, town) -> None:
    client, agent = browser("owner@acme.test"), browser("agent@acme.test")
    path = "/api/calls/{}/transcript"
    assert client.get(path.format(town.birch_office.spoken.cdr.call_id)).status_code == 404
    assert agent.get(path.format(town.acme_office.other.cdr.call_id)).status_code == 404
    assert client.get(path.format(town.acme_office.waiting.cdr.call_id)).status_code == 404
    assert client.get(path.format(town.acme_office.spoken.cdr.call_id), params={"format": "exe"}).status_code == 400


def test_the_search_by_rest(browser, town) -> None:
    spoken = town.acme_office.spoken
    found = browser("analyst@acme.test").get("/api/search", params={"q": '"three o\'clock" colleague'}).json()
    assert found["total"] == 1 and found["hits"][0]["call_id"] == spoken.cdr.call_id
    marked = [word for word, hit in found["hits"][0]["words"] if hit]
    assert marked == ["colleague", "three", "o'clock"]
    agent = browser("agent@acme.test").get("/api/search", params={"q": "label"}).json()
    assert {h["call_id"] for h in agent["hits"]} == {spoken.cdr.call_id}  # not the call of 102 with 103
    for query in (
        "q=",
        "q=x&speaker=me",
        "q=x&page=0",
        "q=x&page=%C2%B2",
        "q=x&page=51",
        "q=x&since=soon",
        "q=" + "x" * 10_000,
    ):
        refused = browser("owner@acme.test").get(f"/api/search?{query}")
        assert refused.status_code == 400 and refused.json()["message"], query
