"""From the events of a call to its one record: `cdr = fold(events)`. Durations come from the monotonic clock only."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from pbx_core.domain import quality
from pbx_core.domain.call import Call, Outcome, State, step
from pbx_core.domain.events import CallEvent, EventType
from pbx_core.domain.records import Cdr, LegRecord, Party

DEFINITION_VERSION = "cdr-1"


def fold(events: Sequence[CallEvent]) -> Cdr:
    """The record of a finished call, its events in order. ValueError when they do not begin with `opened` or the
    outcome is not decided yet; InvalidTransition when they could not have happened."""
    if not events or events[0].type is not EventType.OPENED:
        raise ValueError("the events of a call begin with `opened`")
    call = Call()
    for event in events:
        call, _ = step(call, event)
    if call.outcome is None:
        raise ValueError(f"call {events[0].call_id} is still open")
    return _record(events, call.outcome, call.state)


def wall_clock(opened: CallEvent, mono_s: float) -> datetime:
    """The time of a moment, counted from the call's start: a clock set in mid-call bends no record."""
    return opened.at + timedelta(seconds=max(0.0, round(mono_s - opened.mono_s, 3)))


def _record(events: Sequence[CallEvent], outcome: Outcome, state: State) -> Cdr:
    opened = events[0]
    head: dict[str, Any] = opened.detail
    ringing = _first(events, EventType.RINGING)
    answered = _first(events, EventType.ANSWERED) if outcome.disposition == "answered" else None
    start = opened.mono_s
    end = max(start, outcome.mono_s)
    answered_at = None if answered is None else answered.mono_s
    end = end if answered_at is None else max(end, answered_at)
    ring_end = end if answered_at is None else answered_at
    ringing_at = None if ringing is None or ringing.mono_s > ring_end else ringing.mono_s
    first_sign = ringing_at if ringing_at is not None else answered_at
    talk_s = 0.0 if answered_at is None else _span(answered_at, end)
    recording_id, recording_reason = _recording(events, answered is not None)
    return Cdr(
        call_id=opened.call_id,
        tenant_id=str(head["tenant_id"]),
        direction=str(head["direction"]),
        caller_number=str(head["caller_number"]),
        caller_name=str(head["caller_name"]),
        callee_number=str(head["callee_number"]),
        started_at=opened.at,
        ringing_at=None if ringing_at is None else wall_clock(opened, ringing_at),
        answered_at=None if answered_at is None else wall_clock(opened, answered_at),
        ended_at=wall_clock(opened, end),
        setup_s=None if first_sign is None else _span(start, first_sign),
        ring_s=0.0 if ringing_at is None else _span(ringing_at, ring_end),
        wait_s=_span(start, ring_end),
        talk_s=talk_s,
        hold_s=0.0 if answered_at is None else min(talk_s, _hold_s(events, answered_at, end)),
        bill_s=math.ceil(talk_s),
        disposition=outcome.disposition,
        cause=outcome.cause,
        hangup_party=str(outcome.hangup_party),
        aborted=any(e.type is EventType.ABORTED for e in events),
        dtmf_digits=_passed_digits(events, answered_at, end),
        recording_id=recording_id,
        recording_reason=recording_reason,
        worker=str(head["worker"]),
        definition_version=DEFINITION_VERSION,
        legs=_legs(events, answered_at, end),
    )


def _legs(events: Sequence[CallEvent], answered_at: float | None, end: float) -> tuple[LegRecord, ...]:
    opened = events[0]
    dialed = _first(events, EventType.DIALED)
    legs = [_leg(events, Party.CALLER, opened, str(opened.detail["caller_number"]), answered_at, end)]
    if dialed is not None:
        legs.append(_leg(events, Party.CALLEE, dialed, str(opened.detail["callee_number"]), answered_at, end))
    return tuple(legs)


def _leg(
    events: Sequence[CallEvent], party: Party, begun: CallEvent, number: str, answered_at: float | None, end: float
) -> LegRecord:
    opened = events[0]
    ended = next((e for e in events if e.type is EventType.ENDED and e.leg is party), None)
    status = int(ended.detail["status"]) if ended else (200 if answered_at is not None else 0)
    if any(e.type is EventType.ABORTED for e in events):
        reason = "the worker died before the stream was measured"
    elif answered_at is None:
        reason = "not answered"
    else:
        reason = "the stream ended unmeasured"
    measured = quality.assess(stream_samples(events, party), digits=_digits_in_sound(events, party), reason=reason)
    return LegRecord(
        leg_id=f"{opened.call_id}-{party}",
        party=party,
        number=number,
        sip_call_id=str(begun.detail["sip_call_id"]),
        started_at=wall_clock(opened, begun.mono_s),
        answered_at=None if answered_at is None else wall_clock(opened, answered_at),
        ended_at=wall_clock(opened, max(begun.mono_s, end if ended is None else ended.mono_s)),
        sip_status=status,
        **dataclasses.asdict(measured),
    )


def stream_samples(events: Sequence[CallEvent], party: Party) -> list[quality.StreamSample]:
    """The last measurement of every media stream of a leg, in order of the streams."""
    last: dict[int, quality.StreamSample] = {}
    names = [f.name for f in dataclasses.fields(quality.StreamSample)]
    for event in events:
        if event.type is EventType.QUALITY and event.leg is party:
            last[int(event.detail["stream"])] = quality.StreamSample(**{n: event.detail[n] for n in names})
    return [last[n] for n in sorted(last)]


def starved_share(events: Sequence[CallEvent], party: Party) -> float:
    """Share 0..1 of a leg's frames that a busy machine of ours lost."""
    return quality.starved_share(stream_samples(events, party), _digits_in_sound(events, party))


def _digits_in_sound(events: Sequence[CallEvent], party: Party) -> int:
    """Digits that the leg's phone sent in place of sound (RFC 4733, formerly 2833)."""
    return sum(e.type is EventType.DTMF and e.leg is party and e.detail["method"] == "rfc2833" for e in events)


def _hold_s(events: Sequence[CallEvent], answered_at: float, end: float) -> float:
    """Seconds between answer and end in which at least one side held."""
    held: set[Party | None] = set()
    total, since = 0.0, 0.0
    for event in events:
        if event.type not in (EventType.HELD, EventType.UNHELD):
            continue
        moment = min(max(event.mono_s, answered_at), end)
        before = bool(held)
        (held.add if event.type is EventType.HELD else held.discard)(event.leg)
        if held and not before:
            since = moment
        elif before and not held:
            total += moment - since
    return round(total + (end - since if held else 0.0), 3)


def _passed_digits(events: Sequence[CallEvent], answered_at: float | None, end: float) -> int:
    if answered_at is None:
        return 0
    return sum(e.type is EventType.DTMF and answered_at <= e.mono_s <= end for e in events)


def _recording(events: Sequence[CallEvent], answered: bool) -> tuple[str | None, str | None]:
    started = _first(events, EventType.RECORDING_STARTED)
    if started is not None:
        return str(started.detail["recording_id"]), None
    refused = _first(events, EventType.RECORDING_REFUSED)
    if refused is not None:
        return None, str(refused.detail["reason"])
    return None, "no recorder was started" if answered else "not answered"


def _first(events: Sequence[CallEvent], kind: EventType) -> CallEvent | None:
    return next((e for e in events if e.type is kind), None)


def _span(start: float, end: float) -> float:
    return round(max(0.0, end - start), 3)
