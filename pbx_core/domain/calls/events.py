"""The dated facts of a call: what the engine, the timers, the dialplan, the queue and the recorder report, in order.

Legs are named by their side and a number: caller, callee, callee-2, caller-2 (who came in the caller's place by a
transfer), supervisor. `side_of` gives the channel of a recording that a leg's sound belongs to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from pbx_core.domain.records import CallEventRecord, Party

CALLER = "caller"


class EventType(StrEnum):
    """Every kind of event; beside it the fields of `detail`. The names are what stands in the journal."""

    # tenant_id, domain, direction, caller_number, caller_name, callee_number (as dialled), sip_call_id, source, worker,
    # did, trunk_id, conversation_id, music (on hold), language, origin (nodes.Origin as JSON)
    OPENED = "opened"
    # the dialplan's answer: destination (asked for), node (nodes.Node as JSON), steps [{place, text}], visited, origin
    ROUTED = "routed"
    DIALED = "dialed"  # our INVITE went out on this leg: sip_call_id, targets [number], trunk_id
    DIAL_FAILED = "dial_failed"  # it could not: reason
    RINGING = "ringing"  # 180 or 183: status, media (early media runs), by (number that rings, "" unknown)
    ANSWERED = "answered"  # 200: by (number that answered), offers {number: status}
    CONFIRMED = "confirmed"  # the caller's ACK came
    # the leg's dialog is over: status, reason (the edge's X-Reason where it gives one), offers {number: status}
    ENDED = "ended"
    HELD = "held"  # the leg's phone put the call on hold
    UNHELD = "unheld"
    DTMF = "dtmf"  # one digit: method (rfc2833, info); the digit itself is never kept here
    TIMER = "timer"  # a timer expired: name
    MEDIA_LOST = "media_lost"  # the leg's phone fell silent (no RTP): last_media_mono_s, silence_s
    PLAYED = "played"  # what Play(token) asked for has been heard to its end, or could not: token, fault
    RECORDING_STARTED = (
        "recording_started"  # recording_id, segment, kind (conversation, voicemail), caller, callee (leg names)
    )
    RECORDING_REFUSED = "recording_refused"  # reason
    RECORDING_FAULT = "recording_fault"  # fault
    RECORDING_STOPPED = "recording_stopped"  # recording_id
    RECORDING_PAUSED = "recording_paused"  # by (leg name, api)
    RECORDING_RESUMED = "recording_resumed"  # by (leg name, api, limit)
    QUALITY = "quality"  # the leg's media stream was measured: stream, and the fields of quality.StreamSample
    # the leg's phone asks for a transfer (REFER, or a feature code): target (number), replaces (SIP Call-ID of the
    # consultation, "" blind), means (refer, keys, api)
    TRANSFER_ASKED = "transfer_asked"
    TRANSFERRED = "transferred"  # it came about: how (blind, attended), target, by (number)
    PARKED = "parked"  # slot, by (number)
    # a leg of another call is ours now: leg; number, how (transfer, pickup, retrieve, listen, whisper, barge),
    # from_call, sip_call_id, answered, internal (a phone of ours), name, target (as in GiveCaller)
    ADOPTED = "adopted"
    GIVEN = "given"  # this leg went to another call: to_call, how
    JOIN_FAILED = "join_failed"  # the other call is not there any more, the room or the slots full: reason
    JOINED = "joined"  # a conference room: room, people (in it now; fed again when somebody else comes)
    PEER_GONE = "peer_gone"  # somebody left the room: people (how many are left)
    QUEUE_JOINED = "queue_joined"  # queue, position
    QUEUE_POSITION = "queue_position"  # position, wait_s (estimate, null unknown)
    QUEUE_OFFER = "queue_offer"  # offer_id, agents [nodes.Target as JSON]: ring them now
    OFFER_ENDED = (
        "offer_ended"  # offer_id, results {number: answered | busy | no_answer | offline | failed | cancelled}
    )
    QUEUE_FULL = "queue_full"  # too many wait, or (reason empty) no agent is logged in: reason (full, empty)
    QUEUE_LEFT = "queue_left"  # queue, how (answered, abandoned, key, overflow, empty, callback), position, wait_s
    MENU_KEY = "menu_key"  # menu, key: the key pressed, "t" time-out, "i" wrong key; digits dialled directly
    VOICEMAIL_LEFT = "voicemail_left"  # mailbox, recording_id, seconds
    CONTROL = "control"  # a person asked by API or command line: what, who, and its arguments
    ENGINE_ERROR = "engine_error"  # reason
    SHUTDOWN = "shutdown"  # the worker is told to stop
    ABORTED = "aborted"  # recovery found the call open after its worker had died: reason
    # decided: disposition, cause, hangup_party (caller, callee, system), mono_s of the end, answered_mono_s (null) and
    # answered_by: when and who first answered
    CLOSED = "closed"


@dataclass(frozen=True)
class CallEvent:
    """One fact. `at` is wall clock for people, `mono_s` is monotonic and the only source of durations. `seq` counts
    from 0 within the call. `digit` travels beside the facts and is never written down."""

    at: datetime
    mono_s: float
    call_id: str
    seq: int
    leg: str | None
    type: EventType
    detail: dict[str, Any] = field(default_factory=dict)
    digit: str = field(default="", repr=False, compare=False)


def side_of(leg: str) -> Party | None:
    """The channel that a leg's sound belongs to: its name's first word; None for a supervisor."""
    head = leg.split("-", 1)[0]
    return Party(head) if head in (Party.CALLER, Party.CALLEE) else None


def to_record(event: CallEvent, tenant_id: str) -> CallEventRecord:
    """The event as it stands in the journal, without its digit."""
    return CallEventRecord(
        call_id=event.call_id,
        tenant_id=tenant_id,
        seq=event.seq,
        at=event.at,
        mono_s=round(event.mono_s, 3),
        type=str(event.type),
        leg=event.leg,
        detail=event.detail,
    )


def from_record(record: CallEventRecord) -> CallEvent:
    """The inverse of to_record; ValueError for a type that this version does not know."""
    return CallEvent(
        at=record.at,
        mono_s=record.mono_s,
        call_id=record.call_id,
        seq=record.seq,
        leg=record.leg,
        type=EventType(record.type),
        detail=record.detail,
    )
