"""Stretches of one side's speech put into windows for recognition, and the words put back to where they were spoken.

A window costs at least ten seconds, and what is said in few words is understood worse alone: so stretches that follow
each other on one side share a window, with the silence between them shortened. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.vad import Floats, Segments
from pbx_core.domain.records import Party, Word

RATE = 16_000
SHARED_S_MAX = 16.0  # longer ones cost more by second; a longer stretch has a window for itself
SHARED_S_LAST = 17.0  # so long may a window become that takes in a last one under ALONE_S_MIN
ALONE_S_MIN = 2.0
JOIN_S = 0.25  # of the sound beside a stretch that stays where the silence between two is shortened


@dataclass(frozen=True)
class Stretch:
    """One piece of one side's speech."""

    party: Party
    start_s: float
    end_s: float
    tight: Segments  # of its side


@dataclass(frozen=True)
class Place:
    """A stretch that begins at_s after its window's start."""

    stretch: Stretch
    at_s: float

    @property
    def end_s(self) -> float:
        return self.at_s + self.stretch.end_s - self.stretch.start_s


@dataclass(frozen=True)
class Window:
    """What is recognised in one piece."""

    places: tuple[Place, ...]
    samples: Floats

    @property
    def length_s(self) -> float:
        return len(self.samples) / RATE


def pack(stretches: Sequence[Stretch], channel: Floats) -> list[Window]:
    """Windows of one side. stretches: in order; channel: its whole sound, 16 kHz."""
    groups: list[list[Stretch]] = []
    for stretch in stretches:
        if groups and _length_s([*groups[-1], stretch]) <= SHARED_S_MAX:
            groups[-1].append(stretch)
        else:
            groups.append([stretch])
    if len(groups) > 1 and _length_s(groups[-1]) < ALONE_S_MIN and _length_s(groups[-2] + groups[-1]) <= SHARED_S_LAST:
        groups[-2:] = [groups[-2] + groups[-1]]
    return [_window(group, channel) for group in groups]


def unpack(window: Window, words: Sequence[Word]) -> list[tuple[Stretch, tuple[Word, ...]]]:
    """The words of each stretch that has any, in seconds of the recording. A word belongs to the stretch in which
    most of it lies."""
    edges = [(a.end_s + b.at_s) / 2 for a, b in zip(window.places, window.places[1:], strict=False)]
    found: list[list[Word]] = [[] for _ in window.places]
    for word in words:
        middle_s = (word.start_s + word.end_s) / 2
        number = sum(middle_s >= edge for edge in edges)
        found[number].append(_placed(word, window.places[number]))
    return [(p.stretch, tuple(w)) for p, w in zip(window.places, found, strict=True) if w]


def _placed(word: Word, place: Place) -> Word:
    """The engine lets first words begin with the padding: an edge that lies in silence moves to the edge of the
    speech."""
    stretch = place.stretch
    shift = stretch.start_s - place.at_s
    start, end = (min(max(at + shift, stretch.start_s), stretch.end_s) for at in (word.start_s, word.end_s))
    voiced = [(a, b) for a, b in stretch.tight if a < end and start < b]
    if voiced:
        start, end = max(start, voiced[0][0]), min(end, voiced[-1][1])
    return Word(word.text, round(start, 3), round(max(start, end), 3), word.p)


def _pieces(group: Sequence[Stretch]) -> list[tuple[float, float]]:
    """Which sound a window takes, as seconds of the recording: short gaps whole, of longer ones their ends."""
    pieces = [(group[0].start_s, group[0].end_s)]
    for stretch in group[1:]:
        start, end = pieces[-1]
        if stretch.start_s - end <= 2 * JOIN_S:
            pieces[-1] = (start, stretch.end_s)
        else:
            pieces[-1] = (start, end + JOIN_S)
            pieces.append((stretch.start_s - JOIN_S, stretch.end_s))
    return pieces


def _length_s(group: Sequence[Stretch]) -> float:
    return sum(end - start for start, end in _pieces(group))


def _window(group: Sequence[Stretch], channel: Floats) -> Window:
    pieces = _pieces(group)
    places = []
    at_s = 0.0
    for start, end in pieces:
        inside = [s for s in group if start <= s.start_s and s.end_s <= end]
        places += [Place(s, at_s + s.start_s - start) for s in inside]
        at_s += (int(end * RATE) - int(start * RATE)) / RATE
    samples = np.concatenate([channel[int(start * RATE) : int(end * RATE)] for start, end in pieces])
    return Window(tuple(places), np.ascontiguousarray(samples))
