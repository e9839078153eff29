"""The records of a call: its one row, its dialogs and the dated facts of its story."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Disposition(StrEnum):
    """How a call ended, as a person sees it."""

    ANSWERED = "answered"
    NO_ANSWER = "no_answer"  # rang until the ring limit
    BUSY = "busy"  # 486, 600
    CANCELLED = "cancelled"  # the caller hung up before an answer
    FAILED = "failed"  # everything else: 404, 480, 603, 5xx, engine trouble; `cause` says which


class Party(StrEnum):
    """The two sides of a call; also the channels of a recording: caller left (0), callee right (1)."""

    CALLER = "caller"
    CALLEE = "callee"


@dataclass(frozen=True)
class LegRecord:
    """One SIP dialog of a call with its media quality. Quality fields are None with `quality_reason` saying why."""

    leg_id: str
    party: Party
    number: str
    sip_call_id: str
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime
    sip_status: int  # last final status seen on the leg, 0 when none
    codec: str | None
    rx_packets: int | None
    loss_share: float | None  # 0..1 of expected packets, by RTCP / sequence numbers
    late_share: float | None  # 0..1 discarded by the jitter buffer
    jitter_ms_mean: float | None
    jitter_ms_max: float | None
    rtt_ms_mean: float | None
    mos: float | None  # 1.0–4.5, E-model
    starved: bool | None  # local CPU starvation: empty jitter buffer without network loss
    quality_reason: str | None
    quality_version: str | None  # names the formula that gave `mos`


@dataclass(frozen=True)
class Cdr:
    """One row per call, computed from its events by `pbx_core.domain.calls.cdr.fold`. Kind `cdr`, id = call_id.

    setup_s: INVITE to first ringing or answer. ring_s: first ringing to answer or end. wait_s: INVITE to answer or
    end. talk_s: answer to end, holds included. hold_s: part of talk_s on hold. bill_s: talk_s rounded up to seconds.
    """

    call_id: str
    tenant_id: str
    direction: str  # internal, inbound, outbound, callback (out of a queue), informing, click (placed by a program)
    caller_number: str
    caller_name: str  # as the phone sent it: hostile text
    callee_number: str
    started_at: datetime
    ringing_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime
    setup_s: float | None
    ring_s: float
    wait_s: float
    talk_s: float
    hold_s: float
    bill_s: int
    disposition: Disposition
    cause: str  # "486 Busy Here", "ring limit 30 s", …
    hangup_party: str  # caller, callee, system
    aborted: bool  # closed by recovery after a crash; ended_at is then within 5 s of the truth
    dtmf_digits: int  # how many were passed; the digits themselves are not kept
    recording_id: str | None
    recording_reason: str | None  # why there is none
    worker: str
    definition_version: str
    legs: tuple[LegRecord, ...] = field(default=())
    conversation_id: str = ""  # calls that are one story: the first call's id; "" its own
    did: str = ""  # E.164, inbound
    trunk_id: str = ""  # that brought or carried it
    answered_by: str = ""  # number that took it first
    destination: str = ""  # first destination of the model: extension:101, queue:sales, outside:+49…
    queue: str = ""  # last queue it waited in
    queue_wait_s: float | None = None  # in that queue, to answer or leaving
    queue_result: str = ""  # answered, abandoned, key, overflow, empty, callback
    menu_path: str = ""  # keys pressed in menus: "t,1,i"; t time-out, i wrong key
    voicemail: bool = False  # it ended with a message
    transferred: str = ""  # blind, attended: how it was last transferred
    forwarded_by: str = ""  # extension whose forwarding sent it on
    recording_pause_s: float = 0.0
    segments: int = 0  # recordings made in it
    route: tuple[str, ...] = ()  # destinations passed, in order
    closed_hours: str = ""  # hours whose closed branch it took
    refused: str = ""  # why nobody was asked: blocked (the caller), full (all channels of the number called)


@dataclass(frozen=True)
class CallEventRecord:
    """One dated fact of a call, for the call's story. Kind `call_event`, id = call_id-seq. `type` names the event."""

    call_id: str
    tenant_id: str
    seq: int
    at: datetime
    mono_s: float
    type: str
    leg: str | None
    detail: dict[str, Any]
