"""Topics that rise: words in a larger share of this week's calls than of the week's before, beyond chance.

Counted are calls that hold a word, not how often it is said: one long call cannot make a topic. A rise counts when at
least CALLS_MIN calls hold the word, the share is higher, and Dunning's log-likelihood ratio G² of the two shares is at
least G2_MIN (chance alone gives that to one word in a thousand, counting falls too). Weeks with fewer than
WEEK_CALLS_MIN transcripts of a language are not compared.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

CALLS_MIN = 4
WEEK_CALLS_MIN = 20
G2_MIN = 10.83
TOPICS_MAX = 20
VERSION = "topics-1"


@dataclass(frozen=True)
class Counted:
    """A word and the calls that hold it, of all calls with a transcript in its language, in two weeks."""

    term: str
    language: str
    calls: int
    calls_before: int
    of: int
    of_before: int


@dataclass(frozen=True)
class Topic:
    """A word that rises. rates: 0..1."""

    counted: Counted
    rate: float
    rate_before: float
    g2: float


def rising(counts: Iterable[Counted]) -> list[Topic]:
    """The words that rise, the clearest first, at most TOPICS_MAX."""
    found = [
        Topic(c, c.calls / c.of, c.calls_before / c.of_before, g2)
        for c in counts
        if comparable(c.of, c.of_before)
        and c.calls >= CALLS_MIN
        and c.calls / c.of > c.calls_before / c.of_before
        and (g2 := log_likelihood(c.calls, c.of, c.calls_before, c.of_before)) >= G2_MIN
    ]
    return sorted(found, key=lambda t: (-t.g2, t.counted.term))[:TOPICS_MAX]


def comparable(of: int, of_before: int) -> bool:
    """Whether both weeks have enough calls to say anything."""
    return min(of, of_before) >= WEEK_CALLS_MIN


def log_likelihood(a: int, of_a: int, b: int, of_b: int) -> float:
    """G² of a of of_a against b of of_b under one common rate; 0 when they are equal. ValueError outside 0..of."""
    if not (0 <= a <= of_a and 0 <= b <= of_b and of_a and of_b):
        raise ValueError("a count lies outside of what was counted")
    common = (a + b) / (of_a + of_b)

    def part(seen: int, expected: float) -> float:
        return seen * math.log(seen / expected) if seen else 0.0

    return 2 * (
        part(a, of_a * common)
        + part(of_a - a, of_a * (1 - common))
        + part(b, of_b * common)
        + part(of_b - b, of_b * (1 - common))
    )
