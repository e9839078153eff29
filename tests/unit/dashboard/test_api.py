"""The REST interface: what each role reads, and comments that are neither lost nor doubled."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from dashboard.web.context import Context
from pbx_core.store import jobs, schema
from tests.support.web import csrf, listed

UNKNOWN = "0" * 32


def comment(client, call_id: str, text: str = "well done", at_s: float | None = 3.5, key: str = "key-00000001", **more):
    headers = {**csrf(client), "Idempotency-Key": key, **more.pop("headers", {})}
    return client.post(f"/api/calls/{call_id}/comments", json={"text": text, "at_s": at_s}, headers=headers)


def test_me_says_who_is_signed_in(browser, town) -> None:
    me = browser("agent@acme.test").get("/api/me").json()
    assert (me["name"], me["role"], me["extension"], me["may_comment"]) == ("Agent of Acme Ltd", "agent", "101", False)
    assert me["tenant"] == {"tenant_id": town.acme.tenant_id, "name": "Acme Ltd", "time_zone": "Asia/Bishkek"}


def test_calls_come_newest_first_and_page_by_page(browser, town) -> None:
    client = browser("owner@acme.test")
    first = client.get("/api/calls?limit=5").json()
    assert len(first["calls"]) == 5 and first["calls"][0]["call_id"] == town.acme_office.spoken.cdr.call_id
    seen = [c["call_id"] for c in listed(client)]
    assert seen[:5] == [c["call_id"] for c in first["calls"]]
    assert len(seen) == len(set(seen)) >= town.acme_office.count


def test_filters_narrow_the_list(browser, town) -> None:
    client = browser("owner@acme.test")

    def ids(**params: str) -> list[str]:
        return [c["call_id"] for c in client.get("/api/calls", params=params).json()["calls"]]

    assert town.acme_office.spoken.cdr.call_id in ids(said="BOILER")
    assert town.acme_office.missed.cdr.call_id not in ids(said="boiler")
    assert ids(said="%") == ids(said="100%") or town.acme_office.spoken.cdr.call_id not in ids(said="%")
    assert town.acme_office.missed.cdr.call_id in ids(disposition="no_answer", recorded="no")
    assert ids(since="2001-01-01", until="2001-01-02") == []


@pytest.mark.parametrize(
    "query",
    ["disposition=maybe", "min_talk_s=abc", "min_talk_s=-1", "recorded=1", "since=yesterday",
     "since=2026-01-01T00:00:00", "cursor=garbage", "said=" + "x" * 101, "until=9999-12-31"],
)  # fmt: skip
def test_a_filter_that_does_not_fit_is_named_not_crashed_on(browser, query: str) -> None:
    answer = browser("owner@acme.test").get(f"/api/calls?{query}")
    assert answer.status_code == 400 and answer.json()["message"]


def test_limits_of_a_page_are_kept(browser) -> None:
    client = browser("owner@acme.test")
    assert client.get("/api/calls?limit=0").status_code == client.get("/api/calls?limit=100000").status_code == 422


def test_a_call_comes_with_all_that_is_known(browser, town) -> None:
    spoken = town.acme_office.spoken
    answer = browser("analyst@acme.test").get(f"/api/calls/{spoken.cdr.call_id}").json()
    assert answer["cdr"]["caller_number"] == "101" and len(answer["cdr"]["legs"]) == 2
    assert answer["recording"]["recording_id"] == spoken.recording.recording_id
    assert len(answer["transcript"]["utterances"]) == 6 and answer["turns"]["parties"]
    assert answer["transcription"]["state"] == "done" and answer["newer"] is None
    assert answer["older"] == town.acme_office.other.cdr.call_id


def test_a_transcription_given_up_without_a_word_is_listed_as_failed(browser, town, context: Context) -> None:
    waiting = town.acme_office.waiting

    def listed() -> str | None:
        calls = browser("owner@acme.test").get("/api/calls?limit=200").json()["calls"]
        return next(c["transcript_status"] for c in calls if c["call_id"] == waiting.cdr.call_id)

    assert listed() is None
    jobs.enqueue(context.db, context.clock, "transcribe", waiting.cdr.recording_id, town.acme.tenant_id, {})
    for _ in range(jobs.TRIES_MAX):
        assert jobs.lease(context.db, context.clock, "transcribe", "killed", -1)
        assert listed() is None
    assert jobs.lease(context.db, context.clock, "transcribe", "next", 60) is None
    assert listed() == "failed"


def test_unknown_foreign_and_out_of_scope_calls_look_the_same(browser, town) -> None:
    theirs = town.birch_office.spoken.cdr.call_id
    not_the_agents = town.acme_office.other.cdr.call_id
    seen = [
        browser("owner@acme.test").get(f"/api/calls/{UNKNOWN}"),
        browser("owner@acme.test").get("/api/calls/' OR 1=1--"),
        browser("owner@acme.test").get(f"/api/calls/{theirs}"),
        browser("agent@acme.test").get(f"/api/calls/{not_the_agents}"),
        comment(browser("owner@acme.test"), theirs),
        comment(browser("agent@acme.test"), not_the_agents),
    ]
    assert {(a.status_code, a.text) for a in seen} == {(404, seen[0].text)}


def test_an_agent_sees_the_calls_of_his_extension_only(browser, town) -> None:
    listed = browser("agent@acme.test").get("/api/calls?limit=200").json()["calls"]
    assert listed and all("101" in (c["caller_number"], c["callee_number"]) for c in listed)
    everyone = browser("owner@acme.test").get("/api/calls?limit=200").json()["calls"]
    assert len(everyone) > len(listed)
    assert browser("agent@acme.test").get("/api/calls?number=102&limit=200").json()["calls"] == [
        c for c in listed if "102" in (c["caller_number"], c["callee_number"])
    ]


def test_a_comment_sent_twice_is_kept_once(browser, town, context: Context) -> None:
    client, call_id = browser("manager@acme.test"), town.acme_office.spoken.cdr.call_id
    first, again = comment(client, call_id), comment(client, call_id)
    assert (first.status_code, first.json()) == (201, again.json())
    kept = client.get(f"/api/calls/{call_id}").json()["comments"]
    assert [(c["text"], c["at_s"], c["author"], c["mine"]) for c in kept] == [
        ("well done", 3.5, "Manager of Acme Ltd", True)
    ]
    assert comment(client, call_id, text="something else").status_code == 409
    assert comment(browser("owner@acme.test"), call_id, text="something else").status_code == 201
    with context.db.connect() as connection:
        numbers = connection.execute(sa.select(schema.comment.c.changed_seq)).scalars()
        assert sorted(numbers) == [1, 2]


def test_comments_need_the_csrf_token_and_a_role(browser, town) -> None:
    call_id = town.acme_office.spoken.cdr.call_id
    client = browser("manager@acme.test")
    for wrong in ({"X-CSRF-Token": ""}, {"X-CSRF-Token": "x" * 43}, csrf(browser("owner@acme.test"))):
        assert comment(client, call_id, headers=wrong).status_code == 403
    for role in ("analyst", "agent"):
        assert comment(browser(f"{role}@acme.test"), call_id).status_code == 403
    assert client.get(f"/api/calls/{call_id}").json()["comments"] == []


def test_an_agent_reads_what_was_said_about_his_calls(browser, town) -> None:
    call_id = town.acme_office.spoken.cdr.call_id
    comment(browser("manager@acme.test"), call_id)
    (seen,) = browser("agent@acme.test").get(f"/api/calls/{call_id}").json()["comments"]
    assert (seen["text"], seen["mine"], seen["may_delete"]) == ("well done", False, False)


@pytest.mark.parametrize(
    ("text", "at_s", "key"),
    [("", 1.0, "key-00000001"), (" \u202e\x00 ", 1.0, "key-00000001"), ("x" * 4001, 1.0, "key-00000001"),
     ("x", -1.0, "key-00000001"), ("x", 1e6, "key-00000001"), ("x", 1.0, ""), ("x", 1.0, "k" * 65)],
)  # fmt: skip
def test_a_comment_that_cannot_be_kept_is_refused(browser, town, text: str, at_s: float, key: str) -> None:
    client, call_id = browser("manager@acme.test"), town.acme_office.spoken.cdr.call_id
    answer = comment(client, call_id, text=text, at_s=at_s, key=key)
    assert answer.status_code == 400 and answer.json()["message"]
    assert client.get(f"/api/calls/{call_id}").json()["comments"] == []


def test_odd_bodies_are_answered(browser, town) -> None:
    client, call_id = browser("manager@acme.test"), town.acme_office.spoken.cdr.call_id
    headers = {**csrf(client), "Idempotency-Key": "key-00000001", "Content-Type": "application/json"}
    for body in (b"", b"[]", b"{", b'{"text": 5}', b'{"text": "x", "at_s": "abc"}', b'{"text": "x", "at_s": NaN}'):
        answer = client.post(f"/api/calls/{call_id}/comments", content=body, headers=headers)
        assert answer.status_code in (400, 422), body


def test_only_the_author_and_the_owner_delete_a_comment(browser, town, context: Context) -> None:
    call_id = town.acme_office.spoken.cdr.call_id
    author = browser("manager@acme.test")
    ids = [comment(author, call_id, key=f"key-0000000{n}").json()["comment_id"] for n in (1, 2)]

    def delete(client, comment_id: str) -> int:
        return client.delete(f"/api/comments/{comment_id}", headers=csrf(client)).status_code

    assert author.delete(f"/api/comments/{ids[0]}").status_code == 403
    assert delete(browser("second@acme.test"), ids[0]) == 403
    assert delete(browser("analyst@acme.test"), ids[0]) == 403
    assert delete(browser("owner@birch.test"), ids[0]) == delete(author, UNKNOWN) == 404
    assert delete(author, ids[0]) == 200
    assert delete(author, ids[0]) == 404
    assert delete(browser("owner@acme.test"), ids[1]) == 200
    assert author.get(f"/api/calls/{call_id}").json()["comments"] == []
    with context.db.connect() as connection:
        numbers = connection.execute(sa.select(schema.comment.c.changed_seq)).scalars()
        assert sorted(numbers) == [3, 4]


def test_documentation_pages_that_load_foreign_scripts_are_off(browser) -> None:
    client = browser("owner@acme.test")
    assert client.get("/api/docs").status_code == client.get("/api/redoc").status_code == 404
    assert browser().get("/api/openapi.json").status_code == 401
    assert "/calls/{call_id}" in client.get("/api/openapi.json").json()["paths"]
