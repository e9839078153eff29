"""Past calls under the wishes of today, with what people put right in their words: only what comes out differently is
written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from analytics import wishes as sides
from analytics.corrected import as_heard
from analytics.meaning.record import Heard, meaning
from analytics.queries.heard import Which
from pbx_core.domain.model import Model
from pbx_core.domain.records import MeaningRecord, TranscriptEditRecord, TranscriptRecord, TurnsRecord

Changes = Callable[[str, str], list[TranscriptEditRecord]]  # of a tenant's recording, in order


@dataclass
class Tally:
    """How many recordings were looked at, and how many came out differently."""

    seen: int = 0
    changed: int = 0


def again(
    found: Iterable[tuple[Which, TurnsRecord, TranscriptRecord, MeaningRecord | None]],
    model: Model,
    write: Callable[[MeaningRecord], None],
    changes: Changes,
) -> Tally:
    """Apply the model's wishes to each recording as its transcript stands."""
    tally = Tally()
    for which, turns, transcript, known in found:
        agent, direction = sides.sides(model.book.extensions, which.caller_number, which.callee_number)
        standing = as_heard(transcript, changes(transcript.tenant_id, transcript.recording_id))
        record = meaning(Heard(standing, turns, agent, direction, which.queue), model.speech)
        tally.seen += 1
        if record != known:
            write(record)
            tally.changed += 1
    return tally
