"""The words of a transcript one by one, as the search looks them up. Nothing is interpreted: stems and mistakes of
spelling are the search's business."""

from __future__ import annotations

from dataclasses import dataclass

from pbx_core.domain.records import Party, TranscriptRecord
from pbx_core.domain.terms import terms


@dataclass(frozen=True)
class Term:
    """One word of an utterance."""

    utterance_id: str
    party: Party
    term: str


def of_transcript(record: TranscriptRecord) -> list[Term]:
    """All words in their order."""
    return [Term(u.utterance_id, u.party, term) for u in record.utterances for term in terms(u.text)]
