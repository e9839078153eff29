"""Levels of sounds whose level is known."""

from __future__ import annotations

import numpy as np
import pytest

from analytics import loudness
from analytics.vad import Segments

RATE = 16_000
TONE = np.sin(2 * np.pi * 440 * np.arange(4 * RATE) / RATE).astype(np.float32)


@pytest.mark.parametrize(("gain", "dbfs"), [(1.0, -3.0), (0.1, -23.0), (0.01, -43.0)])
def test_a_sine_has_its_root_mean_square(gain: float, dbfs: float) -> None:
    assert loudness.dbfs(gain * TONE, ((0.0, 4.0),), RATE) == dbfs


def test_pauses_make_nobody_quiet() -> None:
    sound = TONE.copy()
    sound[RATE:] = 0
    assert loudness.dbfs(sound, ((0.0, 1.0),), RATE) == -3.0


@pytest.mark.parametrize("speech", [(), ((1.0, 2.0),), ((9.0, 9.5),)])
def test_who_says_nothing_has_no_level(speech: Segments) -> None:
    assert loudness.dbfs(np.zeros(4 * RATE, dtype=np.float32), speech, RATE) is None
