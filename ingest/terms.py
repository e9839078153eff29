"""The words of a transcript one by one, as the search looks them up. Nothing is interpreted: stems and mistakes of
spelling are the search's business."""

from __future__ import annotations

from dataclasses import dataclass

from pbx_core.domain.records import Party, TranscriptRecord
from pbx_core.domain.terms import terms

TERM_CHARS_MAX = 64  # of a word; what is longer is no word, and its beginning finds it


@dataclass(frozen=True)
class Term:
    """One word where it was said; start_s from the start of the recording."""

    utterance_id: str
    party: Party
    start_s: float
    term: str


def of_transcript(record: TranscriptRecord) -> list[Term]:
    """All words in their order; an utterance without word times gives its words at its start."""
    found = []
    for utterance in record.utterances:
        words = [(w.text, w.start_s) for w in utterance.words] or [(utterance.text, utterance.start_s)]
        for text, start_s in words:
            for term in terms(text):
                found.append(Term(utterance.utterance_id, utterance.party, start_s, term[:TERM_CHARS_MAX]))
    return found
