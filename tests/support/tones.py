"""Tones into files, and which of them are in a recording."""

from __future__ import annotations

import wave
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

RATE = 8000
AMPLITUDE = 4000  # four of them mixed stay below full scale


def tone(path: Path, hertz: float, seconds: float) -> Path:
    """A WAV (mono, 8 kHz, 16 bit) with a steady tone."""
    samples = (AMPLITUDE * np.sin(2 * np.pi * hertz * np.arange(int(RATE * seconds)) / RATE)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return path


def samples_of(path: Path) -> npt.NDArray[np.int16]:
    """All samples of a WAV, also when its writer has not closed it."""
    return np.frombuffer(path.read_bytes()[44:], "<i2")


def heard(sound: npt.NDArray[np.int16], pitches: Iterable[float]) -> dict[float, float]:
    """Which of these tones are in the sound: frequency → level in dB against how `tone` writes them, above −30."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) * 4 / len(sound)
    levels = {}
    for hertz in pitches:
        middle = round(hertz * len(sound) / RATE)
        peak = float(spectrum[max(0, middle - 3) : middle + 4].max(initial=0.0))
        levels[hertz] = 20 * np.log10(max(peak, 1e-9) / AMPLITUDE)
    return {hertz: level for hertz, level in levels.items() if level > -30}
