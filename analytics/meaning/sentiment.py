"""The tone of English words by VADER's lexicon, by quarter of the conversation; for other languages nothing.

VADER (Hutto and Gilbert, ICWSM 2014) was made for short texts of social media. It takes politeness for praise ("thank
you, that would be great" is strongly positive whoever says it), so the figure describes words, not people: it is shown
as such, and never as contentment.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from statistics import fmean

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from analytics.meaning import words
from pbx_core.domain.records import Party, Utterance

LANGUAGES = frozenset({"en"})
QUARTERS = 4


@functools.cache
def _analyzer() -> SentimentIntensityAnalyzer:
    return SentimentIntensityAnalyzer()


def by_quarter(utterances: Sequence[Utterance], party: Party) -> tuple[float | None, ...]:
    """Mean tone −1..1 of the party's sentences in each quarter between the first and the last word of both; None where
    it says nothing."""
    begin, end = min(u.start_s for u in utterances), max(u.end_s for u in utterances)
    quarter_s = max(end - begin, 1e-6) / QUARTERS
    found: list[list[float]] = [[] for _ in range(QUARTERS)]
    for utterance in utterances:
        if utterance.party is party:
            for sentence in words.sentences(utterance):
                at = int((utterance.words[sentence.first].start_s - begin) / quarter_s)
                found[min(max(at, 0), QUARTERS - 1)].append(_analyzer().polarity_scores(sentence.text)["compound"])
    return tuple(round(fmean(scores), 3) if scores else None for scores in found)
