"""A vCon (draft-ietf-vcon-vcon-core) as rows of RAW_LEG and the sound inside it. Pure.

Every dialog of sound, or that did not come about, is a row; those of one vCon are one story. What lies elsewhere (url)
is named, never fetched.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ingest.imports import vcon_words
from ingest.imports.values import iso, number, text

VERSIONS = ("0.0.1", "0.0.2", "0.0.3", "0.3.0", "0.4.0")  # whose field names these are
DIALOGS_MAX = 1000  # of one vCon
_DISPOSITIONS = {"no-answer": "no_answer", "congestion": "failed", "failed": "failed", "busy": "busy",
                 "hung-up": "cancelled", "voicemail-no-message": "no_answer"}  # fmt: skip
_HASHES = {"sha256": hashlib.sha256, "sha384": hashlib.sha384, "sha512": hashlib.sha512}
_SUFFIXES = {
    "audio/x-wav": ".wav", "audio/wav": ".wav", "audio/wave": ".wav", "audio/vnd.wave": ".wav", "audio/x-mp3": ".mp3",
    "audio/mp3": ".mp3", "audio/mpeg": ".mp3", "audio/ogg": ".ogg", "audio/opus": ".opus", "audio/webm": ".webm",
    "audio/flac": ".flac", "audio/x-m4a": ".m4a", "audio/mp4": ".m4a", "audio/aac": ".m4a",
}  # fmt: skip


@dataclass(frozen=True)
class Taken:
    """Rows without `file` and `line`, what was wrong, and the sound inside by the name that a row's recording has;
    heard: transcripts, each with that name and the index of the party that called."""

    rows: tuple[dict[str, Any], ...]
    wrong: tuple[str, ...]
    sounds: Mapping[str, bytes]
    heard: tuple[tuple[str, int, vcon_words.Told], ...] = ()


def opened(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The vCon itself, taken out of a signed one (its signature is not checked). ValueError when it is encrypted or
    damaged."""
    if "ciphertext" in record:
        raise ValueError("it is encrypted")
    if "payload" not in record:
        return record
    try:
        inner = json.loads(_decoded(record["payload"]))
    except (ValueError, RecursionError):
        raise ValueError("what was signed is no vCon") from None
    if not isinstance(inner, dict):
        raise ValueError("what was signed is no vCon")
    return inner


def take(record: Mapping[str, Any], stem: str) -> Taken:
    """stem: what the names of its sounds begin with. ValueError when it is no vCon, or demands what nobody here can."""
    record = opened(record)
    uuid, parties, dialogs = text(record.get("uuid")), record.get("parties"), record.get("dialog")
    if not uuid or not isinstance(parties, list):
        raise ValueError("it has no uuid or no parties")
    critical = record.get("critical") or record.get("must_support")
    if critical:
        raise ValueError(f"it may not be read without knowing {critical!s:.100}")
    rows: list[dict[str, Any]] = []
    told, wrong = vcon_words.transcripts(record, parties)
    heard: list[tuple[str, int, vcon_words.Told]] = []
    sounds: dict[str, bytes] = {}
    for index, dialog in enumerate(dialogs[:DIALOGS_MAX] if isinstance(dialogs, list) else []):
        if not isinstance(dialog, dict) or dialog.get("type") not in ("recording", "incomplete"):
            continue  # text, transfers and sets of recordings are no calls
        try:
            row = _row(uuid, index, dialog, parties)
        except ValueError as error:
            wrong.append(f"dialog {index}: {error}")
            continue
        rows.append(row)
        try:
            name, sound = _sound(dialog, f"{stem}#{index}")
        except ValueError as error:
            wrong.append(f"dialog {index}: {error}")
            continue
        row["recording"] = name
        heard += [(name, _first(dialog), one) for one in told if one.dialog == index and name]
        if sound is not None and name:
            sounds[name] = sound
    if not rows and not wrong:
        wrong.append("there is no dialog of sound in it")
    return Taken(tuple(rows), tuple(wrong), sounds, tuple(heard))


def _row(uuid: str, index: int, dialog: Mapping[str, Any], parties: Sequence[Any]) -> dict[str, Any]:
    started = iso(dialog.get("start"))
    if started is None:
        raise ValueError("its start is no time with a zone")
    there = list(_flat(dialog.get("parties")))
    first = _first(dialog)
    caller = _party(parties, first)
    callee = next((_party(parties, i) for i in [*there, 0, 1] if i != first), {})
    length_s = max(0.0, number(dialog.get("duration")) or 0.0)
    answered = dialog.get("type") == "recording"
    return {
        "unique_id": f"{uuid}/{index}",
        "linked_id": uuid,
        "src": _number(caller),
        "src_name": text(caller.get("name")),
        "dst": _number(callee),
        "started_at": started,
        "answered_at": started if answered else None,
        "ended_at": started + timedelta(seconds=min(length_s, 86_400.0 * 7)),
        "duration_s": length_s,
        "bill_s": length_s if answered else 0.0,
        "hold_s": _held_s(dialog),
        "disposition": "answered" if answered else _DISPOSITIONS.get(str(dialog.get("disposition")), "failed"),
        "cause": text(dialog.get("disposition")) or "",
        "peer_channel": None if answered else "",
        "hangup_party": _hung_up(dialog, first),
    }


def _first(dialog: Mapping[str, Any]) -> int:
    """The index of the party that called."""
    there = list(_flat(dialog.get("parties")))
    first = dialog.get("originator")
    return first if isinstance(first, int) and not isinstance(first, bool) else (there[0] if there else 0)


def _party(parties: Sequence[Any], index: int) -> Mapping[str, Any]:
    found = parties[index] if 0 <= index < len(parties) else None
    return found if isinstance(found, dict) else {}


def _number(party: Mapping[str, Any]) -> str:
    """A party's number, or what else it is reached by."""
    for name in ("tel", "sip", "mailto", "name"):
        found = text(party.get(name))
        if found:
            bare = found.split(":", 1)[1] if found.lower().startswith(("tel:", "sip:", "sips:", "mailto:")) else found
            return bare.split(";")[0].split("@")[0] if name in ("tel", "sip") else bare
    return ""


def _flat(value: Any) -> Iterator[int]:
    """Indices of parties: one, a list of them, or a list per channel."""
    if isinstance(value, int) and not isinstance(value, bool):
        yield value
    elif isinstance(value, list):
        for item in value[:100]:
            if not isinstance(item, list) or all(not isinstance(i, list) for i in item):
                yield from _flat(item)


def _history(dialog: Mapping[str, Any]) -> list[tuple[datetime, int, str]]:
    found = dialog.get("party_history")
    told = [e for e in found if isinstance(e, dict)] if isinstance(found, list) else []
    dated = [(iso(e.get("time")), e.get("party"), str(e.get("event"))) for e in told]
    return sorted((at, party, event) for at, party, event in dated if at is not None and isinstance(party, int))


def _held_s(dialog: Mapping[str, Any]) -> float:
    since: dict[int, datetime] = {}
    total = 0.0
    for at, party, event in _history(dialog):
        if event == "hold":
            since.setdefault(party, at)
        elif event in ("unhold", "drop") and party in since:
            total += (at - since.pop(party)).total_seconds()
    return total


def _hung_up(dialog: Mapping[str, Any], first: int) -> str | None:
    party = next((party for _, party, event in _history(dialog) if event == "drop"), None)
    return None if party is None else "caller" if party == first else "callee"


def _sound(dialog: Mapping[str, Any], stem: str) -> tuple[str | None, bytes | None]:
    """The name by which the sound is looked for, and the sound where it is inside. ValueError when it is damaged."""
    filename = text(dialog.get("filename"))
    body = dialog.get("body")
    if not isinstance(body, str) or dialog.get("encoding") != "base64url":
        return filename, None
    media = str(dialog.get("mediatype") or dialog.get("mimetype") or "").split(";")[0].strip().lower()
    suffix = _SUFFIXES.get(media)
    if suffix is None:
        raise ValueError(f"{media[:40] or 'no media type'} is no sound that is known")
    content = _decoded(body)
    given = dialog.get("content_hash")
    for one in given if isinstance(given, list) else [given]:
        algorithm, _, told = str(one or "").partition("-")
        if algorithm in _HASHES and told.rstrip("=") != _encoded(_HASHES[algorithm](content).digest()):
            raise ValueError("its sound does not fit its content_hash")
    return stem + suffix, content


def _decoded(value: Any) -> bytes:
    """base64url, with or without padding."""
    if not isinstance(value, str):
        raise ValueError("its body is no text")
    bare = "".join(value.split()).rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("its body is no base64url, or cut short") from None


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
