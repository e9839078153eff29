"""The legs of a call's record: one per dialog, with how it sounded."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from datetime import datetime

from pbx_core.domain import quality
from pbx_core.domain.calls.events import CALLER, CallEvent, EventType, side_of
from pbx_core.domain.records import LegRecord, Party

_FIELDS = [f.name for f in dataclasses.fields(quality.StreamSample)]
_ENDS = (EventType.ENDED, EventType.DIAL_FAILED, EventType.GIVEN)
WallClock = Callable[[CallEvent, float], datetime]


def leg_records(
    events: Sequence[CallEvent], answered_at: float | None, end: float, wall_clock: WallClock
) -> tuple[LegRecord, ...]:
    """One per leg name, in the order in which they came."""
    begun: dict[str, CallEvent] = {}
    for event in events:
        if event.type in (EventType.DIALED, EventType.ADOPTED) and event.leg:
            begun.setdefault(event.leg, event)
        elif event.type is EventType.OPENED and not event.detail.get("originate"):
            begun[CALLER] = event
    return tuple(_leg(events, name, event, answered_at, end, wall_clock) for name, event in begun.items())


def _leg(
    events: Sequence[CallEvent],
    name: str,
    begun: CallEvent,
    answered_at: float | None,
    end: float,
    wall_clock: WallClock,
) -> LegRecord:
    opened = events[0]
    own = [e for e in events if e.leg == name]
    ended = next((e for e in own if e.type in _ENDS), None)
    up_at = _answered(own, begun, answered_at)
    if any(e.type is EventType.ABORTED for e in events):
        reason = "the worker died before the stream was measured"
    else:
        reason = "not answered" if up_at is None else "the stream ended unmeasured"
    measured = quality.assess(stream_samples(events, name), digits=_digits_in_sound(events, name), reason=reason)
    return LegRecord(
        leg_id=f"{opened.call_id}-{name}",
        party=side_of(name) or Party.CALLEE,  # a supervisor stands on the agent's side
        number=_number(own, begun),
        sip_call_id=str(begun.detail.get("sip_call_id") or ""),
        started_at=wall_clock(opened, begun.mono_s),
        answered_at=None if up_at is None else wall_clock(opened, up_at),
        ended_at=wall_clock(opened, max(begun.mono_s, up_at or 0.0, end if ended is None else ended.mono_s)),
        sip_status=_status(ended, up_at),
        **dataclasses.asdict(measured),
    )


def _answered(own: Sequence[CallEvent], begun: CallEvent, answered_at: float | None) -> float | None:
    """When the leg was connected: its 200, or for one that called us its ACK, else the call's answer."""
    if begun.type is EventType.DIALED:
        return next((e.mono_s for e in own if e.type is EventType.ANSWERED), None)
    if begun.type is EventType.ADOPTED and begun.detail.get("answered"):
        return begun.mono_s
    confirmed = next((e.mono_s for e in own if e.type is EventType.CONFIRMED), None)
    if begun.type is EventType.ADOPTED:
        return confirmed
    return answered_at if confirmed is None or (answered_at is not None and answered_at < confirmed) else confirmed


def _number(own: Sequence[CallEvent], begun: CallEvent) -> str:
    if begun.type is EventType.OPENED:
        return str(begun.detail.get("caller_number") or "")
    if begun.type is EventType.ADOPTED:
        return str(begun.detail.get("number") or "")
    by = next((e.detail.get("by") for e in own if e.type is EventType.ANSWERED), "")
    return str(by or ",".join(str(t) for t in begun.detail.get("targets") or ()))


def _status(ended: CallEvent | None, up_at: float | None) -> int:
    if ended is not None and "status" in ended.detail:
        return int(ended.detail["status"])
    return 200 if up_at is not None else 0


def stream_samples(events: Sequence[CallEvent], leg: str) -> list[quality.StreamSample]:
    """The last measurement of every media stream of a leg, in order of the streams."""
    last: dict[int, quality.StreamSample] = {}
    for event in events:
        if event.type is EventType.QUALITY and event.leg == leg and event.detail.keys() >= {"stream", *_FIELDS}:
            last[int(event.detail["stream"])] = quality.StreamSample(**{n: event.detail[n] for n in _FIELDS})
    return [last[n] for n in sorted(last)]


def starved_share(events: Sequence[CallEvent], leg: str) -> float:
    """Share 0..1 of a leg's frames that a busy machine of ours lost."""
    return quality.starved_share(stream_samples(events, leg), _digits_in_sound(events, leg))


def _digits_in_sound(events: Sequence[CallEvent], leg: str) -> int:
    """Digits that the leg's phone sent in place of sound (RFC 4733, formerly 2833)."""
    return sum(e.type is EventType.DTMF and e.leg == leg and e.detail.get("method") == "rfc2833" for e in events)
