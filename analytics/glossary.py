"""A tenant's names and products: which of them may have been said where something alike was heard, and whether a
result made with them in mind is the better one. Pure.

The engine writes a name that it does not know as words that sound alike ("the Enchantress" for Tien Shan Tours). So
the consonants are compared, not the letters; who is alike is put before the engine, and the engine's own probability
decides. Chunks in which nothing is alike are left as they were.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process

from analytics.heard import Heard

ALIKE_MIN = 78.0  # of 100, see _likeness
SOUND_WEIGHTS = (0.0, 0.1, 0.2, 0.5, 0.7)  # against that of the letters, by consonants: few are soon found somewhere
SPAN_WORDS_MAX = 4  # that one name may be torn into
OFFERED_MAX = 3  # names put before the engine at once: the more, the less they are believed
LOGPROB_LESS_MAX = 0.1  # so much less probable may the result with a name be
WORDS_LOST_MAX = 3  # a name may stand for several words, but nothing else may be dropped

_ROMAN = {
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ё": "e", "ж": "s", "з": "s", "и": "i", "й": "i",
    "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f",
    "х": "h", "ц": "ts", "ч": "s", "ш": "s", "щ": "s", "ъ": "", "ы": "i", "ь": "", "э": "e", "ю": "u", "я": "a",
    "ң": "n", "ө": "o", "ү": "u", "қ": "k", "ғ": "g", "ұ": "u", "ә": "a", "і": "i", "һ": "h",
}  # fmt: skip
_PAIRS = (("sch", "s"), ("sh", "s"), ("ch", "s"), ("zh", "s"), ("kh", "k"), ("ph", "f"), ("th", "t"), ("ck", "k"))
_SOUND = {
    **dict.fromkeys("bp", "p"), **dict.fromkeys("dt", "t"), **dict.fromkeys("gkqc", "k"), **dict.fromkeys("szj", "s"),
    **dict.fromkeys("fvw", "f"), "x": "ks", "l": "l", "m": "n", "n": "n", "r": "r",
}  # fmt: skip


def alike(text: str, glossary: Sequence[str]) -> tuple[str, ...]:
    """Entries that may have been said where `text` was heard and that it does not have yet; the most alike first, at
    most OFFERED_MAX."""
    missing = [entry for entry in dict.fromkeys(glossary) if not _has(text, entry)]
    spans = _spans(_words(text).split())
    if not missing or not spans:
        return ()
    best = _likeness(missing, spans).max(axis=1)
    order = sorted(np.flatnonzero(best >= ALIKE_MIN), key=lambda i: -best[i])
    return tuple(missing[i] for i in order[:OFFERED_MAX])


def better(first: Heard, again: Heard, offered: Sequence[str]) -> bool:
    """Whether a result made with entries in mind has one of them and nothing speaks against it."""
    text = " ".join(w.text for w in again.words)
    return (
        any(_has(text, entry) for entry in offered)
        and again.avg_logprob >= first.avg_logprob - LOGPROB_LESS_MAX
        and len(again.words) >= len(first.words) - WORDS_LOST_MAX
    )


@functools.lru_cache(maxsize=4096)
def sounds(text: str) -> str:
    """The consonants of a text, those that are easily mistaken for each other as one: `Bektemir` is `pktnr`."""
    roman = _roman(text)
    for letters, sound in _PAIRS:
        roman = roman.replace(letters, sound)
    out = ""
    for c in roman:
        for sound in _SOUND.get(c, ""):
            if out[-1:] != sound:
                out += sound
    return out


def _spans(said: Sequence[str]) -> list[str]:
    """Up to SPAN_WORDS_MAX words that follow each other."""
    return [" ".join(said[i : i + n]) for n in range(1, SPAN_WORDS_MAX + 1) for i in range(len(said) - n + 1)]


def _likeness(entries: Sequence[str], spans: Sequence[str]) -> NDArray[np.float32]:
    """Shape (entries, spans), 0..100: how alike sounds and letters are."""
    by_sound = process.cdist([sounds(e) for e in entries], [sounds(s) for s in spans], scorer=fuzz.ratio)
    by_letters = process.cdist([_roman(e) for e in entries], [_roman(s) for s in spans], scorer=fuzz.ratio)
    weights = [SOUND_WEIGHTS[min(len(sounds(e)), len(SOUND_WEIGHTS) - 1)] for e in entries]
    of_sound = np.array(weights, dtype=np.float32)[:, None]
    return np.asarray(of_sound * by_sound + (1 - of_sound) * by_letters, dtype=np.float32)


def _roman(text: str) -> str:
    return "".join(_ROMAN.get(c, c) for c in _letters(text))


def _letters(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum())


def _has(text: str, entry: str) -> bool:
    """Whether it is there as it is written, but for signs and large letters."""
    return f" {_words(entry)} " in f" {_words(text)} "


def _words(text: str) -> str:
    return " ".join(word for word in (_letters(part) for part in text.replace("-", " ").split()) if word)
