"""Conversations from the journals to the questions: list, evidence, lost callers; nobody sees what is not his."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from analytics import queries
from analytics.queries import Scope, conversations, lost
from pbx_core.errors import InputError
from pbx_core.feed import Journal
from tests.support import lake
from tests.support.derivedlake import START, call, call_id, evidence

ANN, BEN, EVA = "+996555000111", "+996555000222", "+996555000333"
DAY = START - timedelta(hours=1), START + timedelta(days=1)
NASTY = "<script>alert(1)</script>'; DROP TABLE conversation;--"


def calls_of(tenant: str):
    """Ann tries twice and reaches 101; Ben leaves the queue and is called back by 102; Eva waits; one hides himself."""
    main = call("1", ANN, 60, talked=(10, 90), by="101", tenant=tenant)
    return [
        call("0", ANN, 0, tenant=tenant),
        replace(main, caller_name=NASTY),
        call("2", BEN, 100, tenant=tenant),
        call("3", BEN, 900, direction="outbound", talked=(10, 60), ours="102", tenant=tenant),
        call("4", EVA, 200, asked="extension:101", cause=NASTY, tenant=tenant),
        call("5", EVA, 5000, voicemail=True, asked="extension:101", tenant=tenant),
        call("6", "anonymous", 300, tenant=tenant),
    ]


@pytest.fixture
def filled(world):
    """Both tenants had the same callers; the journal comes in two parts."""
    made = [*calls_of(world.acme.tenant_id), *calls_of(world.birch.tenant_id)[:3]]
    for part in (made[1::2], made[::2]):
        with closing(Journal(world.settings.journal_dir, "worker-0", world.clock)) as journal:
            for cdr in part:
                journal.append("cdr", cdr.call_id, cdr.tenant_id, cdr)
        lake.ingest_once(world.settings, world.clock)
    with closing(queries.open_reader(world.settings)) as reader:
        yield reader, Scope(world.acme.tenant_id)


def test_from_the_journals_to_every_answer(filled, world):
    reader, scope = filled
    the_list(reader, scope)
    one_with_its_evidence(reader, scope)
    an_agent_sees_those_in_which_he_took_part(reader, scope)
    lost_callers(reader, scope)
    nobody_sees_other_tenants(reader, world.birch.tenant_id)
    hostile_questions(reader, scope)


def the_list(reader, scope):
    first, cursor = conversations.conversations(reader, scope, *DAY, limit=4)
    rest, end = conversations.conversations(reader, scope, *DAY, limit=4, cursor=cursor)
    assert end is None and cursor
    assert [*first["class"], *rest["class"]] == [
        "voicemail", "reached", "abandoned", "missed", "abandoned", "answered",
    ]  # fmt: skip
    found, _ = conversations.conversations(reader, scope, *DAY, kind="abandoned", number="0002")
    assert list(found.outside_number) == [BEN]


def one_with_its_evidence(reader, scope):
    detail = conversations.conversation(reader, scope, call_id("0", 0))
    assert detail is not None and detail.rule.id == "inbound.answered/1"
    assert [e.says for e in detail.evidence] == ["101 talked after 70 s", "First asked: queue sales"]
    assert list(detail.calls.role) == ["first", "repeat"] and list(detail.calls.caller_name)[1] == NASTY
    missed = conversations.conversation(reader, scope, call_id("4", 200))
    assert missed is not None and evidence(missed.row["evidence"])["ended"].endswith(NASTY)


def an_agent_sees_those_in_which_he_took_part(reader, scope):
    his = replace(scope, extension="101")
    frame, _ = conversations.conversations(reader, his, *DAY)
    assert list(frame.conversation_id) == [call_id("0", 0)]
    detail = conversations.conversation(reader, his, call_id("0", 0))
    assert detail is not None and list(detail.calls.mine) == [False, True]
    assert conversations.conversation(reader, his, call_id("2", 100)) is None
    assert lost.waiting(reader, his, *DAY)[0].empty
    nobody, _ = conversations.conversations(reader, replace(scope, extension="-"), *DAY)
    assert nobody.empty


def lost_callers(reader, scope):
    waits, _ = lost.waiting(reader, scope, *DAY)
    assert list(waits.outside_number) == [EVA] and list(waits.times) == [2]
    assert list(waits["class"]) == ["voicemail"] and waits.lost_at[0] == START + timedelta(seconds=200)
    good, _ = lost.recovered(reader, scope, *DAY)
    assert [(r.outside_number, r.recovered_agent, r.recovery_s, r.we_called) for r in good.itertuples()] == [
        (BEN, "102", 780.0, True)
    ]
    agents = lost.recovered_by_agent(reader, scope, *DAY)
    assert [tuple(r) for r in agents.itertuples(index=False)] == [("102", 1, 780.0, 780.0)]
    assert lost.withheld(reader, scope, *DAY) == 1


def nobody_sees_other_tenants(reader, other):
    frame, _ = conversations.conversations(reader, Scope(other), *DAY)
    assert list(frame["class"]) == ["abandoned", "answered"]
    assert conversations.conversation(reader, Scope(other), call_id("4", 200)) is None
    assert list(lost.waiting(reader, Scope(other), *DAY)[0].outside_number) == [BEN]


def hostile_questions(reader, scope):
    for wrong in ({"kind": "<b>"}, {"number": "1" * 500}, {"cursor": "nonsense"}, {"limit": 0}):
        with pytest.raises(InputError):
            conversations.conversations(reader, scope, *DAY, **wrong)
    assert conversations.conversation(reader, scope, NASTY) is None
    frame, _ = conversations.conversations(reader, scope, *DAY, number="%' OR 1=1 --")
    assert frame.empty
