"""Word error rate, and the normalising that makes two texts comparable."""

from __future__ import annotations

import re

_NUMBERS = {
    "0": "zero", "1": "one", "2": "two", "3": "three", "4": "four", "5": "five", "6": "six", "7": "seven",
    "8": "eight", "9": "nine", "10": "ten", "11": "eleven", "12": "twelve", "20": "twenty", "30": "thirty",
}  # fmt: skip


def words(text: str) -> list[str]:
    """Lower case, no punctuation, ё as е, small numbers spelled in English."""
    found = re.findall(r"[\w']+", text.lower().replace("ё", "е").replace("’", "'"))
    return [_NUMBERS.get(word, word) for word in found]


def wer(reference: str, heard: str) -> float:
    """(substitutions + deletions + insertions) / reference words; 0 is perfect. ValueError for an empty reference."""
    want, got = words(reference), words(heard)
    if not want:
        raise ValueError("the reference has no words")
    return distance(want, got) / len(want)


def distance(want: list[str], got: list[str]) -> int:
    """Levenshtein distance of two word lists."""
    row = list(range(len(got) + 1))
    for i, a in enumerate(want, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(got, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]
