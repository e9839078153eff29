"""What a person types into the search, understood. Pure.

Words are found in all their forms (Snowball stems of Russian and English) and with small mistakes of spelling; `word*`
finds whatever begins so; "words in quotes" are found next to each other, exactly so. All of it must stand in one
utterance. No piece of what is typed becomes a pattern or part of a statement.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache

import snowballstemmer

from pbx_core.domain.terms import terms
from pbx_core.errors import InputError

TEXT_CHARS_MAX = 200  # of a search: longer ones are mistakes
WORDS_MAX = 12  # in a search
PREFIX_CHARS_MIN = 2  # a shorter beginning finds half the language
_PART = re.compile(r'"([^"]*)"?|(\S+)')
_CYRILLIC = re.compile(r"[а-яё]")


@dataclass(frozen=True)
class Sought:
    """One word that is sought. prefix: its beginning is enough; exact: no other forms, no mistakes. head: what all its
    forms begin with; edits: how many mistakes of spelling are forgiven."""

    word: str
    prefix: bool = False
    exact: bool = False

    @property
    def head(self) -> str:
        return self.word if self.prefix else stem(self.word)[:-1][:4] or self.word[:1]

    @property
    def edits(self) -> int:
        """None in short words and numbers, where another letter is another word."""
        if self.exact or self.prefix or len(self.word) < 5 or not self.word.isalpha():
            return 0
        return 1 if len(self.word) < 9 else 2

    def fits(self, term: str) -> bool:
        """Whether a term is the word or one of its forms."""
        if self.prefix:
            return term.startswith(self.word)
        return term == self.word or (not self.exact and stem(term) == stem(self.word))


@dataclass(frozen=True)
class Clause:
    """Words that follow each other."""

    words: tuple[Sought, ...]


def understand(text: str) -> tuple[Clause, ...]:
    """The clauses of a search, all of which must be found. InputError: nothing to look for, or too much."""
    if len(text) > TEXT_CHARS_MAX:
        raise InputError(f"A search has at most {TEXT_CHARS_MAX} characters.", error_id="long_search")
    clauses = [clause for match in _PART.finditer(text) for clause in _clauses(match)]
    if not clauses:
        raise InputError(
            f"There is no word to look for. Type words, or the beginning of one ({PREFIX_CHARS_MIN} letters) and *.",
            error_id="empty_search",
        )
    if sum(len(c.words) for c in clauses) > WORDS_MAX:
        raise InputError(f"A search has at most {WORDS_MAX} words.", error_id="long_search")
    return tuple(clauses)


def _clauses(match: re.Match[str]) -> list[Clause]:
    quoted = match[1] is not None
    part = match[1] if quoted else match[2]
    words = []
    for piece in part.split():
        found = terms(piece)
        prefix = piece.endswith("*") and bool(found) and len(found[-1]) >= PREFIX_CHARS_MIN
        several = quoted or len(found) > 1  # can't, 10.30: one word to the eye
        words += [Sought(w, prefix and i == len(found) - 1, several) for i, w in enumerate(found)]
    return [Clause(tuple(words))] if words else []


@lru_cache(maxsize=50_000)
def stem(term: str) -> str:
    """What the forms of a word have in common."""
    return str(_stemmer("russian" if _CYRILLIC.search(term) else "english").stemWord(term))


@cache
def _stemmer(language: str) -> snowballstemmer.Stemmer:
    return snowballstemmer.stemmer(language)
