"""The transcripts in a vCon: what others heard in its dialogs. Pure.

Two forms are known: ours (`callbench-transcript-1`), and segments with start, end and text, as the draft of the WTF
extension and whisper write them. Who speaks is a party of the vCon, by its index or its name.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ingest.imports.values import number, text

UTTERANCES_MAX = 50_000  # of one transcript: a day of talk
SECONDS_MAX = 86_400.0


@dataclass(frozen=True)
class Piece:
    """A stretch of speech; party: index in the vCon, None when it is not told. words: text, start_s and end_s of each,
    where they are told."""

    party: int | None
    start_s: float
    end_s: float
    text: str
    confidence: float | None
    words: tuple[tuple[str, float, float], ...] = ()


@dataclass(frozen=True)
class Told:
    """One transcript of one dialog. by: whose it is, as the vCon says."""

    dialog: int
    by: str
    language: str | None
    pieces: tuple[Piece, ...]


def transcripts(record: Mapping[str, Any], parties: Sequence[Any]) -> tuple[list[Told], list[str]]:
    """Those that can be read, and what is wrong with the others."""
    found: list[Told] = []
    wrong: list[str] = []
    every = record.get("analysis")
    for index, one in enumerate(every if isinstance(every, list) else []):
        if not isinstance(one, dict) or one.get("type") != "transcript":
            continue
        try:
            found += _read(one, parties)
        except ValueError as error:
            wrong.append(f"analysis {index}: {error}")
    return found, wrong


def _read(one: Mapping[str, Any], parties: Sequence[Any]) -> Iterator[Told]:
    dialogs = [d for d in _listed(one.get("dialog")) if isinstance(d, int) and not isinstance(d, bool)]
    if len(dialogs) != 1:
        raise ValueError("the transcript is not of one dialog")
    body = _body(one)
    by = " ".join(filter(None, (text(one.get("vendor")), text(one.get("product"))))) or "somebody else"
    inner = body.get("transcript")
    language = text(body.get("language")) or text(inner.get("language") if isinstance(inner, dict) else None)
    pieces = body.get("utterances", body.get("segments"))
    if not isinstance(pieces, list):
        raise ValueError(f"the form of the transcript by {by[:60]} is not known")
    made = tuple(p for p in (_piece(piece, parties) for piece in pieces[:UTTERANCES_MAX]) if p is not None)
    yield Told(dialogs[0], by[:100], language[:2].lower() if language else None, made)


def _piece(told: Any, parties: Sequence[Any]) -> Piece | None:
    """None for what has no words or no time."""
    if not isinstance(told, dict):
        return None
    said = text(told.get("text"))
    start = number(told.get("start_s", told.get("start")))
    end = number(told.get("end_s", told.get("end")))
    if not said or not said.strip() or start is None or end is None or not 0 <= start <= end <= SECONDS_MAX:
        return None
    sure = number(told.get("confidence"))
    sure = sure if sure is not None and 0 <= sure <= 1 else None
    return Piece(_speaker(told, parties), start, end, said.strip(), sure, _words(told.get("words")))


def _words(told: Any) -> tuple[tuple[str, float, float], ...]:
    """All of them or none."""
    found = []
    for one in told if isinstance(told, list) else []:
        said, start, end = _timed(one) if isinstance(one, dict) else (None, None, None)
        if not said or start is None or end is None or not 0 <= start <= end <= SECONDS_MAX:
            return ()
        found.append((said, start, end))
    return tuple(found)


def _timed(one: Mapping[str, Any]) -> tuple[str | None, float | None, float | None]:
    said = text(one.get("text", one.get("word")))
    return said, number(one.get("start_s", one.get("start"))), number(one.get("end_s", one.get("end")))


def _speaker(told: Mapping[str, Any], parties: Sequence[Any]) -> int | None:
    ours = {"caller": 0, "callee": 1}.get(str(told.get("party")))
    if ours is not None:
        return ours
    said = told.get("speaker")
    index = number(said)
    if index is not None and index == int(index) and 0 <= index < len(parties):
        return int(index)
    names = [text(p.get("name")) if isinstance(p, dict) else None for p in parties]
    return names.index(said) if isinstance(said, str) and said and said in names else None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _body(one: Mapping[str, Any]) -> Mapping[str, Any]:
    body = one.get("body")
    if one.get("encoding") == "base64url" and isinstance(body, str):
        try:
            body = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True).decode()
        except (binascii.Error, UnicodeDecodeError, ValueError):
            raise ValueError("the transcript's body is no base64url") from None
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except (ValueError, RecursionError):
            raise ValueError("the transcript is plain text without times") from None
    if not isinstance(body, dict):
        raise ValueError("the transcript has no body inside")
    return body
