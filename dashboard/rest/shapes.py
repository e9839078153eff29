"""The shapes of the answers: what integrators may rely on. A field is added, never renamed."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pbx_core.domain.records import Disposition, Party


class Shape(BaseModel):
    """Made of a record or a row; what these hold besides is left out."""

    model_config = ConfigDict(from_attributes=True, extra="ignore")


class CallRow(Shape):
    """One call of the list."""

    call_id: str
    started_at: datetime
    direction: str = Field(description="internal, inbound, outbound, callback, informing, click")
    caller_number: str
    caller_name: str = Field(description="as the phone sent it: text from outside")
    callee_number: str
    answered_by: str = Field(description="the number that took it first; empty: none")
    disposition: Disposition
    cause: str
    queue: str
    voicemail: bool = Field(description="it ended with a message")
    segments: int = Field(description="recordings made in it")
    wait_s: float
    talk_s: float
    mos_min: float | None = Field(description="worst of its legs, 1.0 to 4.5")
    recording_id: str | None = Field(description="its main recording")
    recording_quality: str | None
    transcript_status: str | None = Field(description="done, empty, unsupported, failed, off; null: not there yet")
    language: str | None
    caller_talk_ratio: float | None = Field(description="the caller's share of the speech, 0 to 1")
    comments: int
    tags: list[str] = Field(description="set by rules, in all recordings of the call")
    alerts: list[str] = Field(description="ids of rules that alert")
    score: float | None = Field(description="of its main recording; null: no rule scores")


class CallList(Shape):
    """A page, newest first. Follow next_cursor until it is null: then every call of the filter was seen."""

    calls: list[CallRow]
    next_cursor: str | None = Field(description="older calls; null: there are none")
    previous_cursor: str | None = Field(description="newer calls; null: this is the newest page")


class Leg(Shape):
    """One SIP dialog of a call with its media quality; what is not known has its reason in quality_reason."""

    leg_id: str
    party: Party
    number: str
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime
    sip_status: int = Field(description="last final status, 0: none")
    codec: str | None
    loss_share: float | None
    late_share: float | None
    jitter_ms_mean: float | None
    jitter_ms_max: float | None
    rtt_ms_mean: float | None
    mos: float | None
    quality_reason: str | None
    quality_version: str | None = Field(description="names the formula that gave mos")


class Event(Shape):
    """A dated fact of a call's story."""

    seq: int
    at: datetime
    type: str
    leg: str | None
    detail: dict[str, Any]


class Gone(Shape):
    """A recording that was deleted."""

    recording_id: str
    deleted_at: datetime
    reason: str
    sha256: str = Field(description="of what was deleted")


class Recording(Shape):
    """A stereo recording: left the caller, right the callee. bytes and sha256 are the original's, also where a part
    of it is hidden from programs."""

    recording_id: str
    call_id: str
    started_at: datetime
    duration_s: float
    codec: str
    sample_rate: int
    channels: int
    bytes: int
    sha256: str
    quality: str = Field(description="ok, degraded, truncated")
    quality_reason: str | None
    consent_basis: str
    segment: int = Field(description="of the call: a transfer begins a new one")
    kind: str = Field(description="conversation, voicemail")
    caller_number: str
    callee_number: str
    pauses: list[tuple[float, float]] = Field(description="start and end, in seconds, of silence kept for card data")


class RecordingDetail(Recording):
    """A recording, and whether something in it is hidden."""

    hidden: Literal["nothing", "some", "unknown"] = Field(
        description="some: programs hear a copy without it; unknown: nobody knows yet what to hide, nothing is played"
    )


class CallDetail(Shape):
    """Everything known of one call but its words."""

    call_id: str
    conversation_id: str = Field(description="its conversation, see /v1/conversations; repeated attempts included")
    direction: str
    caller_number: str
    caller_name: str
    callee_number: str
    did: str = Field(description="the public number that was called, E.164")
    trunk_id: str
    started_at: datetime
    ringing_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime
    setup_s: float | None = Field(description="to the first ringing or answer")
    ring_s: float
    wait_s: float = Field(description="to answer or end")
    talk_s: float = Field(description="answer to end, holds included")
    hold_s: float
    bill_s: int
    disposition: Disposition
    cause: str
    hangup_party: str = Field(description="caller, callee, system")
    aborted: bool = Field(description="closed after a crash; ended_at is then within 5 s of the truth")
    answered_by: str
    destination: str
    route: list[str] = Field(description="destinations passed, in order")
    queue: str
    queue_wait_s: float | None
    queue_result: str
    menu_path: str
    voicemail: bool
    transferred: str
    forwarded_by: str
    recording_id: str | None
    recording_reason: str | None = Field(description="why there is none")
    definition_version: str
    legs: list[Leg]
    events: list[Event]
    recordings: list[Recording]
    gone: list[Gone]


class Word(Shape):
    """A word with its time in the recording."""

    text: str
    start_s: float
    end_s: float
    p: float


class Utterance(Shape):
    """What one side said without a break."""

    party: Party
    start_s: float
    end_s: float
    text: str
    edited: bool = Field(description="a person has put it right")
    words: list[Word]


class Transcript(Shape):
    """What was said in a recording, as it stands now; what the tenant hides is replaced."""

    call_id: str
    recording_id: str
    started_at: datetime
    language: str | None
    model: str
    status: str = Field(description="done, empty, unsupported, failed, off")
    speakers: dict[Party, str]
    utterances: list[Utterance]
