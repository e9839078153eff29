"""Content words of a text: what is left without function words, small talk, digits and names to be hidden."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from analytics.meaning import likeness, words
from analytics.meaning.stopwords import STOPWORDS
from pbx_core.domain.records import Utterance

LETTERS_MIN = 3
TERMS_MAX = 500  # of one call; a call of an hour has some hundred
CHARS_MAX = 40  # longer ones are no words


def content(pieces: Sequence[str], language: str) -> list[str]:
    """The stems of the content words, in order; none where the language has no list of stop words."""
    return [likeness.stem(word, language) for word in _kept(pieces, language)]


def of_call(utterances: Iterable[Utterance], language: str, hidden: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """(stem, form) of every content word once, in order of appearance. hidden: names that must not stay readable."""
    secret = {likeness.stem(w, language) for name in hidden for w in words.pieces(name)}
    found: dict[str, str] = {}
    for utterance in utterances:
        for form in _kept(words.pieces(utterance.text), language):
            stem = likeness.stem(form, language)
            if stem not in secret:
                found.setdefault(stem, form)
    return tuple(found.items())[:TERMS_MAX]


def _kept(pieces: Sequence[str], language: str) -> Iterable[str]:
    stop = STOPWORDS.get(language)
    for word in pieces:
        if stop is not None and LETTERS_MIN <= len(word) <= CHARS_MAX and word.isalpha() and word not in stop:
            yield word
