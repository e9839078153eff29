"""The recordings that were listened to, one after another, for what is made of them again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from analytics.queries.detail import parts
from analytics.queries.reader import Reader
from analytics.queries.types import BEGINNING, END, Scope, period
from pbx_core.domain.records import MeaningRecord, TranscriptRecord, TurnsRecord

_HEARD = """
    SELECT t.call_id, t.recording_id, c.queue, coalesce(nullif(r.caller_number, ''), c.caller_number) AS caller_number,
           coalesce(nullif(r.callee_number, ''), c.callee_number) AS callee_number
    FROM lk.main.transcript AS t
    JOIN scoped($tenant_id, $extension, $since, $until) AS c USING (call_id)
    LEFT JOIN lk.main.recording AS r
      ON r.tenant_id = $tenant_id AND r.call_id = t.call_id AND r.recording_id = t.recording_id
    WHERE t.tenant_id = $tenant_id AND t.status IN ('done', 'empty', 'unsupported')
      AND ($call_id IS NULL OR t.call_id = $call_id) AND ($recording_id IS NULL OR t.recording_id = $recording_id)
    ORDER BY c.started_at DESC, t.recording_id
"""


@dataclass(frozen=True)
class Which:
    """A recording that was listened to, and the numbers at its ends."""

    call_id: str
    recording_id: str
    queue: str
    caller_number: str
    callee_number: str


def heard(reader: Reader, scope: Scope, since: datetime, until: datetime) -> list[Which]:
    """Those of a period, the newest calls first."""
    return _which(reader, {**period(scope, since, until), "call_id": None, "recording_id": None})


def one(reader: Reader, scope: Scope, call_id: str, recording_id: str) -> list[Which]:
    """That recording; nothing when the scope does not have it, or it was not listened to."""
    values = period(scope, BEGINNING, END)
    return _which(reader, {**values, "call_id": call_id, "recording_id": recording_id})


def _which(reader: Reader, values: dict[str, Any]) -> list[Which]:
    return [Which(**{**r, "queue": r["queue"] or ""}) for r in reader.rows(_HEARD, values)]


def each(
    reader: Reader, scope: Scope, which: Iterable[Which]
) -> Iterator[tuple[Which, TurnsRecord, TranscriptRecord, MeaningRecord | None]]:
    """What is known of each; those that have gone meanwhile are passed over."""
    for one in which:
        turns, transcript, meaning = parts(reader, scope, one.call_id, one.recording_id)
        if turns and transcript:
            yield one, turns, transcript, meaning
