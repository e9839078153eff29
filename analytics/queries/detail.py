"""One call with everything known of it, built back into the records that the processes wrote."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from analytics.queries.reader import Reader
from analytics.queries.types import BEGINNING, END, CallDetail, Scope, scope_parameters
from ingest import convert
from pbx_core.domain.records import (
    CallEventRecord,
    Cdr,
    Disposition,
    Extract,
    ItemHeard,
    LegRecord,
    MeaningRecord,
    Party,
    PartyMeaning,
    PartyTurns,
    RecordingGone,
    RecordingRecord,
    RedactedSpan,
    RedactionRecord,
    TrackerHit,
    TranscriptRecord,
    TurnsRecord,
    Utterance,
    Word,
)

_CALL = "SELECT * FROM scoped($tenant_id, $extension, $since, $until) WHERE call_id = $call_id"
_LEGS = "SELECT * FROM lk.main.leg WHERE tenant_id = $tenant_id AND call_id = $call_id ORDER BY position"
_EVENTS = "SELECT * FROM lk.main.call_event WHERE tenant_id = $tenant_id AND call_id = $call_id ORDER BY seq"
_RECORDINGS_OF_CALL = """
    SELECT * FROM lk.main.recording
    WHERE tenant_id = $tenant_id AND call_id = $call_id ORDER BY segment, started_at, recording_id
"""
_GONE = "SELECT * FROM lk.main.recording_gone WHERE tenant_id = $tenant_id AND call_id = $call_id"
_TURNS = """
    SELECT * FROM lk.main.turns
    WHERE tenant_id = $tenant_id AND call_id = $call_id AND recording_id = $recording_id
"""
_PARTIES = """
    SELECT * FROM lk.main.party_turns
    WHERE tenant_id = $tenant_id AND call_id = $call_id AND recording_id = $recording_id ORDER BY position
"""
_TRANSCRIPT = """
    SELECT * FROM lk.main.transcript
    WHERE tenant_id = $tenant_id AND call_id = $call_id AND recording_id = $recording_id
"""
_UTTERANCES = """
    SELECT * FROM lk.main.utterance
    WHERE tenant_id = $tenant_id AND call_id = $call_id AND recording_id = $recording_id ORDER BY position
"""
_MEANING = """
    SELECT * FROM lk.main.meaning
    WHERE tenant_id = $tenant_id AND call_id = $call_id AND recording_id = $recording_id
"""
_OF_MEANING = """
    SELECT * FROM lk.main.{table}
    WHERE tenant_id = $tenant_id AND call_id = $call_id AND recording_id = $recording_id ORDER BY position
"""
_MEANING_PARTS: dict[str, tuple[str, type[Any]]] = {  # field → table, record
    "parties": ("party_meaning", PartyMeaning),
    "hits": ("tracker_hit", TrackerHit),
    "items": ("item_heard", ItemHeard),
    "extracts": ("extract", Extract),
}
_REDACTION = """
    SELECT * FROM lk.main.redaction
    WHERE tenant_id = $tenant_id AND call_id = $call_id AND recording_id = $recording_id
"""
_REDACTED_SPANS = """
    SELECT * FROM lk.main.redacted_span
    WHERE tenant_id = $tenant_id AND call_id = $call_id AND recording_id = $recording_id ORDER BY position
"""
_NOT_REDACTED = """
    SELECT r.* FROM lk.main.recording AS r
    JOIN lk.main.transcript AS t
      ON t.tenant_id = r.tenant_id AND t.call_id = r.call_id AND t.recording_id = r.recording_id
    WHERE r.tenant_id = $tenant_id AND r.recording_id NOT IN (
        SELECT d.recording_id FROM lk.main.redaction AS d WHERE d.tenant_id = $tenant_id AND d.wishes_sha256 = $wishes)
      AND r.recording_id NOT IN (SELECT g.recording_id FROM lk.main.recording_gone AS g WHERE g.tenant_id = $tenant_id)
    ORDER BY r.call_id, r.recording_id
"""
_RECORDING = """
    SELECT r.* FROM lk.main.recording AS r
    WHERE r.tenant_id = $tenant_id AND r.recording_id = $recording_id
      AND ($extension IS NULL OR r.call_id IN (SELECT call_id FROM scoped($tenant_id, $extension, $since, $until)))
    ORDER BY r.stamp DESC LIMIT 1
"""
_GONE_ONE = """
    SELECT recording_id FROM lk.main.recording_gone WHERE tenant_id = $tenant_id AND recording_id = $recording_id
"""

T = TypeVar("T")


def call(reader: Reader, scope: Scope, call_id: str, recording_id: str | None = None) -> CallDetail | None:
    """Everything known of a call; None when it is unknown, another tenant's or out of scope, all the same. Of several
    recordings turns and transcript are those of `recording_id`, or of the first."""
    values = {**scope_parameters(scope), "since": BEGINNING, "until": END, "call_id": call_id}
    found = reader.rows(_CALL, values)
    if not found:
        return None
    own = {"tenant_id": scope.tenant_id, "call_id": call_id}
    legs = tuple(_record(LegRecord, r) for r in reader.rows(_LEGS, own))
    events = tuple(_record(CallEventRecord, r) for r in reader.rows(_EVENTS, own))
    cdr = _record(Cdr, found[0], legs=legs)
    stored = tuple(_record(RecordingRecord, r) for r in reader.rows(_RECORDINGS_OF_CALL, own))
    gone = tuple(_record(RecordingGone, r) for r in reader.rows(_GONE, own))
    stored = tuple(r for r in stored if r.recording_id not in {g.recording_id for g in gone})
    ids = [r.recording_id for r in stored]
    chosen = recording_id if recording_id in ids else cdr.recording_id or next(iter(ids), None)
    if chosen is None:
        return CallDetail(cdr, None, None, None, events)
    kept = next((r for r in stored if r.recording_id == chosen), None)
    own["recording_id"] = chosen
    found = _turns(reader, own), _transcript(reader, own)
    return CallDetail(cdr, kept, *found, events, stored, gone, _meaning(reader, own), _redaction(reader, own))


def recording(reader: Reader, scope: Scope, recording_id: str) -> RecordingRecord | None:
    """One recording; None when it is unknown, another tenant's or out of scope, all the same."""
    values = {**scope_parameters(scope), "since": BEGINNING, "until": END, "recording_id": recording_id}
    found = reader.rows(_RECORDING, values)
    if not found or reader.rows(_GONE_ONE, {"tenant_id": scope.tenant_id, "recording_id": recording_id}):
        return None
    return _record(RecordingRecord, found[0])


def parts(
    reader: Reader, scope: Scope, call_id: str, recording_id: str
) -> tuple[TurnsRecord | None, TranscriptRecord | None, MeaningRecord | None]:
    """What was made of one recording; for who has found it within the scope."""
    own = {"tenant_id": scope.tenant_id, "call_id": call_id, "recording_id": recording_id}
    return _turns(reader, own), _transcript(reader, own), _meaning(reader, own)


def words(reader: Reader, kept: RecordingRecord) -> tuple[TranscriptRecord | None, RedactionRecord | None]:
    """What was heard in a recording and what of it is to be hidden; None where it is not there (yet)."""
    own = {"tenant_id": kept.tenant_id, "call_id": kept.call_id, "recording_id": kept.recording_id}
    return _transcript(reader, own), _redaction(reader, own)


def not_redacted(reader: Reader, tenant_id: str, wishes_sha256: str) -> list[RecordingRecord]:
    """A tenant's recordings whose transcripts were not looked through under these wishes."""
    found = reader.rows(_NOT_REDACTED, {"tenant_id": tenant_id, "wishes": wishes_sha256})
    return [_record(RecordingRecord, row) for row in found]


def _turns(reader: Reader, own: dict[str, Any]) -> TurnsRecord | None:
    found = reader.rows(_TURNS, own)
    if not found:
        return None
    return _record(TurnsRecord, found[0], parties=tuple(_record(PartyTurns, r) for r in reader.rows(_PARTIES, own)))


def _transcript(reader: Reader, own: dict[str, Any]) -> TranscriptRecord | None:
    found = reader.rows(_TRANSCRIPT, own)
    if not found:
        return None
    utterances = tuple(_record(Utterance, r) for r in reader.rows(_UTTERANCES, own))
    return _record(TranscriptRecord, found[0], utterances=utterances)


def _meaning(reader: Reader, own: dict[str, Any]) -> MeaningRecord | None:
    found = reader.rows(_MEANING, own)
    if not found:
        return None
    parts = {
        name: tuple(_record(kind, r) for r in reader.rows(_OF_MEANING.replace("{table}", table), own))
        for name, (table, kind) in _MEANING_PARTS.items()
    }
    return _record(MeaningRecord, found[0], **parts)


def _redaction(reader: Reader, own: dict[str, Any]) -> RedactionRecord | None:
    found = reader.rows(_REDACTION, own)
    if not found:
        return None
    spans = tuple(_record(RedactedSpan, r) for r in reader.rows(_REDACTED_SPANS, own))
    return _record(RedactionRecord, found[0], spans=spans)


def _list(text: str) -> tuple[Any, ...]:
    return tuple(json.loads(text))


_READ: dict[str, Callable[[Any], Any]] = {
    "party": Party,
    "agent": Party,
    "tags": _list,
    "alerts": _list,
    "held": _list,
    "undecided": _list,
    "sentiment": _list,
    "reasons": json.loads,
    "terms": lambda text: tuple((str(stem), str(form)) for stem, form in json.loads(text)),
    "disposition": Disposition,
    "words": lambda text: tuple(Word(*w) for w in json.loads(text)),
    "segments": lambda text: tuple((float(a), float(b)) for a, b in json.loads(text)),
    "detail": json.loads,
    "route": lambda text: tuple(json.loads(text)),
    "pauses": lambda text: tuple((float(a), float(b)) for a, b in json.loads(text)),
}


def _record(kind: type[T], row: dict[str, Any], **parts: Sequence[Any]) -> T:
    """A row as the dataclass it came from; `parts` are the fields kept in tables of their own."""
    names = [f.name for f in dataclasses.fields(kind) if f.name not in parts]  # type: ignore[arg-type]
    values = {name: _read(name, row["occurred_at" if name == "at" else name]) for name in names}
    return kind(**values, **parts)


def _read(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return convert.utc(value)
    return _READ[name](value) if name in _READ and isinstance(value, str) else value  # words, segments: also counts
