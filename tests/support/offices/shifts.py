"""When agents of queues were there: drawn log-ins, pauses and wrap-ups, and what their time was, counted moment by
moment in plain Python.

101 serves the queue billing and never logs in: of his time nothing can be known. 105 serves two queues.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from pbx_core.clock import uuid7_hex
from pbx_core.domain.records import QueueEvent
from tests.support.offices.calls import Call, Ring, Talk, Transfer, Wait

QUEUES_OF = {"104": ("support",), "105": ("support", "billing"), "106": ("support",)}
STATES = ("call", "wrap_up", "idle", "paused")

Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Told:
    """One event of an agent: login, logout, pause, unpause, wrap_up (reason: its seconds)."""

    at: datetime
    queue: str
    agent: str
    type: str
    reason: str = ""
    call_id: str = ""


def drawn(calls: Sequence[Call], since: datetime, until: datetime, rng: Random) -> list[Told]:
    """Some days of all agents; one forgets to log out on the last."""
    told = [wrap for call in calls if (wrap := _wrap_up(call, rng)) is not None]
    for agent, queues in QUEUES_OF.items():
        day = since
        while day < until:
            last = day + timedelta(days=1) >= until
            told += _day(agent, queues, day, rng, forgets=last and agent == "106")
            day += timedelta(days=1)
    return sorted(told, key=lambda t: (t.at, t.agent, t.queue))


def _day(agent: str, queues: tuple[str, ...], day: datetime, rng: Random, *, forgets: bool) -> list[Told]:
    def at(hours: float) -> datetime:
        return day + timedelta(milliseconds=round(hours * 3_600_000))

    begin, end = rng.uniform(0.0, 3.0), rng.uniform(18.0, 23.5)
    told = [Told(at(begin + n / 60), q, agent, "login") for n, q in enumerate(queues)]
    for hour in rng.sample(range(4, 17), rng.choice((0, 1, 2))):
        paused = queues if rng.random() < 0.7 else queues[:1]  # from one of two queues only: he is still free
        told += [Told(at(hour + n / 600), q, agent, "pause", "lunch") for n, q in enumerate(paused)]
        told += [Told(at(hour + 0.5 + n / 60), q, agent, "unpause") for n, q in enumerate(paused)]
    return told if forgets else [*told, *(Told(at(end + n / 50), q, agent, "logout") for n, q in enumerate(queues))]


def _wrap_up(call: Call, rng: Random) -> Told | None:
    """What the queue gives to the agent who answered, when his talk is over."""
    wait = next((s for s in call.steps if isinstance(s, Wait) and s.taken_by), None)
    talk = next((s for s in call.steps if isinstance(s, Talk)), None)
    if wait is None or talk is None or rng.random() < 0.4:
        return None
    at = call.started_at + timedelta(seconds=talk.until_s)
    return Told(at, wait.queue, wait.taken_by, "wrap_up", rng.choice(("15", "30", "600")), call.call_id)


def events(tenant_id: str, told: Iterable[Told]) -> list[QueueEvent]:
    """As the exchange writes them."""
    return [
        QueueEvent(
            uuid7_hex(int(t.at.timestamp() * 1000), n.to_bytes(10, "big")), tenant_id, t.at, t.queue, t.agent, t.type,
            t.reason, t.call_id,
        )
        for n, t in enumerate(told)
    ]  # fmt: skip


def wrap_ups(told: Iterable[Told]) -> dict[str, float]:
    """Seconds by call."""
    return {t.call_id: float(t.reason) for t in told if t.type == "wrap_up"}


def seconds(calls: Sequence[Call], told: Sequence[Told], since: datetime, until: datetime) -> dict[str, float]:
    """Of all agents together: seconds in each state within the period; empty when nobody was logged in."""
    total = dict.fromkeys(STATES, 0.0)
    end = _known(calls, told, since, until)
    for agent in QUEUES_OF:
        own = [t for t in told if t.agent == agent and t.at < until]
        busy = [s for call in calls for s in _in_call(call, agent)]
        wraps = [(t.at, t.at + timedelta(seconds=float(t.reason))) for t in own if t.type == "wrap_up"]
        marks = {since, end, *(t.at for t in own), *(m for span in (*busy, *wraps) for m in span)}
        edges = sorted(m for m in marks if since <= m <= end)
        for a, b in itertools.pairwise(edges):
            state = _state(own, busy, wraps, a + (b - a) / 2)
            if state:
                total[state] += (b - a).total_seconds()
    return total if any(total.values()) else {}


def _state(own: Sequence[Told], busy: Sequence[Span], wraps: Sequence[Span], at: datetime) -> str:
    before = [t for t in own if t.at <= at]
    here, free = set(), set()
    for t in before:
        match t.type:
            case "login":
                here.add(t.queue)
                free.add(t.queue)
            case "logout":
                here.discard(t.queue)
                free.discard(t.queue)
            case "pause":
                free.discard(t.queue)
            case "unpause" if t.queue in here:
                free.add(t.queue)
    if not here:
        return ""
    if any(a <= at < b for a, b in busy):
        return "call"
    if any(a <= at < b for a, b in wraps):
        return "wrap_up"
    return "idle" if free else "paused"


def _known(calls: Sequence[Call], told: Sequence[Told], since: datetime, until: datetime) -> datetime:
    """Up to where anybody can know: the end of the period, or the last thing that happened."""
    if any(c.started_at >= until for c in calls) or any(t.at >= until for t in told):
        return until
    ends = [c.ended_at for c in calls if since <= c.started_at] + [t.at for t in told if since <= t.at]
    return min(until, max(ends, default=since))


def _in_call(call: Call, agent: str) -> list[Span]:
    """From when his phone was connected until it left the call, a consultation before a transfer included."""
    spans: list[tuple[float, float]] = []
    steps = call.steps
    for n, step in enumerate(steps):
        following = steps[n + 1] if n + 1 < len(steps) else None
        match step:
            case Talk(number=number) if number == agent:
                handed = isinstance(following, Transfer) and following.by == agent
                spans.append((step.at_s, following.at_s if handed else call.ended_s))  # type: ignore[union-attr]
            case Transfer(to=to, how="attended") if to == agent:
                spans.append((max(0.0, step.at_s - 2.0), step.at_s))
    taken = next((s for s in steps if isinstance(s, Ring | Wait) and s.taken_by), None)
    if call.caller == agent and taken is not None:
        spans.append((taken.until_s, call.ended_s))  # whom a program connects is rung first, and is that first one
    return [(call.started_at + timedelta(seconds=a), call.started_at + timedelta(seconds=b)) for a, b in spans]
