"""When a spoken word counts as a wanted one: equal stems where the language has a stemmer here, else likeness."""

from __future__ import annotations

import functools

import snowballstemmer
from rapidfuzz import fuzz

STEMMED = {"en": "english", "ru": "russian"}  # the languages for which stems have been tried against tables
LETTERS_MIN = 4  # shorter words must be equal where there is no stemmer
ALIKE = 80.0  # per cent of letters in common, in order (Levenshtein with insertions and deletions)
LONGER = 2.0  # a spoken word may hold the wanted one with prefixes and suffixes, if at most so many times as long


@functools.cache
def _stemmer(language: str) -> snowballstemmer.stemmer:
    return snowballstemmer.stemmer(STEMMED[language])


@functools.lru_cache(maxsize=50_000)
def stem(word: str, language: str) -> str:
    """The stem of a word in its comparable form; the word itself where the language has no stemmer here."""
    return str(_stemmer(language).stemWord(word)) if language in STEMMED else word


def alike(wanted: str, spoken: str) -> bool:
    """Whether two words of a language without stemmer are probably forms of one: like enough, or the one inside the
    other, as in languages that put their endings (ky) or beginnings (sw) on."""
    if wanted == spoken:
        return True
    if len(wanted) < LETTERS_MIN or len(spoken) < LETTERS_MIN:
        return False
    if wanted in spoken and len(spoken) <= LONGER * len(wanted):
        return True
    return fuzz.ratio(wanted, spoken) >= ALIKE
