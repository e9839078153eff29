"""The facts that travel through the journals: one dataclass per kind of line, the contract between all processes.

A journal line is `{"kind", "id", "tenant_id", "at", "data"}`; `(kind, id)` is the idempotency key: the same line
twice changes nothing, and of two different lines with one key the later replaces the earlier. `data` holds the
dataclass's fields. Times are timezone-aware UTC (ISO 8601 with milliseconds in JSON); seconds are floats.
"""

from __future__ import annotations

from pbx_core.domain.records.as_json import from_json, iso, parse_iso, to_json
from pbx_core.domain.records.call import CallEventRecord, Cdr, Disposition, LegRecord, Party
from pbx_core.domain.records.exchange import InformRecord, QueueEvent
from pbx_core.domain.records.recording import CommentRecord, RecordingGone, RecordingRecord, TranscriptEditRecord
from pbx_core.domain.records.redaction import RedactedSpan, RedactionRecord
from pbx_core.domain.records.speech import (
    Extract,
    ItemHeard,
    MeaningRecord,
    PartyMeaning,
    PartyTurns,
    TrackerHit,
    TranscriptRecord,
    TurnsRecord,
    Utterance,
    Word,
)

__all__ = [
    "KINDS",
    "CallEventRecord", "Cdr", "CommentRecord", "Disposition", "Extract", "InformRecord", "ItemHeard", "LegRecord",
    "MeaningRecord", "Party", "PartyMeaning", "PartyTurns", "QueueEvent", "RecordingGone", "RecordingRecord",
    "RedactedSpan", "RedactionRecord",
    "TrackerHit", "TranscriptEditRecord", "TranscriptRecord", "TurnsRecord", "Utterance", "Word",
    "from_json", "iso", "parse_iso", "to_json",
]  # fmt: skip

KINDS: dict[str, type] = {
    "call_event": CallEventRecord,
    "cdr": Cdr,
    "recording": RecordingRecord,
    "turns": TurnsRecord,
    "transcript": TranscriptRecord,
    "meaning": MeaningRecord,
    "redaction": RedactionRecord,
    "comment": CommentRecord,
    "recording_gone": RecordingGone,
    "queue_event": QueueEvent,
    "inform": InformRecord,
    "transcript_edit": TranscriptEditRecord,
}
