"""Probabilities become segments: hysteresis, padding, the limit of a piece."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from analytics import vad
from analytics.vad import FRAME_S, Floats


def speech(*spans: tuple[float, float], duration_s: float) -> Floats:
    """Probability 0.95 inside the spans (seconds), 0.02 outside."""
    centre = (np.arange(int(duration_s / FRAME_S)) + 0.5) * FRAME_S
    inside = np.zeros(len(centre), dtype=bool)
    for start, end in spans:
        inside |= (centre >= start) & (centre < end)
    return np.where(inside, 0.95, 0.02).astype(np.float32)


def test_silence_has_no_segments() -> None:
    assert vad.segments(speech(duration_s=10), 10, vad.TIGHT) == ()
    assert vad.segments(np.zeros(0, dtype=np.float32), 0, vad.MERGED) == ()


def test_the_tight_view_keeps_a_pause_that_the_merged_view_closes() -> None:
    p = speech((1, 2), (2.4, 3.4), duration_s=6)
    assert len(vad.segments(p, 6, vad.TIGHT)) == 2
    ((start, end),) = vad.segments(p, 6, vad.MERGED)
    assert start == pytest.approx(0.8, abs=0.05)
    assert end == pytest.approx(3.6, abs=0.05)


def test_a_click_is_no_speech() -> None:
    assert vad.segments(speech((1, 1.06), duration_s=3), 3, vad.TIGHT) == ()


def test_padding_stays_inside_the_recording_and_out_of_the_neighbour() -> None:
    found = vad.segments(speech((0, 1), (1.6, 2), duration_s=2), 2, vad.MERGED)
    assert found[0][0] == 0
    assert found[-1][1] <= 2
    assert found[0][1] <= found[1][0]


def test_a_dip_between_the_thresholds_does_not_end_speech() -> None:
    p = speech((0.5, 3), duration_s=4)
    p[40:60] = 0.4
    assert len(vad.segments(p, 4, vad.TIGHT)) == 1


def test_long_speech_is_cut_at_its_quietest_frame_into_pieces_that_fit() -> None:
    p = speech((0, 100), duration_s=100)
    p[700] = 0.45
    found = vad.segments(p, 100, vad.MERGED)
    assert all(end - start <= 28.0 for start, end in found)
    assert found[0][1] == pytest.approx(700 * FRAME_S, abs=0.01)
    assert all(a[1] == b[0] for a, b in itertools.pairwise(found))
    assert found[0][0] == 0
    assert found[-1][1] == pytest.approx(100, abs=0.1)


def test_the_steady_noise_of_a_line_is_left_out_but_not_what_is_near_something_louder() -> None:
    rate, step = 16_000, 512
    rng = np.random.default_rng(1)
    channel = (0.001 * rng.standard_normal(10 * rate)).astype(np.float32)
    assert not vad.worth_hearing(channel, rate).any()
    channel[5 * rate : 6 * rate] *= 2  # six decibels
    asked = vad.worth_hearing(channel, rate)
    assert len(asked) == -(-len(channel) // step)
    first, last = (np.flatnonzero(asked)[[0, -1]] * step / rate).tolist()
    assert asked[int(5 * rate / step) : int(6 * rate / step)].all()
    assert abs(first - (5 - vad.NEAR_S)) < 0.1 and abs(last - (6 + vad.NEAR_S)) < 0.1


@pytest.mark.parametrize("length", [0, 1, 511, 512, 513])
def test_channels_of_any_length_have_a_mark_for_each_frame(length: int) -> None:
    assert len(vad.worth_hearing(np.ones(length, np.float32), 16_000)) == -(-length // 512)
