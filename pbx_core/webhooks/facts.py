"""What is told: the events, made of the journals' lines. Bodies hold ids and figures, never what was said: words are
fetched with a token that may listen, where redaction is applied."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from pbx_core import feed
from pbx_core.domain import records
from pbx_core.domain.records import CallEventRecord, Cdr, MeaningRecord, RecordingRecord, TranscriptRecord
from pbx_core.store.outbox import Event

SCHEMA_VERSION = 1
OLD_S = 7 * 86400.0  # what is made anew of older calls (other wishes, another model) is no news


class EventType(StrEnum):
    """Every event; the names stand in endpoints and bodies."""

    CALL_STARTED = "call.started"
    CALL_ENDED = "call.ended"
    CALL_MISSED = "call.missed"
    RECORDING_READY = "recording.ready"
    TRANSCRIPT_READY = "transcript.ready"
    ALERT_RAISED = "alert.raised"
    TEST = "webhook.test"


OFFERED = tuple(t for t in EventType if t is not EventType.TEST)


@dataclass(frozen=True)
class Fact:
    """Something that happened. key: names it among those of its type; the same fact has the same key for ever."""

    tenant_id: str
    type: EventType
    key: str
    occurred_at: datetime
    data: dict[str, Any]


class Source(Protocol):
    """Facts that no single line of a journal tells; found by the entry point of `callbench.webhook_facts` with the name
    of their type, whose object is called with the settings. Facts told before are told again harmlessly."""

    def facts(self, tenant_id: str, since: datetime, complete_until: datetime) -> list[Fact]:
        """Those of a tenant since then. complete_until: the warehouse holds every line written before."""


def event(fact: Fact, at: float) -> Event:
    """As it is written down. The id comes from the fact alone, the body's bytes are what is signed and sent."""
    key = "\0".join((fact.tenant_id, fact.type, fact.key))
    event_id = "evt_" + hashlib.sha256(key.encode()).hexdigest()[:32]
    body = {
        "type": fact.type,
        "timestamp": records.iso(fact.occurred_at),
        "id": event_id,
        "schema_version": SCHEMA_VERSION,
        "data": records.to_json(fact.data),
    }
    text = json.dumps(body, ensure_ascii=True, separators=(",", ":"))
    return Event(fact.tenant_id, event_id, fact.type, text, at)


_WANTED: dict[bytes, frozenset[str]] = {  # how a line begins → what it may tell
    b'{"kind":"call_event"': frozenset({EventType.CALL_STARTED}),
    b'{"kind":"cdr"': frozenset({EventType.CALL_ENDED}),
    b'{"kind":"recording",': frozenset({EventType.RECORDING_READY}),
    b'{"kind":"transcript",': frozenset({EventType.TRANSCRIPT_READY}),
    b'{"kind":"meaning",': frozenset({EventType.ALERT_RAISED}),
}
_OPENED = b'"type":"opened"'


def of_line(raw: bytes, wanted: Collection[str]) -> Iterator[Event]:
    """What a journal's line tells, of the types that somebody wants. ValueError for a line that does not fit."""
    kinds = next((types for start, types in _WANTED.items() if raw.startswith(start)), frozenset())
    if kinds.isdisjoint(wanted) or (EventType.CALL_STARTED in kinds and _OPENED not in raw):
        return
    entry = feed.decode(raw)
    at = records.parse_iso(entry.at)
    for fact in _facts(entry.record, at):
        yield event(fact, at.timestamp())


def _facts(record: Any, at: datetime) -> Iterator[Fact]:
    match record:
        case CallEventRecord(type="opened"):
            yield Fact(record.tenant_id, EventType.CALL_STARTED, record.call_id, record.at, _started(record))
        case Cdr():
            yield Fact(record.tenant_id, EventType.CALL_ENDED, record.call_id, record.ended_at, _ended(record))
        case RecordingRecord():
            yield Fact(record.tenant_id, EventType.RECORDING_READY, record.recording_id, at, _recorded(record))
        case TranscriptRecord() if _news(record.call_id, at):
            key = f"{record.recording_id} {record.version} {record.model}"
            yield Fact(record.tenant_id, EventType.TRANSCRIPT_READY, key, at, _transcribed(record))
        case MeaningRecord() if _news(record.call_id, at):
            for rule in record.alerts:
                key = f"{record.recording_id} {rule}"
                yield Fact(record.tenant_id, EventType.ALERT_RAISED, key, at, _alerted(record, rule))


def _news(call_id: str, at: datetime) -> bool:
    """Whether the call is young; its id tells when it began (RFC 9562: milliseconds in the first 48 bits)."""
    try:
        begun = datetime.fromtimestamp(int(call_id[:12], 16) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return True
    return at - begun <= timedelta(seconds=OLD_S)


def _started(record: CallEventRecord) -> dict[str, Any]:
    names = ("direction", "caller_number", "caller_name", "callee_number", "did", "trunk_id")
    told = {name: str(record.detail.get(name) or "") for name in names}
    conversation = str(record.detail.get("conversation_id") or record.call_id)
    return {"call_id": record.call_id, "conversation_id": conversation, **told, "started_at": record.at}


def _ended(cdr: Cdr) -> dict[str, Any]:
    names = (
        "call_id", "direction", "caller_number", "caller_name", "callee_number", "did", "trunk_id", "started_at",
        "answered_at", "ended_at", "wait_s", "talk_s", "hold_s", "disposition", "cause", "hangup_party", "answered_by",
        "queue", "queue_wait_s", "queue_result", "voicemail", "transferred", "recording_id",
    )  # fmt: skip
    told = {name: getattr(cdr, name) for name in names}
    return {**told, "conversation_id": cdr.conversation_id or cdr.call_id}


def _recorded(kept: RecordingRecord) -> dict[str, Any]:
    names = ("recording_id", "call_id", "segment", "kind", "started_at", "duration_s", "bytes", "sha256", "quality")
    return {name: getattr(kept, name) for name in names}


def _transcribed(heard: TranscriptRecord) -> dict[str, Any]:
    names = ("recording_id", "call_id", "status", "reason", "language", "audio_s")
    return {name: getattr(heard, name) for name in names}


def _alerted(meant: MeaningRecord, rule: str) -> dict[str, Any]:
    return {"rule": rule, "recording_id": meant.recording_id, "call_id": meant.call_id, "score": meant.score}
