"""The records of a recording: its file, its deletion and what reviewers said of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


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
class TranscriptEditRecord:
    """One change that a person made to a transcript. Kind `transcript_edit`, id = edit_id. The latest of an utterance
    and kind counts; text None: what the engine heard counts again."""

    edit_id: str
    call_id: str
    tenant_id: str
    recording_id: str
    utterance_id: (
        str  # as domain.terms.reference() writes it, so that it fits only the text that was corrected; "" name
    )
    kind: str  # text, party (whose utterance it is), name (of a party)
    party: str  # caller or callee: whose words or name
    text: str | None
    author_id: str
    created_at: datetime
