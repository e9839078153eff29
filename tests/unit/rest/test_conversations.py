"""Conversations by REST: each is reached, with its rule, its evidence and its calls; a call leads to its own."""

from __future__ import annotations

from analytics import queries
from pbx_core.store.tokens import Right
from tests.support.lake import query


def test_every_conversation_is_reached_and_tells_why_it_is_what_it_is(town, reads) -> None:
    seen, cursor = [], None
    while True:
        page = reads.get("/v1/conversations", params={"limit": 4, **({"cursor": cursor} if cursor else {})}).json()
        seen += page["conversations"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    sql = "SELECT count(*), sum(calls) FROM lk.main.conversation WHERE tenant_id = ?"
    ((count, calls),) = query(town.settings, sql, [town.acme.tenant_id])
    assert len(seen) == count == len({c["conversation_id"] for c in seen})
    assert sum(c["calls"] for c in seen) == calls == town.acme_office.count
    one_class = seen[0]["class"]
    chosen = reads.get("/v1/conversations", params={"class": one_class, "limit": 500}).json()["conversations"]
    assert chosen == [c for c in seen if c["class"] == one_class]
    for c in seen[:3]:
        told = reads.get(f"/v1/conversations/{c['conversation_id']}").json()
        assert told["rule"]["id"] == c["rule"] and told["rule"]["words"] and told["class"] == c["class"]
        assert any(e["says"] and e["call_id"] == c["conversation_id"] for e in told["evidence"])
        assert len(told["calls"]) == c["calls"] and told["calls"][0]["role"] == "first"
        for call in told["calls"]:
            own = reads.get(f"/v1/calls/{call['call_id']}").json()
            assert own["conversation_id"] == c["conversation_id"]


def test_another_tenants_conversation_looks_like_an_unknown_one(town, reads) -> None:
    (theirs, *_) = town.client(town.birch).get("/v1/conversations").json()["conversations"]
    answers = [reads.get(f"/v1/conversations/{i}") for i in (theirs["conversation_id"], "0" * 32, "x", "..%2f")]
    assert {a.status_code for a in answers} == {404} and answers[0].json() == answers[1].json()
    mine = reads.get("/v1/conversations", params={"limit": 500}).json()["conversations"]
    assert theirs["conversation_id"] not in {c["conversation_id"] for c in mine}
    assert town.client(town.acme, Right.CONTROL).get("/v1/conversations").status_code == 403
    assert town.bearing("").get("/v1/conversations").status_code == 401
    assert reads.get("/v1/conversations", params={"class": "nice"}).status_code == 422
    assert queries.Scope(town.acme.tenant_id).tenant_id != theirs.get("tenant_id"), "no tenant is told at all"
