"""A summary that cannot invent: sentences of the call itself, chosen by how often their words come back.

A sentence's weight is the mean, over its content words, of how many sentences of the call hold the word (a plain form
of Luhn's "The automatic creation of literature abstracts", 1958). The customer's first full sentence is always taken:
there people say why they call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from analytics.meaning import terms, words
from analytics.meaning.words import Sentence
from pbx_core.domain.records import Extract, Party, Utterance

EXTRACTS_MAX = 5
WORDS_MIN = 5  # shorter sentences say little by themselves
CONTENT_MIN = 2  # content words, likewise


def extracts(utterances: Sequence[Utterance], language: str, customer: Party | None) -> tuple[Extract, ...]:
    """At most EXTRACTS_MAX sentences in their order."""
    found = [
        (sentence, stems)
        for utterance in utterances
        for sentence in words.sentences(utterance)
        if sentence.last - sentence.first + 1 >= WORDS_MIN
        and len(stems := set(terms.content(words.pieces(sentence.text), language))) >= CONTENT_MIN
    ]
    spread = Counter(stem for _, stems in found for stem in stems)
    weights = [sum(spread[s] for s in stems) / len(stems) for _, stems in found]
    first = next((i for i, (s, _) in enumerate(found) if s.utterance.party is customer), None)
    ranked = sorted(range(len(found)), key=lambda i: (i != first, -weights[i], i))
    return tuple(_extract(found[i][0]) for i in sorted(ranked[:EXTRACTS_MAX]))


def _extract(sentence: Sentence) -> Extract:
    utterance = sentence.utterance
    return Extract(
        utterance.utterance_id, utterance.party, utterance.words[sentence.first].start_s,
        utterance.words[sentence.last].end_s, sentence.text,
    )  # fmt: skip
