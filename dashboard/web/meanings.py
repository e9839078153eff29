"""What was found in a call, for the review page: with quotations only as far as this person may read the words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from analytics.corrected import Corrected
from analytics.meaning.topics import VERSION, WEEK_CALLS_MIN, comparable
from analytics.queries.topics import Compared
from pbx_core.domain import records
from pbx_core.domain.records import MeaningRecord

EDGE_S = 0.001  # of word times that went through rounding
SHOWN = (
    "language", "agent", "direction", "queue", "interactivity", "tags", "score", "alerts", "held", "undecided",
    "reasons", "parties",
)  # fmt: skip


def as_json(meaning: MeaningRecord | None, text: Corrected | None) -> dict[str, Any] | None:
    """The record without its terms. Every quotation is taken from `text`, the transcript as this person may read it:
    what is hidden there is hidden here; without it, quotations are null."""
    if meaning is None:
        return None
    quote = _quoting(text)
    return {
        **{name: records.to_json(getattr(meaning, name)) for name in SHOWN},
        "hits": [{**records.to_json(h), "quote": quote(h.utterance_id, h.start_s, h.end_s)} for h in meaning.hits],
        "items": [{**records.to_json(i), "quote": quote(i.utterance_id, i.at_s, i.end_s)} for i in meaning.items],
        "extracts": [
            {**records.to_json(e), "text": quote(e.utterance_id, e.start_s, e.end_s)} for e in meaning.extracts
        ],
    }


def _quoting(text: Corrected | None) -> Callable[[str | None, float | None, float | None], str | None]:
    """A function from where a quotation begins (utterance, seconds) and ends to the words that this person may read
    there; it may reach into the next utterance of the same party."""
    utterances = text.heard.utterances if text else ()
    parties = {u.utterance_id: u.party for u in utterances}

    def quote(utterance_id: str | None, start_s: float | None, end_s: float | None) -> str | None:
        if utterance_id not in parties or start_s is None or end_s is None:
            return None
        words = [
            word.text.strip()
            for utterance in utterances
            if utterance.party is parties[utterance_id]
            for word in utterance.words
            if word.start_s >= start_s - EDGE_S and word.end_s <= end_s + EDGE_S
        ]
        return " ".join(words) or None

    return quote


def topics_as_json(compared: Compared) -> dict[str, Any]:
    """The topics panel: what rises, and which languages could not be compared."""
    return {
        "version": VERSION,
        "since": records.iso(compared.since),
        "middle": records.iso(compared.middle),
        "until": records.iso(compared.until),
        "least": WEEK_CALLS_MIN,
        "languages": [
            {"language": language, "calls": now, "calls_before": before, "compared": comparable(now, before)}
            for language, (now, before) in compared.of.items()
        ],
        "topics": [
            {
                "term": t.counted.term,
                "language": t.counted.language,
                "calls": t.counted.calls,
                "calls_before": t.counted.calls_before,
                "of": t.counted.of,
                "of_before": t.counted.of_before,
                "rate": t.rate,
                "rate_before": t.rate_before,
            }
            for t in compared.topics
        ],
    }
