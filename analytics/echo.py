"""Echo guard: where a channel holds an attenuated copy of the other side, that sound is not its own speech.

Side tone in a handset and open loudspeakers put the far voice into the near channel; voice activity then sees overlap
and interruptions that nobody made, and words would be recognised twice. An echo path is believed only when the
waveforms themselves correlate at one delay; then frames whose energy the delayed, attenuated other side explains lose
their speech. Pure arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.vad import FRAME_S, Floats

RATE = 16_000
DECIMATION = 4  # correlation at 4 kHz: voices have their energy below 2 kHz
BLOCK_S = 4.0
LAG_S_MAX = 0.6  # network, jitter buffer and room together
LAG_S_MIN = -0.02  # recorders of the two legs are aligned to about 20 ms
SPEECH_S_MAX = 300.0  # of the other side; enough to find a path, bounds the cost of long calls
CORRELATION_MIN = 0.25  # independent voices stay under 0.1 over several seconds
GAIN_MAX = 0.7  # louder than −3 dB is no echo: nobody can say then which side is the copy
MARGIN = 4.0  # own speech must exceed the explained energy by 6 dB
_FRAME = int(FRAME_S * RATE)


@dataclass(frozen=True)
class Path:
    """How one channel arrives in the other: delay in seconds, amplitude gain, and the correlation it was seen with."""

    delay_s: float
    gain: float
    correlation: float


def suppress(own: Floats, other: Floats, own_p: Floats, other_p: Floats) -> Floats:
    """Speech probabilities of `own` without those that are echo of `other`.

    own, other: float32, shape (n,), −1..1, 16 kHz. own_p, other_p: their silero probabilities, one per FRAME_S."""
    path = find(own, other, own_p, other_p)
    if path is None:
        return own_p
    length = len(own_p)
    shift = round(path.delay_s * RATE)
    copied = np.zeros_like(other)
    if shift >= 0:
        copied[shift:] = other[: len(other) - shift]
    else:
        copied[:shift] = other[-shift:]
    own_energy = _smooth(_energy(own, length))
    explained = _smooth(_energy(copied, length)) * _energy_gain(own, copied, own_p)
    out: Floats = np.where(own_energy > MARGIN * explained, own_p, np.float32(0))
    return out


def find(own: Floats, other: Floats, own_p: Floats, other_p: Floats) -> Path | None:
    """The echo path from `other` into `own`, or None when there is none."""
    if len(own) != len(other) or not (own_p >= 0.5).any():
        return None
    spoken = np.repeat(other_p >= 0.5, _FRAME)[: len(other)]
    far = np.where(spoken[: len(other)], other[: len(spoken)], np.float32(0))
    near, far = _decimated(own), _decimated(far)
    lags, cross, near_energy, far_energy = _correlate(near, far)
    if near_energy <= 0 or far_energy <= 0:
        return None
    at = int(np.argmax(np.abs(cross)))
    correlation = float(abs(cross[at]) / np.sqrt(near_energy * far_energy))
    gain = float(abs(cross[at]) / far_energy)
    if correlation < CORRELATION_MIN or gain > GAIN_MAX:
        return None
    return Path(float(lags[at]) * DECIMATION / RATE, gain, correlation)


def _correlate(near: Floats, far: Floats) -> tuple[NDArray[np.int64], NDArray[np.float64], float, float]:
    """Cross-correlation summed over blocks in which the far side speaks: lags (steps at 4 kHz), values, energies."""
    rate = RATE // DECIMATION
    block, lag_max, lag_min = int(BLOCK_S * rate), int(LAG_S_MAX * rate), int(LAG_S_MIN * rate)
    size = 1 << (2 * block - 1).bit_length()
    lags = np.arange(lag_min, lag_max + 1)
    cross = np.zeros(len(lags))
    near_energy = far_energy = 0.0
    spoken_s = 0.0
    for start in range(0, len(far), block):
        piece = far[start : start + block]
        speaking = piece != 0
        share = float(speaking.mean())
        if share < 0.2:
            continue
        around = near[max(start + lag_min, 0) : start + len(piece) + lag_max]
        lead = start - max(start + lag_min, 0)
        spectrum = np.fft.rfft(around, size) * np.conj(np.fft.rfft(piece, size))
        cross += np.fft.irfft(spectrum, size)[(lags + lead) % size]
        far_energy += float(np.sum(piece.astype(np.float64) ** 2))
        near_energy += float(np.sum(near[start : start + len(piece)].astype(np.float64) ** 2 * speaking))
        spoken_s += share * BLOCK_S
        if spoken_s > SPEECH_S_MAX:
            break
    return lags, cross, near_energy, far_energy


def _energy_gain(own: Floats, copied: Floats, own_p: Floats) -> float:
    """Energy of the echo over energy of its source: the median over frames in which both sound. The median, because
    part of those frames may hold true double talk."""
    length = len(own_p)
    near, far = _energy(own, length), _energy(copied, length)
    loud = (far > 0.1 * float(far.max(initial=0.0))) & (own_p >= 0.5)
    if not loud.any():
        return 0.0
    return float(np.median(near[loud] / far[loud]))


def _energy(channel: Floats, frames: int) -> NDArray[np.float64]:
    """Mean square per silero frame, shape (frames,)."""
    padded = np.zeros(frames * _FRAME, dtype=np.float32)
    padded[: min(len(channel), len(padded))] = channel[: len(padded)]
    square: NDArray[np.float64] = np.mean(padded.reshape(frames, _FRAME).astype(np.float64) ** 2, axis=1)
    return square


def _smooth(energy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over three frames (96 ms): room echo trails its source."""
    return np.convolve(energy, np.ones(3) / 3, mode="same")


def _decimated(channel: Floats) -> Floats:
    """Every fourth sample of the 4-point mean: a crude low-pass, enough for a correlation."""
    whole = len(channel) // DECIMATION * DECIMATION
    mean: Floats = channel[:whole].reshape(-1, DECIMATION).mean(axis=1, dtype=np.float32)
    return mean
