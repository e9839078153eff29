"""Queues, decided from snapshots: tables of single decisions, and 1 000 calls in virtual time."""

from __future__ import annotations

import heapq
import random
from dataclasses import replace

import pytest

from pbx_core.domain import acd
from pbx_core.domain.acd import Agent, Entry, EntryState
from pbx_core.domain.model import QueueMember, QueueModel, QueueStrategy

A, B, C = Agent("101"), Agent("102"), Agent("103")
NOW = 1_000_000.0


def queue(strategy: QueueStrategy = QueueStrategy.LONGEST_IDLE, **more: object) -> QueueModel:
    members = tuple(QueueMember(n) for n in ("101", "102", "103"))
    return QueueModel("sales", "Sales", members, strategy, **more)  # type: ignore[arg-type]


def caller(name: str, came: float = 0.0, state: EntryState = EntryState.WAITING, **more: float) -> Entry:
    return Entry(name, "+4930", NOW - 100 + came, state, **more)  # type: ignore[arg-type]


def offers(strategy: QueueStrategy, line: list[Entry], agents: list[Agent]) -> dict[str, str]:
    found = acd.decide(queue(strategy), line, agents, NOW).offers
    return {o.entry_id: " ".join(o.agents) for o in found}


@pytest.mark.parametrize(
    ("strategy", "agents", "chosen"),
    [
        (QueueStrategy.RING_ALL, [A, B, C], "101 102 103"),
        (QueueStrategy.RING_ALL, [replace(A, tier=2), B, C], "102 103"),
        (QueueStrategy.RING_ALL, [replace(A, tier=2), replace(B, busy=True), replace(C, logged_in=False)], "101"),
        (QueueStrategy.LONGEST_IDLE, [replace(A, idle_since=5), replace(B, idle_since=3), C], "103"),
        (QueueStrategy.LONGEST_IDLE, [replace(A, idle_since=5), B, C], "102"),
        (QueueStrategy.ROUND_ROBIN, [replace(A, offered_at=9), replace(B, offered_at=8), C], "103"),
        (QueueStrategy.FEWEST_CALLS, [replace(A, calls=2), replace(B, calls=1, idle_since=1), C], "103"),
        (QueueStrategy.FEWEST_CALLS, [replace(A, calls=9), replace(B, tier=2), replace(C, tier=2)], "101"),
    ],
)  # fmt: skip
def test_whom_a_strategy_chooses(strategy: QueueStrategy, agents: list[Agent], chosen: str) -> None:
    assert offers(strategy, [caller("x")], agents) == {"x": chosen}


@pytest.mark.parametrize(
    ("agent", "reason"),
    [
        (A, ""),
        (replace(A, logged_in=False), "logged out"),
        (replace(A, pause_reason="lunch"), "paused: lunch"),
        (replace(A, pause_reason=""), "paused"),
        (replace(A, registered=False), "offline"),
        (replace(A, dnd=True), "do not disturb"),
        (replace(A, ringing=True), "ringing"),
        (replace(A, talking=True), "talking"),
        (replace(A, busy=True), "in another call"),
        (replace(A, wrap_up_until=NOW + 3), "wrap-up"),
        (replace(A, wrap_up_until=NOW), ""),
    ],
)
def test_who_is_passed_over_and_why(agent: Agent, reason: str) -> None:
    decision = acd.decide(queue(), [caller("x")], [agent], NOW)
    assert dict(decision.skipped).get("101", "") == reason
    assert bool(decision.offers) is (reason == "")


def test_who_came_first_is_served_first_and_an_offered_or_talking_one_is_not_offered_again() -> None:
    line = [
        caller("late", 9),
        caller("talks", 0, EntryState.TALKING),
        caller("first", 1),
        caller("rings", 2, EntryState.OFFERED),
        caller("second", 3),
    ]
    assert offers(QueueStrategy.LONGEST_IDLE, line, [A, B]) == {"first": "101", "second": "102"}
    assert [acd.position(line, e) for e in ("first", "rings", "second", "late", "talks")] == [1, 2, 3, 4, 0]


def test_a_call_back_has_its_turn_and_an_agent_is_kept_while_it_is_made() -> None:
    line = [caller("back", 1, EntryState.CALLBACK), caller("waits", 2)]
    assert offers(QueueStrategy.RING_ALL, line, [A]) == {"back": "101"}
    assert offers(QueueStrategy.RING_ALL, line, [A, B]) == {"back": "101", "waits": "102"}
    line = [caller("back", 1, EntryState.CALLING), caller("waits", 2)]
    assert offers(QueueStrategy.RING_ALL, line, [A]) == {}
    assert offers(QueueStrategy.RING_ALL, line, [A, B]) == {"waits": "102"}
    line = [caller("back", 1, EntryState.CALLBACK, not_before=NOW + 60), caller("waits", 2)]
    assert offers(QueueStrategy.RING_ALL, line, [A]) == {"waits": "101"}


@pytest.mark.parametrize(
    ("place", "agents", "wait_s"),
    [
        (1, [], None),
        (1, [replace(A, calls=2, talk_s=60)], None),  # too few calls to know
        (1, [replace(A, calls=3, talk_s=90)], 0.0),  # he is free
        (2, [replace(A, calls=3, talk_s=90)], 40.0),  # (30 + 10) s, one agent
        (3, [replace(A, calls=3, talk_s=90, talking=True), replace(B, talking=True)], 60.0),
        (3, [replace(A, calls=3, talk_s=90, talking=True), replace(B, pause_reason="")], 120.0),
    ],
)
def test_the_estimated_wait(place: int, agents: list[Agent], wait_s: float | None) -> None:
    assert acd.estimated_wait_s(queue(wrap_up_s=10.0), place, agents, NOW) == wait_s


@pytest.mark.parametrize(("ago_s", "over"), [(0, False), (30, False), (30.1, True), (-1, False), (-15.1, True)])
def test_an_offer_runs_out_and_one_from_just_ahead_of_our_look_at_the_clock_stands(ago_s: float, over: bool) -> None:
    assert acd.offer_is_over(NOW - ago_s, queue(agent_ring_s=15.0), NOW) is over


def test_refusals() -> None:
    busy = queue(length_max=2, on_empty="voicemail:1")
    line = [caller("a"), caller("b", 0, EntryState.CALLBACK)]
    assert acd.refusal(busy, line, [A]) == "full"
    assert acd.refusal(busy, line[:1], [replace(A, pause_reason="")]) == ""
    assert acd.refusal(busy, [], [replace(A, logged_in=False)]) == "empty"
    assert acd.refusal(queue(), [], []) == ""


class Office:
    """A queue in virtual time: callers come, agents answer or do not, talk and wrap up."""

    def __init__(self, model: QueueModel, seed: int, answers: float = 0.9) -> None:
        self.model = model
        self.rng = random.Random(seed)
        self.answers = answers
        self.agents = {m.number: Agent(m.number) for m in model.members}
        self.line: dict[str, Entry] = {}
        self.holds: dict[str, str] = {}  # agent → caller, while ringing or talking
        self.served: list[tuple[str, float]] = []
        self.offered: list[tuple[str, tuple[str, ...]]] = []

    def run(self, calls: int, every_s: float, talk_s: float) -> None:
        due: list[tuple[float, int, str, str, str]] = []
        at, number = 0.0, 0
        for n in range(calls):
            at += self.rng.expovariate(1 / every_s)
            heapq.heappush(due, (at, n, "comes", f"c{n:04}", ""))
        while due:
            now, number, what, who, agent = heapq.heappop(due)
            self.step(now, what, who, agent)
            for choice in acd.decide(self.model, list(self.line.values()), list(self.agents.values()), now).offers:
                self.claim(choice, now)
                taker = next((a for a in choice.agents if self.rng.random() < self.answers), "")
                number += calls
                what = "answers" if taker else "rings out"
                heapq.heappush(due, (now + self.rng.uniform(1, 15), number, what, choice.entry_id, taker))
                if taker:
                    over = now + 15 + self.rng.expovariate(1 / talk_s)
                    heapq.heappush(due, (over, number, "parts", choice.entry_id, taker))
                    heapq.heappush(due, (over + self.model.wrap_up_s, number, "is free", choice.entry_id, taker))

    def claim(self, choice: acd.Choice, now: float) -> None:
        ahead = [e for e in acd.in_order(list(self.line.values())) if e.state is EntryState.WAITING]
        assert ahead[0].entry_id == choice.entry_id, "the longest wait is served first"
        self.line[choice.entry_id] = replace(self.line[choice.entry_id], state=EntryState.OFFERED)
        for a in choice.agents:
            assert a not in self.holds, "nobody is offered two calls at once"
            self.holds[a] = choice.entry_id
            self.agents[a] = replace(self.agents[a], ringing=True, offered_at=now)
        self.offered.append((choice.entry_id, choice.agents))

    def step(self, now: float, what: str, who: str, agent: str) -> None:
        match what:
            case "comes":
                self.line[who] = Entry(who, "+4930", now)
            case "answers" | "rings out":
                for a in [a for a, c in self.holds.items() if c == who]:
                    self.agents[a] = replace(self.agents[a], ringing=False)
                    if a != agent:
                        del self.holds[a]
                state = EntryState.TALKING if agent else EntryState.WAITING
                self.line[who] = replace(self.line[who], state=state)
                if agent:
                    held = self.agents[agent]
                    self.agents[agent] = replace(held, talking=True, calls=held.calls + 1)
                    self.served.append((agent, now - self.line[who].joined_at))
            case "parts":
                del self.holds[agent]
                until = now + self.model.wrap_up_s
                self.agents[agent] = replace(self.agents[agent], talking=False, wrap_up_until=until, idle_since=until)
                del self.line[who]


@pytest.mark.parametrize("strategy", list(QueueStrategy))
@pytest.mark.parametrize("every_s", [12.0, 60.0])
def test_a_thousand_calls_are_all_served_in_their_order_and_shared_fairly(
    strategy: QueueStrategy, every_s: float
) -> None:
    members = tuple(QueueMember(str(n)) for n in range(101, 106))
    office = Office(QueueModel("sales", "", members, strategy, wrap_up_s=5.0), seed=7)
    office.run(1000, every_s, talk_s=30.0)
    assert len(office.served) == 1000
    assert office.line == {} and office.holds == {}
    shares = [sum(1 for a, _ in office.served if a == m.number) for m in members]
    if strategy is QueueStrategy.FEWEST_CALLS:
        assert max(shares) - min(shares) <= 10
    elif strategy is not QueueStrategy.RING_ALL:  # there the first of the list is the quickest in this office
        assert max(shares) <= 1.15 * 200 and min(shares) >= 0.85 * 200
