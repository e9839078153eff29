"""What the benchmark of calls holds against a recording."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support import gauges


def comes_and_goes(seconds: float) -> np.ndarray:
    """The tone of sipp.tone as a recording holds it."""
    t = np.arange(int(gauges.RATE * seconds)) / gauges.RATE
    return np.where((t * 2).astype(int) % 2 == 0, 0.27 * np.sin(2 * np.pi * 440 * t), 0.0).astype(np.float32)


@pytest.mark.parametrize("gap_s", [0.0, 0.02, 0.1])
def test_a_piece_of_the_tone_that_is_not_there_is_a_gap(gap_s: float) -> None:
    samples = comes_and_goes(10)
    samples[int(4.2 * gauges.RATE) : int((4.2 + gap_s) * gauges.RATE)] = 0.0
    assert bool(gauges.gaps(samples)) is bool(gap_s)


def test_a_side_on_which_nothing_is_heard_is_a_gap_from_end_to_end() -> None:
    assert gauges.gaps(np.zeros(gauges.RATE * 5, np.float32))


def test_frames_that_are_lost_while_the_tone_is_silent_are_missed_by_its_shortness() -> None:
    samples = comes_and_goes(10)
    cut = np.delete(samples, slice(int(4.6 * gauges.RATE), int(4.8 * gauges.RATE)))
    assert gauges.gaps(cut)
