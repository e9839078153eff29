"""Ringing targets: at once or one after another, outside numbers by one trunk route after the other.

Extensions rung at once share one leg, which the edge forks to all their phones; every outside number has its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pbx_core.domain.calls.commands import Dial
from pbx_core.domain.calls.events import CallEvent, EventType
from pbx_core.domain.calls.state import LEGS_MAX, Attempt, Fork, Leg, LegState
from pbx_core.domain.calls.turn import Turn
from pbx_core.domain.nodes import Target

BUSY, NO_ANSWER, OFFLINE, FAILED, CANCELLED = "busy", "no_answer", "offline", "failed", "cancelled"
BUSY_STATUSES = (486, 600)
DECLINED = 603
NOT_SIGNED_IN = 430
LIMITS = ("tenant_limit", "international_limit")  # another trunk would not help
_WORTH = {FAILED: 0, OFFLINE: 1, NO_ANSWER: 2, BUSY: 3}  # which result the caller is told when targets differ


@dataclass(frozen=True)
class Taken:
    """A target answered; nothing else of the fork rings any more."""

    leg: str
    number: str
    results: tuple[tuple[str, str], ...]
    emergency: bool


@dataclass(frozen=True)
class Failed:
    """Nobody took it. outcome: busy, no_answer, offline or failed; status and reason of the most telling refusal."""

    outcome: str
    status: int
    reason: str
    results: tuple[tuple[str, str], ...]
    timed_out: bool  # somebody rang as long as he was to ring


Progress = Fork | Taken | Failed


def start(
    turn: Turn,
    targets: Sequence[Target],
    *,
    side: str,
    timer: str,
    ring_s: float,
    one_by_one: bool,
    shown: tuple[str, str],
) -> Progress:
    """Begin to ring. shown: number and name of who calls."""
    fork = Fork(side, timer, ring_s, shown_number=shown[0], shown_name=shown[1])
    if one_by_one:
        return _next(turn, replace(fork, waiting=tuple(targets)))
    extensions = tuple(t for t in targets if not t.outside)
    if extensions:
        fork = _dial(turn, fork, Attempt("", extensions))
    for target in targets:
        if target.outside:
            fork = _dial(turn, fork, Attempt("", (target,), target.routes))
    return _settled(turn, fork) if not fork.attempts else _timed(turn, fork)


def on(turn: Turn, fork: Fork) -> Progress | None:
    """What an event of one of the fork's legs, or its timer, leads to; None when it concerns no leg of it."""
    event = turn.event
    if event.type is EventType.TIMER:
        return _timed_out(turn, fork) if event.detail.get("name") == fork.timer else None
    attempt = fork.attempts.get(event.leg or "")
    if attempt is None:
        return None
    match event.type:
        case EventType.RINGING:
            return replace(fork, attempts={**fork.attempts, attempt.leg: replace(attempt, rang=True)})
        case EventType.ANSWERED:
            return _taken(turn, fork, attempt)
        case EventType.DIAL_FAILED | EventType.ENDED:
            return _refused(turn, fork, attempt)
        case _:
            return None


def give_up(turn: Turn, fork: Fork, elsewhere: bool = False) -> tuple[tuple[str, str], ...]:
    """Let nothing of it ring any more; the results, those who still rang as cancelled."""
    turn.cancel(fork.timer)
    results = fork.results
    for attempt in fork.attempts.values():
        turn.hang_up(attempt.leg, elsewhere=elsewhere)
        results += tuple((t.number, CANCELLED) for t in attempt.targets)
    return results


def _dial(turn: Turn, fork: Fork, attempt: Attempt) -> Fork:
    """One more leg; a call with too many of them fails this target."""
    if len(turn.call.legs) >= LEGS_MAX:
        return _result(fork, {t.number: FAILED for t in attempt.targets}, 503, "Too Many Legs")
    name = turn.free_name(fork.side)
    route = attempt.routes[0] if attempt.routes else None
    first = attempt.targets[0]
    number = first.number if len(attempt.targets) == 1 else ""
    turn.add(Leg(name, LegState.DIALLING, number, first.name if number else "", internal=route is None))
    shown = (fork.shown_number, fork.shown_name) if route is None else (route.caller_id, "")
    turn.do(Dial(name, attempt.targets, route, *shown))
    made = Attempt(name, attempt.targets, attempt.routes[1:], bool(route and route.emergency))
    return replace(fork, attempts={**fork.attempts, name: made})


def _next(turn: Turn, fork: Fork) -> Progress:
    """The next of a sequence."""
    while fork.waiting:
        target, fork = fork.waiting[0], replace(fork, waiting=fork.waiting[1:])
        fork = _dial(turn, fork, Attempt("", (target,), target.routes))
        if fork.attempts:
            return _timed(turn, fork)
    return _settled(turn, fork)


def _timed(turn: Turn, fork: Fork) -> Fork:
    turn.timer(fork.timer, fork.ring_s)
    return fork


def _timed_out(turn: Turn, fork: Fork) -> Progress:
    rung = {t.number: NO_ANSWER for a in fork.attempts.values() for t in a.targets}
    for attempt in fork.attempts.values():
        turn.hang_up(attempt.leg)
    fork = replace(fork, attempts={}, timed_out=True)
    return _next(turn, _result(fork, rung, 480, "No Answer"))


def _taken(turn: Turn, fork: Fork, attempt: Attempt) -> Taken:
    by = str(turn.event.detail.get("by") or "")
    target = next((t for t in attempt.targets if t.number == by), attempt.targets[0])
    number = target.number if len(attempt.targets) == 1 else by or target.number
    results = _by_offers(turn.event, attempt, CANCELLED)
    results[number] = "answered"
    turn.cancel(fork.timer)
    for other in fork.attempts.values():
        if other.leg != attempt.leg:
            turn.hang_up(other.leg, elsewhere=True)
            results.update({t.number: CANCELLED for t in other.targets})
    turn.change(attempt.leg, state=LegState.UP, number=number, title=target.name)
    return Taken(attempt.leg, number, (*fork.results, *results.items()), attempt.emergency)


def _refused(turn: Turn, fork: Fork, attempt: Attempt) -> Progress:
    """A leg is over without an answer: the next trunk route, the next target, or the end of it."""
    event = turn.event
    failed = event.type is EventType.DIAL_FAILED
    status = 503 if failed else int(event.detail.get("status", 0))
    reason = str(event.detail.get("reason", ""))
    rest = {name: a for name, a in fork.attempts.items() if name != attempt.leg}
    fork = replace(fork, attempts=rest)
    another_way = status == 408 or 500 <= status <= 599
    if attempt.routes and another_way and not attempt.rang and reason not in LIMITS:
        return _dial(turn, fork, Attempt("", attempt.targets, attempt.routes))
    result = FAILED if failed else result_of(status, attempt.rang)
    shown = (0, reason) if failed else (status, reason)
    fork = _result(fork, _by_offers(event, attempt, result), *shown)
    if fork.attempts:
        return fork
    return _next(turn, fork)


def _settled(turn: Turn, fork: Fork) -> Failed:
    turn.cancel(fork.timer)
    outcomes = {result for _, result in fork.results if result in _WORTH}
    if len(outcomes) > 1:
        outcomes.discard(OFFLINE)  # somebody at least had a phone
    best = max(outcomes, key=lambda r: _WORTH[r], default=FAILED)
    return Failed(best, fork.status, fork.reason, fork.results, fork.timed_out)


def _result(fork: Fork, results: Mapping[str, str], status: int, reason: str) -> Fork:
    """Remember results; the most telling refusal so far is what the caller will be told."""
    before = max((_WORTH.get(r, -1) for _, r in fork.results), default=-1)
    worth = max((_WORTH.get(r, 0) for r in results.values()), default=0)
    told = (status, reason) if worth >= before else (fork.status, fork.reason)
    return replace(fork, results=(*fork.results, *results.items()), status=told[0], reason=told[1])


def _by_offers(event: CallEvent, attempt: Attempt, otherwise: str) -> dict[str, str]:
    """What became of each target, by the statuses that the edge saw; `otherwise` where it saw none."""
    offers = event.detail.get("offers") or {}
    results = {}
    for target in attempt.targets:
        status = int(offers.get(target.number, -1))
        results[target.number] = otherwise if status <= 0 else result_of(status, attempt.rang)
    return results


def result_of(status: int, rang: bool) -> str:
    """One target's final status as a result."""
    if status in BUSY_STATUSES or status == DECLINED:
        return BUSY
    if status == NOT_SIGNED_IN or (status == 480 and not rang):
        return OFFLINE
    return NO_ANSWER if status in (408, 480, 487) else FAILED
