"""The waveform's points."""

from __future__ import annotations

import numpy as np

from pbx_core.media import peaks
from tests.support import spooled


def test_a_loud_second_stands_out_of_silence() -> None:
    samples = np.concatenate([np.zeros(8000, np.int16), spooled.tone(1.0, level=0.5), np.zeros(8000, np.int16)])
    points = peaks.of_channel(samples, 8000, 20)
    assert points[:20] == [0] * 20
    assert all(62 <= p <= 64 for p in points[20:40])
    assert points[40:] == [0] * 20


def test_the_extreme_samples_are_full_and_nothing_is_more_than_full() -> None:
    assert peaks.of_channel(np.full(400, -32768, np.int16), 8000, 20) == [127]
    assert peaks.of_channel(np.full(400, 32767, np.int16), 8000, 20) == [127]


def test_the_last_point_covers_what_is_left() -> None:
    samples = np.zeros(401, np.int16)
    samples[400] = -32768
    assert peaks.of_channel(samples, 8000, 20) == [0, 127]
    assert peaks.of_channel(samples[:0], 8000, 20) == []
