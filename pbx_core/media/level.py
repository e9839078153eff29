"""Samples for the telephone: 8 kHz, mono, one loudness for everything that the exchange says.

Samples are float32, −1..1. The level is that of speech while it is heard (frames of 20 ms within 30 dB of the loudest),
so that pauses do not make a prompt loud.
"""

from __future__ import annotations

import contextlib
import os
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pbx_core.errors import Unavailable

Samples = npt.NDArray[np.float32]
RATE = 8000
SPEECH_DB = -22.0  # RMS of the active frames against full scale: a little above ITU-T P.56's −26 for a clear prompt
PEAK_DB = -3.0  # no sample above: G.711 ends at +3.17 dBm0
_FRAME = RATE // 50
_ACTIVE_DB = 30.0


def from_pcm(content: bytes) -> Samples:
    """16-bit little-endian samples."""
    whole: Samples = np.frombuffer(content[: len(content) // 2 * 2], "<i2").astype(np.float32)
    return whole / np.float32(32768)


def resample(samples: Samples, rate: int) -> Samples:
    """The same sound at 8 kHz, with nothing left above 4 kHz; by Fourier, for sounds of a few minutes."""
    if rate == RATE or not len(samples):
        return samples
    count = max(1, round(len(samples) * RATE / rate))
    spectrum = np.fft.rfft(samples)
    wanted = count // 2 + 1
    kept = np.zeros(wanted, dtype=spectrum.dtype)
    kept[: min(wanted, len(spectrum))] = spectrum[:wanted]
    made: Samples = (np.fft.irfft(kept, count) * (count / len(samples))).astype(np.float32)
    return made


def trim(samples: Samples, lead_s: float = 0.05, tail_s: float = 0.15) -> Samples:
    """Without the silence at both ends but these rests of it."""
    loud = np.flatnonzero(np.abs(samples) > 0.003)
    if not len(loud):
        return samples
    begin = max(0, int(loud[0]) - int(lead_s * RATE))
    return samples[begin : int(loud[-1]) + int(tail_s * RATE)]


def to_telephone_level(samples: Samples, level_db: float = SPEECH_DB) -> Samples:
    """As loud as every other prompt; silence stays silence."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    power = np.square(frames, dtype=np.float64).mean(axis=1)
    if not len(power) or power.max() < 1e-9:
        return samples
    active = power[power > power.max() / 10 ** (_ACTIVE_DB / 10)].mean()
    gain = 10 ** (level_db / 20) / np.sqrt(active)
    peak = np.abs(samples).max() * gain
    return samples * np.float32(gain * min(1.0, 10 ** (PEAK_DB / 20) / peak))


def write(path: Path, samples: Samples) -> None:
    """A WAV (mono, 8 kHz, 16 bit) that is whole or not there. Unavailable when the disk refuses."""
    scratch = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with wave.open(str(scratch), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes((np.clip(samples, -1.0, 1.0) * 32767).astype("<i2").tobytes())
        scratch.rename(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            scratch.unlink()
        raise Unavailable(f"{path.name} cannot be written: {error.strerror}") from error
