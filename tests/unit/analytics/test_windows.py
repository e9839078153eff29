"""Which stretches share a window, and where its words come to stand."""

from __future__ import annotations

import numpy as np
import pytest

from analytics import windows
from analytics.windows import RATE, Stretch
from pbx_core.domain.records import Party, Word

CHANNEL = np.arange(100 * RATE, dtype=np.float32) / RATE  # every sample says its second


def stretches(*edges: tuple[float, float]) -> list[Stretch]:
    return [Stretch(Party.CALLER, a, b, tight=edges) for a, b in edges]


@pytest.mark.parametrize(
    ("edges", "sizes"),
    [
        ([(1, 2), (3, 4), (20, 24)], [3]),  # far apart, yet together: the silence is shortened
        ([(1, 11), (12, 22)], [1, 1]),  # together they would be too long
        ([(1, 28), (29, 30)], [1, 1]),  # too long to take in even a short one
        ([(1, 14.5), (15.2, 16.2)], [2]),  # the last one would cost a full window
        ([], []),
    ],
)
def test_short_stretches_share_a_window(edges: list[tuple[float, float]], sizes: list[int]) -> None:
    packed = windows.pack(stretches(*edges), CHANNEL)
    assert [len(window.places) for window in packed] == sizes


def test_a_window_holds_the_sound_of_its_stretches_where_it_says() -> None:
    (window,) = windows.pack(stretches((1.0, 2.5), (2.9, 4.0), (20.0, 24.0)), CHANNEL)
    for place in window.places:
        assert window.samples[round(place.at_s * RATE)] == pytest.approx(place.stretch.start_s, abs=1e-3)
        assert window.samples[round(place.end_s * RATE) - 1] == pytest.approx(place.stretch.end_s, abs=1e-3)
    assert window.length_s == pytest.approx(3.0 + 4.0 + 2 * windows.JOIN_S, abs=1e-3)


def test_words_go_back_to_where_they_were_spoken() -> None:
    (window,) = windows.pack(stretches((1.0, 3.0), (20.0, 24.0)), CHANNEL)
    second_s = window.places[1].at_s
    heard = [Word("one", 0.1, 0.5, 1.0), Word("two", 1.9, second_s - 0.2, 1.0), Word("three", second_s - 0.1, 4.0, 1.0)]
    (first, one), (second, two) = windows.unpack(window, heard)
    assert [(w.text, w.start_s, w.end_s) for w in one] == [("one", 1.1, 1.5), ("two", 2.9, 3.0)]
    assert [(w.text, w.start_s) for w in two] == [("three", 20.0)]
    assert (first.start_s, second.start_s) == (1.0, 20.0)


def test_a_stretch_without_words_is_not_told() -> None:
    (window,) = windows.pack(stretches((1.0, 3.0), (20.0, 24.0)), CHANNEL)
    assert [s.start_s for s, _ in windows.unpack(window, [Word("one", 0.1, 0.5, 1.0)])] == [1.0]
    assert windows.unpack(window, []) == []
