"""What the calls of a plan are, by the definitions: conversations with their class, waits, talk and recovery.

Plain Python over what people did. The definitions are those of docs and contract, written a second time from their
words; nothing here is taken from the product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.support.offices.calls import Call, Hours, Menu, Message, Ring, Transfer, Wait
from tests.support.offices.draw import Plan

REPEAT_DAYS = 7
TO_RECOVER = ("missed", "abandoned", "voicemail", "out_of_hours")


@dataclass
class Truth:
    """One conversation as it was. talk_s: the talk of its calls, holds and the waiting of transfers included."""

    calls: list[Call]
    direction: str
    outside: str
    klass: str
    started_at: datetime
    ended_at: datetime
    answered_by: str
    answered_at: datetime | None
    wait_s: float
    talk_s: float
    hold_s: float
    queue: str
    queue_wait_s: float | None
    queue_result: str
    voicemail: bool
    transferred: str
    agents: list[str] = field(default_factory=list)
    attempts: int = 1
    repeat_of: str = ""
    repeated_by: str = ""
    recovered_by: str = ""
    recovered_at: datetime | None = None
    recovered_agent: str = ""
    recovery_s: float | None = None

    @property
    def conversation_id(self) -> str:
        return self.calls[0].call_id

    @property
    def talked(self) -> bool:
        """Whether one of ours and the other side talked."""
        return self.answered_at is not None


def conversations(plan: Plan) -> list[Truth]:
    """In the order in which they began."""
    found = sorted((_story(s) for s in plan.stories), key=lambda t: (t.started_at, t.conversation_id))
    by_number: dict[str, list[Truth]] = {}
    for truth in found:
        if truth.outside:
            by_number.setdefault(truth.outside, []).append(truth)
    for same in by_number.values():
        _repeats(same)
        _recoveries(same)
    return found


def talk_of(call: Call) -> tuple[float, float] | None:
    """From the first word to the last, in seconds from the call's start."""
    return (call.talks[0].at_s, call.talks[-1].until_s) if call.talks else None


def agents_of(call: Call) -> list[str]:
    """Our people who talked, in order. In calls that we make it is who made them."""
    if not call.talks:
        return []
    if call.direction in ("outbound", "click", "internal"):
        return [call.caller]
    return [t.number for t in call.talks if t.ours]


def _story(calls: Sequence[Call]) -> Truth:
    first, talked = calls[0], [c for c in calls if c.talks]
    spoken = talked[0] if talked else None
    answered_at = _at(spoken, spoken.talks[0].at_s) if spoken else None
    ended_at = max(c.ended_at for c in calls)
    queued = [s for c in calls for s in c.steps if isinstance(s, Wait)]
    transfers = [s for c in calls for s in c.steps if isinstance(s, Transfer)]
    return Truth(
        calls=list(calls),
        direction=first.direction,
        outside=first.outside,
        klass=_class(calls),
        started_at=first.started_at,
        ended_at=ended_at,
        answered_by=_answered_by(spoken) if spoken else "",
        answered_at=answered_at,
        wait_s=((answered_at or ended_at) - first.started_at).total_seconds(),
        talk_s=round(sum(b - a for c in talked for a, b in [talk_of(c) or (0.0, 0.0)]), 3),
        hold_s=round(sum(b - a for c in calls for t in c.talks for a, b in t.holds), 3),
        queue=queued[-1].queue if queued else "",
        queue_wait_s=round(queued[-1].wait_s, 3) if queued else None,
        queue_result=_result(queued[-1]) if queued else "",
        voicemail=any(isinstance(s, Message) and s.left for c in calls for s in c.steps),
        transferred=transfers[-1].how if transfers else "",
        agents=list(dict.fromkeys(a for c in calls for a in agents_of(c))),
        attempts=sum(c.direction == first.direction for c in calls),
    )


def _answered_by(call: Call) -> str:
    return call.caller if call.direction in ("outbound", "click") else call.talks[0].number


def _result(wait: Wait) -> str:
    return "overflow" if wait.how == "full" else wait.how


def _class(calls: Sequence[Call]) -> str:
    first = calls[0]
    talked = next((c for c in calls if c.talks), None)
    if first.direction != "inbound":
        return "reached" if talked else "not_reached"
    steps = [s for c in calls for s in c.steps]
    if talked:
        return "answered" if _asked(talked) else "answered_elsewhere"
    if any(isinstance(s, Message) and s.left for s in steps):
        return "voicemail"
    if all(any(isinstance(s, Hours) and not s.opened for s in c.steps) for c in calls):
        return "out_of_hours"
    if any(isinstance(s, Wait) and s.how == "abandoned" for s in steps):
        return "abandoned"
    if all(c.blocked or any(isinstance(s, Wait) and s.how == "full" for s in c.steps) for c in calls):
        return "blocked"
    return "missed"


def _asked(call: Call) -> bool:
    """Whether the one who talked is among those whom the caller asked for: by a group, a queue or a menu it is
    everybody."""
    first = next(s for s in call.steps if isinstance(s, Menu | Wait | Ring))
    kind, _, number = first.asked.partition(":") if isinstance(first, Ring) else ("", "", "")
    return kind != "extension" or call.talks[0].number == number


def _repeats(same: Sequence[Truth]) -> None:
    """Who was talked with, in either direction, and calls us again is a repeat caller; our own calls are none."""
    week = timedelta(days=REPEAT_DAYS)
    for n, one in enumerate(same):
        before = next((t for t in reversed(same[:n]) if t.talked), None)
        if one.direction == "inbound" and before and one.started_at - before.started_at <= week:
            one.repeat_of = before.conversation_id
        after = next((t for t in same[n + 1 :] if t.direction == "inbound"), None)
        if one.talked and after and after.started_at - one.started_at <= week:
            one.repeated_by = after.conversation_id


def _recoveries(same: Sequence[Truth]) -> None:
    for n, lost in enumerate(same):
        if lost.direction != "inbound" or lost.klass not in TO_RECOVER:
            continue
        found = next((t for t in same[n + 1 :] if t.talked), None)
        if found is not None and found.answered_at is not None:
            lost.recovered_by, lost.recovered_at = found.conversation_id, found.answered_at
            lost.recovered_agent = found.answered_by
            lost.recovery_s = (found.answered_at - lost.ended_at).total_seconds()


def _at(call: Call, at_s: float) -> datetime:
    return call.started_at + timedelta(seconds=at_s)
