"""The tenant's names in what is said: with case endings, misspelt as the engine hears them, torn in two. Pure."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import snowballstemmer
from rapidfuzz.distance import OSA

PART_CHARS_MIN = 4  # of a name of several words, parts as long as this are hidden alone too
ENDING_CHARS_MAX = 3  # a case ending: Айгуль → Айгулем, Айгулдун
FUZZY_CHARS_MIN = 5  # shorter names are not guessed: Ann would hide "and"
WRONG_CHARS_MAX = 2
WRONG_CHARS = ((8, WRONG_CHARS_MAX), (FUZZY_CHARS_MIN, 1))  # (from so many letters, so many may be wrong)


@dataclass(frozen=True)
class Names:
    """The names to look for, in the language of the call."""

    whole: tuple[str, ...]  # without blanks
    longest: int  # words that one name may be torn into
    stemmer: str | None

    def at(self, words: Sequence[str], place: int) -> int:
        """How many words from `place` on are a name; 0: none."""
        together = ""
        for count, word in enumerate(words[place : place + self.longest], start=1):
            plain = letters(word)
            if not plain:
                return 0
            together += plain
            if _is_one(together, self.whole, self.stemmer):
                return count
        return 0


def prepare(names: Sequence[str], language: str | None) -> Names:
    """names: as the tenant writes them."""
    whole: set[str] = set()
    words_max = 1
    for name in names:
        parts = [part for part in (letters(p) for p in name.replace("-", " ").split()) if part]
        whole.add("".join(parts))
        words_max = max(words_max, len(parts))
        if len(parts) > 1:
            whole.update(part for part in parts if len(part) >= PART_CHARS_MIN)
    stemmer = {"en": "english", "ru": "russian"}.get(language or "")
    return Names(tuple(sorted(w for w in whole if w)), words_max + 1, stemmer)


def letters(text: str) -> str:
    """Lower-case letters only; ё is е."""
    return "".join(c for c in text.lower().replace("ё", "е") if c.isalpha())


@functools.lru_cache(maxsize=50_000)
def _is_one(word: str, names: tuple[str, ...], stemmer: str | None) -> bool:
    roots = _roots(names, stemmer)
    near = [name for name in names if word == name or abs(len(word) - len(name)) <= ENDING_CHARS_MAX + WRONG_CHARS_MAX]
    if not near:
        return False
    stem = _stem(word, stemmer) if any(word.startswith(roots[name][:2]) for name in near) else None
    return any(_same(word, stem, name, roots[name]) for name in near)


def _same(word: str, stem: str | None, name: str, root: str) -> bool:
    """stem: of the word, None where it cannot be that of the name."""
    if word == name:
        return True
    ended = word.startswith(root) and len(word) - len(root) <= ENDING_CHARS_MAX
    if len(name) >= PART_CHARS_MIN and stem is not None and (stem == root or ended):
        return True
    wrong = next((n for size, n in WRONG_CHARS if len(name) >= size), 0)
    if not wrong:
        return False
    heads = (word, word[: len(name)]) if len(word) <= len(name) + ENDING_CHARS_MAX else (word,)
    return any(OSA.distance(head, name, score_cutoff=wrong) <= wrong for head in heads)


@functools.lru_cache(maxsize=16)
def _roots(names: tuple[str, ...], stemmer: str | None) -> dict[str, str]:
    return {name: _stem(name, stemmer) for name in names}


@functools.lru_cache(maxsize=50_000)
def _stem(word: str, stemmer: str | None) -> str:
    if stemmer is not None:
        return str(_stemmer(stemmer).stemWord(word))
    vowel = word[-1:] in "аеиоуыэюяaeiouй"
    return word[:-1] if vowel and len(word) > PART_CHARS_MIN else word


@functools.cache
def _stemmer(name: str) -> snowballstemmer.stemmer:
    return snowballstemmer.stemmer(name)
