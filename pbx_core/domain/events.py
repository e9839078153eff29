"""The dated facts of a call: what the engine, the timers and the recorder report, in the order they happened."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from pbx_core.domain.records import CallEventRecord, Party


class EventType(StrEnum):
    """Every kind of event; beside it the fields of `detail`. The names are what stands in the journal."""

    # the caller's INVITE: tenant_id, domain, direction, caller_number, caller_name, callee_number, sip_call_id,
    # source, worker, ring_s, call_s_max
    OPENED = "opened"
    DIALED = "dialed"  # our INVITE to the callee went out: sip_call_id
    DIAL_FAILED = "dial_failed"  # it could not: reason
    RINGING = "ringing"  # callee, 180 or 183: status, media (early media runs)
    ANSWERED = "answered"  # callee, 200
    CONFIRMED = "confirmed"  # the caller's ACK came
    ENDED = "ended"  # the leg's dialog is over: status, reason
    HELD = "held"  # the leg's phone put the call on hold
    UNHELD = "unheld"
    DTMF = "dtmf"  # the leg's phone sent one digit: method (rfc2833, info); the digit itself is never kept
    TIMER = "timer"  # a timer expired: name
    MEDIA_LOST = "media_lost"  # the leg's phone fell silent (no RTP): last_media_mono_s, silence_s
    RECORDING_STARTED = "recording_started"  # recording_id
    RECORDING_REFUSED = "recording_refused"  # reason
    RECORDING_FAULT = "recording_fault"  # fault
    QUALITY = "quality"  # the leg's media stream was measured: stream, and the fields of quality.StreamSample
    ENGINE_ERROR = "engine_error"  # reason
    SHUTDOWN = "shutdown"  # the worker is told to stop
    ABORTED = "aborted"  # recovery found the call open after its worker had died: reason


@dataclass(frozen=True)
class CallEvent:
    """One fact. `at` is wall clock for people, `mono_s` is monotonic and the only source of durations. `seq` counts
    from 0 within the call. `digit` travels beside the facts to the other phone and is never written down."""

    at: datetime
    mono_s: float
    call_id: str
    seq: int
    leg: Party | None
    type: EventType
    detail: dict[str, Any] = field(default_factory=dict)
    digit: str = field(default="", repr=False, compare=False)


def to_record(event: CallEvent, tenant_id: str) -> CallEventRecord:
    """The event as it stands in the journal, without its digit."""
    return CallEventRecord(
        call_id=event.call_id,
        tenant_id=tenant_id,
        seq=event.seq,
        at=event.at,
        mono_s=round(event.mono_s, 3),
        type=str(event.type),
        leg=None if event.leg is None else str(event.leg),
        detail=event.detail,
    )


def from_record(record: CallEventRecord) -> CallEvent:
    """The inverse of to_record; ValueError for a type or leg that this version does not know."""
    return CallEvent(
        at=record.at,
        mono_s=record.mono_s,
        call_id=record.call_id,
        seq=record.seq,
        leg=None if record.leg is None else Party(record.leg),
        type=EventType(record.type),
        detail=record.detail,
    )
