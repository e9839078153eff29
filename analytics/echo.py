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
BLOCK_S = 0.75
BLOCKS_MIN = 3
BLOCKS_MAX = 400  # five minutes of the other side: enough to find a path, bounds the cost of long calls
SPOKEN_SHARE_MIN = 0.5  # of a block
SILENT = 1e-7  # energy of a block below which nothing sounds (about −100 dBFS)
LAG_S_MAX = 0.6  # network, jitter buffer and room together
LAG_S_MIN = -0.02  # recorders of the two legs are aligned to about 20 ms
CORRELATION_MIN = 0.15  # mean over the blocks
CORRELATION_NULL = 0.9  # independent voices stay under this / sqrt(blocks)
GAIN_MAX = 0.7  # louder than −3 dB is no echo: nobody can say then which side is the copy
MARGIN = 4.0  # own speech must exceed the explained energy by 6 dB
AUDIBLE = 0.1  # echo 10 dB under the line's noise is none that voice activity could hear
NOISE_MARGIN = 1.25  # noise of 32 ms spreads by about 10 %
HANGOVER = 4  # frames on both sides through which voice activity goes on hearing an echo
NO_SPEECH = 0.2  # probability under which a frame shows the line's noise
FRAMES_MIN = 30  # about a second of them
_RATE = RATE // DECIMATION
_LAG_MIN, _LAG_MAX = int(LAG_S_MIN * _RATE), int(LAG_S_MAX * _RATE)
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
    near = _energy(own, length)
    floor = _noise(near, own_p)
    explained = _smooth(_energy(copied, length)) * _energy_gain(np.maximum(near - floor, 0.0), copied, own_p)
    audible = _widened(explained > AUDIBLE * floor, HANGOVER)
    is_echo = audible & (_smooth(near) - NOISE_MARGIN * floor <= MARGIN * explained)
    out: Floats = np.where(is_echo, np.float32(0), own_p)
    return out


def find(own: Floats, other: Floats, own_p: Floats, other_p: Floats) -> Path | None:
    """The echo path from `other` into `own`, or None when there is none.

    Every block counts alike, however loud: a block of echo alone correlates by nearly 1, a block of double talk by
    little, and independent voices average out over the blocks. Where the near side is the louder one it cannot be a
    copy of the far side, but the far side may be one of it: such a block says nothing here."""
    if len(own) != len(other) or not (own_p >= 0.5).any():
        return None
    spoken = np.repeat(other_p >= 0.5, _FRAME)[: len(other)]
    near, far = _decimated(own), _decimated(np.where(spoken, other, np.float32(0)))
    cross, gains, quieter = _correlations(near, far)
    blocks = quieter.sum(axis=0)
    if not len(cross) or blocks.max() < BLOCKS_MIN:
        return None
    mean = np.abs((cross * quieter).sum(axis=0)) / np.maximum(blocks, 1)
    mean[(blocks < BLOCKS_MIN) | (mean < np.maximum(CORRELATION_MIN, CORRELATION_NULL / np.sqrt(blocks + 1e-9)))] = 0
    at = int(np.argmax(mean))
    correlation = float(mean[at])
    if not correlation:
        return None
    clear = quieter[:, at] & (np.abs(cross[:, at]) > 0.5 * correlation)
    gain = float(np.median(np.abs(gains[clear, at])))
    if gain > GAIN_MAX:
        return None
    return Path(float(at + _LAG_MIN) / _RATE, gain, correlation)


def _correlations(near: Floats, far: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """For every block in which the far side speaks: normalised cross-correlation, amplitude ratio, and whether the
    near side is quieter, at each lag from LAG_S_MIN to LAG_S_MAX; all of shape (blocks, lags), at 4 kHz."""
    block = int(BLOCK_S * _RATE)
    lags = np.arange(_LAG_MIN, _LAG_MAX + 1)
    size = 1 << (2 * block + _LAG_MAX - _LAG_MIN).bit_length()
    padded = np.pad(near, (-_LAG_MIN, _LAG_MAX + block))
    cross, gains, quieter = [], [], []
    for start in range(0, len(far) - block + 1, block):
        piece = far[start : start + block].astype(np.float64)
        if np.count_nonzero(piece) < SPOKEN_SHARE_MIN * block:
            continue
        around = padded[start : start + block + len(lags) - 1].astype(np.float64)
        found = np.fft.irfft(np.fft.rfft(around, size) * np.conj(np.fft.rfft(piece, size)), size)[: len(lags)]
        far_energy = float(np.sum(piece**2))
        totals = np.concatenate(([0.0], np.cumsum(around**2)))
        near_energy = totals[block:] - totals[:-block]
        if far_energy <= SILENT or float(near_energy.max()) <= SILENT:
            continue
        cross.append((found / np.sqrt(np.maximum(near_energy, SILENT) * far_energy)).astype(np.float32))
        gains.append((found / far_energy).astype(np.float32))
        quieter.append(near_energy <= GAIN_MAX * far_energy)
        if len(cross) >= BLOCKS_MAX:
            break
    if not cross:
        none = np.zeros((0, len(lags)), dtype=np.float32)
        return none, none, none.astype(np.bool_)
    return np.stack(cross), np.stack(gains), np.stack(quieter)


def _noise(energy: NDArray[np.float64], own_p: Floats) -> float:
    """Energy of the line's noise: the median of the frames without speech; 0 when there are few."""
    quiet = energy[own_p < NO_SPEECH]
    return float(np.median(quiet)) if len(quiet) >= FRAMES_MIN else 0.0


def _energy_gain(near: NDArray[np.float64], copied: Floats, own_p: Floats) -> float:
    """Energy of the echo (noise taken off) over energy of its source: the median over frames in which both sound. The
    median, because part of those frames may hold true double talk."""
    far = _energy(copied, len(own_p))
    loud = (far > 0.1 * float(far.max(initial=0.0))) & (own_p >= 0.5) & (near <= GAIN_MAX * far)
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


def _widened(mask: NDArray[np.bool_], frames: int) -> NDArray[np.bool_]:
    """True within `frames` of a True."""
    return np.convolve(mask, np.ones(2 * frames + 1), mode="same") > 0.5


def _decimated(channel: Floats) -> Floats:
    """Every fourth sample of the 4-point mean: a crude low-pass, enough for a correlation."""
    whole = len(channel) // DECIMATION * DECIMATION
    mean: Floats = channel[:whole].reshape(-1, DECIMATION).mean(axis=1, dtype=np.float32)
    return mean
