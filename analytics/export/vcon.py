"""One call as a vCon, the IETF's container for conversations (draft-ietf-vcon-vcon-core-04, syntax 0.4.0). Pure.

Two parties, a dialog for each recording that still exists (or one that says why nobody talked), the transcript of each
as analysis. Sound is embedded, or named by an HTTPS address, only where the caller of `write` gives it; words come as
whoever asks may read them. What was hidden makes the container a `redacted` one, which names the whole one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from analytics import exports
from analytics.corrected import Corrected
from pbx_core.domain import records
from pbx_core.domain.records import CallEventRecord, Cdr, Disposition, Party, RecordingRecord

MEDIA_TYPE = "application/vcon+json"
VERSION = "0.4.0"
PRODUCT = "Callbench"
_NAMESPACE = uuid.UUID("5b0f5d1e-6f0c-5c0a-9d35-0c7a4c3b7f10")  # of redacted containers' ids
_NOT_TALKED = {
    Disposition.NO_ANSWER: "no-answer",
    Disposition.BUSY: "busy",
    Disposition.CANCELLED: "hung-up",
    Disposition.FAILED: "failed",
}
_HISTORY = {"held": "hold", "unheld": "unhold"}  # our call events that the container has a word for


@dataclass(frozen=True)
class Sound:
    """A recording's file, given with the right to it. url: where else it can be had, HTTPS; content: to be embedded."""

    media_type: str
    sha512: bytes
    url: str = ""
    content: bytes | None = None


@dataclass(frozen=True)
class Told:
    """What was said in one recording, as the reader may see it."""

    text: Corrected
    speakers: Mapping[Party, str]
    hidden: bool


@dataclass(frozen=True)
class Story:
    """One call with what is known of it. told and sound: by recording_id, where there is any."""

    cdr: Cdr
    recordings: tuple[RecordingRecord, ...]
    events: tuple[CallEventRecord, ...]
    told: Mapping[str, Told]
    sound: Mapping[str, Sound]
    names: Mapping[str, str]  # of extensions, by number
    time_zone: str


def write(story: Story, made_at: datetime) -> str:
    """The container as one line of JSON."""
    cdr = story.cdr
    dialog: list[dict[str, Any]] = [_recording(story, r) for r in story.recordings] or [_silent(cdr)]
    analysis = [_transcript(story, i, r) for i, r in enumerate(story.recordings) if r.recording_id in story.told]
    whole = _id(cdr.call_id)
    hidden = any(t.hidden for t in story.told.values())
    body: dict[str, Any] = {
        "vcon": VERSION,
        "uuid": str(uuid.uuid5(_NAMESPACE, cdr.call_id) if hidden else whole),
        "created_at": records.iso(cdr.ended_at),
        "updated_at": records.iso(made_at),
        "subject": f"{cdr.direction} call, {cdr.disposition}",
        "parties": [_party(story, Party.CALLER), _party(story, Party.CALLEE)],
        "dialog": dialog,
        "analysis": analysis,
        "attachments": [_record(cdr)],
    }
    if hidden:
        body["redacted"] = {"uuid": str(whole), "type": "numbers and names hidden in words and sound"}
    return json.dumps({k: v for k, v in body.items() if v != []}, ensure_ascii=False)


def content_hash(sha512: bytes) -> str:
    """As the draft writes it (section 2.4)."""
    return "sha512-" + _base64url(sha512)


def digest(content: bytes) -> bytes:
    """SHA-512 of a file's content."""
    return hashlib.sha512(content).digest()


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _id(call_id: str) -> uuid.UUID:
    """A call's id is a UUID already (version 7); an imported one that is none gets one by its text."""
    try:
        return uuid.UUID(call_id)
    except ValueError:
        return uuid.uuid5(_NAMESPACE, f"call {call_id}")


def _party(story: Story, party: Party) -> dict[str, Any]:
    cdr = story.cdr
    number = cdr.caller_number if party is Party.CALLER else cdr.answered_by or cdr.callee_number
    name = story.names.get(number) or (cdr.caller_name if party is Party.CALLER else "")
    out = {"tel": number} if number else {}
    return {**out, "name": exports.plain(name), "validation": "none"} if exports.plain(name) else out


def _silent(cdr: Cdr) -> dict[str, Any]:
    """A call without a recording: one that nobody took, or one of which no sound is kept."""
    common = {"start": records.iso(cdr.started_at), "parties": [0, 1]}
    if cdr.disposition in _NOT_TALKED:
        return {"type": "incomplete", **common, "disposition": _NOT_TALKED[cdr.disposition]}
    return {"type": "recording", **common, "duration": cdr.talk_s, "application": PRODUCT}


def _recording(story: Story, kept: RecordingRecord) -> dict[str, Any]:
    out: dict[str, Any] = {
        "type": "recording",
        "start": records.iso(kept.started_at),
        "duration": kept.duration_s,
        "parties": [0, 1] if kept.channels == 2 else [[0, 1]],  # one entry per channel
        "application": PRODUCT,
        "message_id": kept.recording_id,
    }
    history = [
        {"party": int(e.leg != Party.CALLER), "time": records.iso(e.at), "event": _HISTORY[e.type]}
        for e in story.events
        if e.type in _HISTORY and e.leg
    ]
    if history and kept.segment == 1:
        out["party_history"] = history
    sound = story.sound.get(kept.recording_id)
    if sound is None:
        return out
    out |= {"mediatype": sound.media_type, "filename": f"{kept.recording_id}.webm"}
    out["content_hash"] = content_hash(sound.sha512)
    if sound.content is not None:
        return {**out, "body": _base64url(sound.content), "encoding": "base64url"}
    return {**out, "url": sound.url}


def _transcript(story: Story, index: int, kept: RecordingRecord) -> dict[str, Any]:
    told = story.told[kept.recording_id]
    about = exports.About(story.cdr, told.speakers, story.time_zone)
    return {
        "type": "transcript",
        "dialog": index,
        "mediatype": "application/json",
        "vendor": PRODUCT,
        "product": told.text.heard.model or "none",
        "schema": "callbench-transcript-1",
        "encoding": "json",
        "body": json.loads(exports.write(exports.Format.JSON, told.text, about)),
    }


def _record(cdr: Cdr) -> dict[str, Any]:
    """Our own record of the call: who was asked, how long it rang, why it ended, the quality of its legs."""
    return {
        "purpose": "call-detail-record",
        "start": records.iso(cdr.ended_at),
        "party": 1,
        "dialog": 0,
        "mediatype": "application/json",
        "encoding": "json",
        "body": records.to_json(cdr),
    }
