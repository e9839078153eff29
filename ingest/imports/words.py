"""Transcripts that came with imported sound, into the journal as records of others; ours, made later, replace them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Protocol, runtime_checkable

from ingest.imports.plan import Plan
from ingest.imports.vcon_words import Piece, Told
from pbx_core.clock import Clock
from pbx_core.domain.records import Party, TranscriptRecord, Utterance, Word
from pbx_core.feed import Journal
from pbx_core.settings import Settings

PRODUCER = "import"
VERSION = "imported"  # in the place of the rules that formed it


@runtime_checkable
class HoldsWords(Protocol):
    """A format whose files carry transcripts."""

    def heard(self, path: Path, name: str) -> Iterator[tuple[str, int, Told]]:
        """Each with the name of its recording and the index of the party that called."""
        ...


def keep(plan: Plan, settings: Settings, clock: Clock, kept: Mapping[str, tuple[str, str]]) -> int:
    """Write the transcripts of recordings that were taken over; how many. kept: name of the sound → call and recording
    ids. Repeating it is harmless."""
    by_base = {PurePosixPath(name).name.lower(): ids for name, ids in kept.items()}
    found = [
        _record(plan.tenant_id, ids, first, told)
        for log in plan.logs
        if isinstance(log.format, HoldsWords)
        for name, first, told in log.format.heard(log.seen.path, log.seen.name)
        if (ids := kept.get(name) or by_base.get(PurePosixPath(name).name.lower()))
    ]
    if found:
        journal = Journal(settings.journal_dir, PRODUCER, clock)
        for record in found:
            journal.append("transcript", record.recording_id, record.tenant_id, record, sync=False)
        journal.close()
    return len(found)


def _record(tenant_id: str, ids: tuple[str, str], first: int, told: Told) -> TranscriptRecord:
    call_id, recording_id = ids
    pieces = sorted(told.pieces, key=lambda p: (p.start_s, p.end_s))
    known = all(p.party is not None for p in pieces)
    return TranscriptRecord(
        recording_id=recording_id,
        call_id=call_id,
        tenant_id=tenant_id,
        status="done" if pieces else "empty",
        reason=None if known else "who speaks is not told: everything stands as the caller's",
        language=told.language,
        language_probability=None,
        model=f"imported: {told.by}",
        model_sha256="",
        version=VERSION,
        audio_s=max((p.end_s for p in pieces), default=0.0),
        cpu_s=0.0,
        caller_words_per_minute=None,
        callee_words_per_minute=None,
        utterances=tuple(
            Utterance(
                utterance_id=f"{recording_id}-{n:04d}",
                party=Party.CALLEE if known and p.party != first else Party.CALLER,
                start_s=p.start_s,
                end_s=p.end_s,
                text=p.text,
                confidence=p.confidence,
                words=_words(p),
            )
            for n, p in enumerate(pieces)
        ),
    )


def _words(piece: Piece) -> tuple[Word, ...]:
    """Where they are not told they lie evenly; each is as sure as the whole."""
    sure = 1.0 if piece.confidence is None else piece.confidence
    if piece.words:
        return tuple(Word(text, start_s, end_s, sure) for text, start_s, end_s in piece.words)
    parts = piece.text.split()
    each = (piece.end_s - piece.start_s) / len(parts)
    at = [round(piece.start_s + n * each, 3) for n in range(len(parts) + 1)]
    return tuple(Word(part, at[n], at[n + 1], sure) for n, part in enumerate(parts))
