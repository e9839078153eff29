"""The facts that travel through the journals: one dataclass per kind of line, the contract between all processes.

A journal line is `{"kind", "id", "tenant_id", "at", "data"}`; `(kind, id)` is the idempotency key: the same line
twice changes nothing, and of two different lines with one key the later replaces the earlier. `data` holds the
dataclass's fields. Times are timezone-aware UTC (ISO 8601 with milliseconds in JSON); seconds are floats.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints


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


@dataclass(frozen=True)
class RecordingRecord:
    """One stereo file. Kind `recording`, id = recording_id. path is relative to the recordings directory."""

    recording_id: str
    call_id: str
    tenant_id: str
    path: str
    peaks_path: str
    started_at: datetime
    duration_s: float
    codec: str  # opus
    sample_rate: int
    channels: int  # 2: left caller, right callee
    bytes: int
    sha256: str
    caller_pad_ms: int  # silence put before the caller's channel to align it
    callee_pad_ms: int
    quality: str  # ok | degraded | truncated
    quality_reason: str | None  # names every fault: "disk_full", "aborted", "starved: 3.1 % of the callee's frames"
    consent_basis: str
    segment: int = 1  # of the call: a transfer begins a new one
    kind: str = "conversation"  # conversation, voicemail (the caller's side alone)
    caller_number: str = ""  # who spoke on the left in this segment
    callee_number: str = ""
    pauses: tuple[tuple[float, float], ...] = ()  # start_s, end_s of exact silence kept for card data


@dataclass(frozen=True)
class RecordingGone:
    """A recording that was deleted. Kind `recording_gone`, id = recording_id. reason: retention, erased, …"""

    recording_id: str
    call_id: str
    tenant_id: str
    deleted_at: datetime
    reason: str
    deleted_by: str
    sha256: str  # of what was deleted: proof of which bytes


@dataclass(frozen=True)
class QueueEvent:
    """One dated fact of a queue that belongs to no live call: an agent's log-in, pause, a call-back made. Kind
    `queue_event`, id = event_id. Events of waiting calls are call events."""

    event_id: str
    tenant_id: str
    at: datetime
    queue: str
    agent: str
    type: str  # login, logout, pause, unpause, wrap_up (begins; reason: seconds), callback_due, _done, _failed
    reason: str
    call_id: str


@dataclass(frozen=True)
class InformRecord:
    """One try to inform one number. Kind `inform`, id = call_id."""

    call_id: str
    tenant_id: str
    campaign_id: str
    number: str
    at: datetime
    result: str  # reached, acknowledged, opted_out, busy, no_answer, failed
    key: str
    attempt: int


@dataclass(frozen=True)
class PartyTurns:
    """One side's part in a conversation, from tight voice activity."""

    party: Party
    talk_s: float
    talk_ratio: float | None  # talk_s / both talk_s; None when nobody spoke
    longest_monologue_s: float
    interruptions: int  # onset while the other talks, overlap >= 250 ms, not a backchannel
    interruption_s: float
    turns: int
    segments: tuple[tuple[float, float], ...]  # start_s, end_s of speech


@dataclass(frozen=True)
class TurnsRecord:
    """Language-free metrics of one recording. Kind `turns`, id = recording_id."""

    recording_id: str
    call_id: str
    tenant_id: str
    version: str
    duration_s: float
    silence_s: float  # nobody speaks
    overlap_s: float  # both speak
    parties: tuple[PartyTurns, ...]


@dataclass(frozen=True)
class Word:
    """One recognised word; seconds from the start of the recording; p is the engine's probability 0..1."""

    text: str
    start_s: float
    end_s: float
    p: float


@dataclass(frozen=True)
class Utterance:
    """A stretch of one party's speech as recognised."""

    utterance_id: str  # recording_id-NNNN in order of start
    party: Party
    start_s: float
    end_s: float
    text: str
    confidence: float | None  # mean word probability
    words: tuple[Word, ...]


@dataclass(frozen=True)
class TranscriptRecord:
    """What was heard in one recording. Kind `transcript`, id = recording_id.

    status: done | empty (nobody speaks) | unsupported (language not supported by the model) | failed (reason says).
    """

    recording_id: str
    call_id: str
    tenant_id: str
    status: str
    reason: str | None
    language: str | None
    language_probability: float | None
    model: str
    model_sha256: str
    version: str
    audio_s: float
    cpu_s: float
    caller_words_per_minute: float | None  # words per minute of own speech
    callee_words_per_minute: float | None
    utterances: tuple[Utterance, ...]


@dataclass(frozen=True)
class CommentRecord:
    """A reviewer's comment as it stands in the operational database. Kind `comment`, id = comment_id."""

    comment_id: str
    call_id: str
    tenant_id: str
    author_id: str
    at_s: float | None  # second in the recording
    text: str
    created_at: datetime
    deleted: bool


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


KINDS: dict[str, type] = {
    "call_event": CallEventRecord,
    "cdr": Cdr,
    "recording": RecordingRecord,
    "turns": TurnsRecord,
    "transcript": TranscriptRecord,
    "comment": CommentRecord,
    "recording_gone": RecordingGone,
    "queue_event": QueueEvent,
    "inform": InformRecord,
}

T = TypeVar("T")


def iso(at: datetime) -> str:
    """UTC ISO 8601 with milliseconds and Z; ValueError for a naive time."""
    if at.tzinfo is None:
        raise ValueError("naive datetime")
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_iso(text: str) -> datetime:
    """The inverse of iso(); ValueError when it is not a full timestamp with a zone."""
    at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if at.tzinfo is None:
        raise ValueError(f"no time zone: {text!r}")
    return at.astimezone(UTC)


def to_json(value: Any) -> Any:
    """A record, or part of one, as JSON-ready dicts, lists and scalars."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, list | tuple):
        return [to_json(v) for v in value]
    if isinstance(value, dict):
        return {str(k): to_json(v) for k, v in value.items()}
    return value


def from_json(kind: type[T], data: Any) -> T:
    """Build a record from parsed JSON; ValueError names the field that is missing, unknown or of a wrong type."""
    return typing.cast(T, _build(kind, data, kind.__name__))


_PLAIN = frozenset({str, int, float, bool})


@functools.cache
def _taken_apart(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """Origin and arguments of a type hint; remembered, since journals hold the same few hints millions of times."""
    return get_origin(hint), get_args(hint)


@functools.cache
def _fields(hint: type) -> tuple[dict[str, Any], frozenset[str]]:
    """Type hints of a dataclass by field, and the fields without a default; remembered for the same reason."""
    required = {
        f.name
        for f in dataclasses.fields(hint)
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    }
    return get_type_hints(hint), frozenset(required)


def _build(hint: Any, value: Any, place: str) -> Any:
    if type(value) is hint and hint in _PLAIN:
        return value
    origin, arguments = _taken_apart(hint)
    if origin in (Union, types.UnionType):
        if value is None:
            if type(None) in arguments:
                return None
            raise ValueError(f"{place}: null")
        (inner,) = [a for a in arguments if a is not type(None)]
        return _build(inner, value, place)
    if origin is tuple:
        if not isinstance(value, list):
            raise ValueError(f"{place}: not a list")
        if arguments[-1] is Ellipsis:
            return tuple(_build(arguments[0], v, f"{place}[{i}]") for i, v in enumerate(value))
        if len(arguments) != len(value):
            raise ValueError(f"{place}: {len(value)} items instead of {len(arguments)}")
        return tuple(_build(a, v, place) for a, v in zip(arguments, value, strict=True))
    if origin is dict:
        if not isinstance(value, dict):
            raise ValueError(f"{place}: not an object")
        return value
    if dataclasses.is_dataclass(hint):
        return _build_dataclass(typing.cast(type, hint), value, place)
    return _build_scalar(hint, value, place)


def _build_dataclass(hint: type, value: Any, place: str) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"{place}: not an object")
    hints, required = _fields(hint)
    unknown = value.keys() - hints.keys()
    if unknown:
        raise ValueError(f"{place}: unknown field {sorted(unknown)[0]!r}")
    missing = required - value.keys()
    if missing:
        raise ValueError(f"{place}: field {sorted(missing)[0]!r} is missing")
    return hint(**{name: _build(hints[name], item, f"{place}.{name}") for name, item in value.items()})


def _build_scalar(hint: Any, value: Any, place: str) -> Any:
    if hint is Any:
        return value
    if hint is datetime:
        if not isinstance(value, str):
            raise ValueError(f"{place}: not a timestamp")
        return parse_iso(value)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        try:
            return hint(value)
        except ValueError:
            raise ValueError(f"{place}: {value!r} is not a {hint.__name__}") from None
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise ValueError(f"{place}: {type(value).__name__} instead of {getattr(hint, '__name__', hint)}")
    return value
