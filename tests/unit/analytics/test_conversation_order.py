"""Conversations depend on the calls alone: not on the order in which they came, in how many rounds, or how often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest

from pbx_core.domain.records import Cdr
from tests.support.derivedlake import DerivedLake, call

NUMBERS = ("+996555000111", "+996555000222", "+996555000333", "anonymous")
DAY_S = 86_400.0


def some_calls(rng: Random, count: int) -> list[Cdr]:
    """Calls of few numbers of two tenants over some weeks, in clusters; stories, circles and call-backs among them."""
    made: list[Cdr] = []
    at = 0.0
    for n in range(count):
        at += rng.choice(
            (3.0, 40.0, 200.0, 330.0, 3000.0, 40_000.0, 3 * DAY_S, 8 * DAY_S if rng.random() < 0.3 else 5.0)
        )
        direction = rng.choice(("inbound",) * 6 + ("outbound", "outbound", "internal", "callback", "click"))
        talked = (rng.uniform(1, 20), rng.uniform(21, 200)) if rng.random() < 0.4 else None
        earlier = made[-6:]
        story = rng.choice(earlier).call_id if earlier and rng.random() < 0.2 else ""
        one = call(
            f"{n:04d}", rng.choice(NUMBERS), round(at, 3), direction=direction, talked=talked,
            by=rng.choice(("101", "102")) if talked else "", asked=rng.choice(("queue:sales", "extension:101")),
            tenant=rng.choice(("a" * 32, "a" * 32, "b" * 32)), lasts=round(rng.uniform(0, 400), 3),
            voicemail=rng.random() < 0.1 and talked is None, closed_hours=rng.choice(("", "", "", "office")),
        )  # fmt: skip
        made.append(replace(one, conversation_id=story if story else one.call_id))
    for a, b in zip(made[::9], made[1::9], strict=False):  # some name each other
        made[made.index(a)] = replace(a, conversation_id=b.call_id)
    return made


def in_one_round(calls: Sequence[Cdr]) -> DerivedLake:
    lake = DerivedLake()
    lake.put(*calls)
    return lake


@pytest.mark.parametrize("seed", range(3))
def test_in_any_order_in_many_rounds_twice_or_anew_it_is_the_same(seed: int):
    rng = Random(seed)
    calls = some_calls(rng, 40)
    wanted = in_one_round(calls)
    lake = DerivedLake()
    waiting = [*calls, *rng.sample(calls, 8)]  # some are told twice
    wrong = {c.call_id for c in rng.sample(calls, 6)}  # some were told with another number first
    told = [replace(c, caller_number=rng.choice(NUMBERS), conversation_id=c.call_id) for c in calls
            if c.call_id in wrong]  # fmt: skip
    lake.put(*told[:2])
    lake.put(*told[2:])
    rng.shuffle(waiting)
    while waiting:
        size = rng.choice((1, 2, 5, 9))
        lake.put(*waiting[:size])
        waiting = waiting[size:]
    assert lake.conversations() == wanted.conversations()
    assert lake.roles() == wanted.roles()
    lake.rebuild()
    assert lake.conversations() == wanted.conversations()
    assert lake.roles() == wanted.roles()


def test_every_call_is_in_one_conversation_and_every_conversation_begins_with_its_own():
    lake = in_one_round(calls := some_calls(Random(7), 120))
    assert len(lake.roles()) == len(calls)
    assert sum(n for (n,) in lake.conversations("calls")) == len(calls)
    firsts = {(t, conversation) for t, call_id, conversation, role, _ in lake.roles() if role == "first"}
    assert firsts == set(lake.conversations("tenant_id, conversation_id"))
    assert all(c == conversation for _, c, conversation, role, _ in lake.roles() if role == "first")


def test_only_what_differs_is_said_to_have_changed():
    calls = some_calls(Random(3), 30)
    lake = in_one_round(calls)
    lake.put(calls[4])
    assert lake.con.execute("FROM changed_conversation").fetchall() == []


def test_a_year_in_slices_is_the_same_as_at_once(monkeypatch: pytest.MonkeyPatch):
    lake = in_one_round(some_calls(Random(11), 80))
    before = lake.conversations(), lake.roles()
    monkeypatch.setattr("analytics.conversations.derived.SLICE_CALLS", 10)
    lake.rebuild()
    assert (lake.conversations(), lake.roles()) == before
    assert (in_one_round(some_calls(Random(11), 80)).conversations()) == before[0]
