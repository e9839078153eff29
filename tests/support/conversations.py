"""Synthetic telephone conversations whose timing is known: clips of clean speech, cut by their energy, set on two
channels by a script that is drawn from a seed; and what lines do to them (noise, side tone, G.711).

Levels in dBFS, samples float32, −1..1. The truth has the product's tight view: pauses under 0.3 s belong to speech.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from analytics.turns import close_gaps, runs_of
from analytics.vad import Segments

LINE_RATE = 8000
RATE = 16_000
STEP_S = 0.01
QUIET_DB = -38.0  # below the clip's loud passages: in a studio what is quieter is no speech
PAUSE_S = 0.3  # shorter ones belong to speech, as in the tight view
BURST_S = 0.1  # shorter sounds are none

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Clip:
    """Speech without silence around it, at LINE_RATE; `voiced` in seconds from its start."""

    samples: Samples
    voiced: Segments

    @property
    def length_s(self) -> float:
        return self.voiced[-1][1]


@dataclass(frozen=True)
class Conversation:
    """samples: shape (n, 2), LINE_RATE, column 0 caller; `interruptions` by caller and by callee as the script wanted
    them; `backchannels` likewise."""

    samples: Samples
    truth: tuple[Segments, Segments]
    interruptions: tuple[int, int]
    backchannels: tuple[int, int]

    @property
    def duration_s(self) -> float:
        return len(self.samples) / LINE_RATE


@dataclass(frozen=True)
class Voice:
    """One speaker's clips: whole phrases, and words short enough for a backchannel."""

    name: str
    phrases: tuple[Clip, ...]
    words: tuple[Clip, ...]


def voice(name: str, sounds: Sequence[Samples]) -> Voice:
    """A speaker from clean recordings at LINE_RATE; those with a pause of half a second inside are left out, because
    a phrase must be one phrase."""
    clips = [clip for clip in map(cut, sounds) if clip is not None and len(close_gaps(_steps(clip), 0.5)) == 1]
    phrases = tuple(c for c in clips if 1.6 <= c.length_s <= 9.0)
    words = tuple(c for c in clips if 0.3 <= c.length_s <= 0.8)
    return Voice(name, phrases, words)


def cut(samples: Samples) -> Clip | None:
    """The speech in a clean recording, by energy; None when there is none. Normalised to −20 dBFS of own speech."""
    step = int(STEP_S * LINE_RATE)
    whole = samples[: len(samples) // step * step].reshape(-1, step).astype(np.float64)
    level = 10 * np.log10(np.mean(whole**2, axis=1) + 1e-12)
    if not len(level) or float(level.max()) < -60:
        return None
    runs = close_gaps(runs_of(level > np.percentile(level, 95) + QUIET_DB), PAUSE_S)
    runs = [(a, b) for a, b in runs if (b - a) * STEP_S >= BURST_S]
    if not runs:
        return None
    first, last = runs[0][0], runs[-1][1]
    kept = samples[first * step : last * step]
    spoken = np.concatenate([samples[a * step : b * step] for a, b in runs])
    gain = 10 ** (-20 / 20) / float(np.sqrt(np.mean(spoken.astype(np.float64) ** 2)))
    voiced = tuple(((a - first) * STEP_S, (b - first) * STEP_S) for a, b in runs)
    return Clip(np.clip(kept * gain, -1, 1).astype(np.float32), voiced)


def conversation(caller: Voice, callee: Voice, seed: int, length_s: float) -> Conversation:
    """About length_s of talk: turns with gaps, long pauses, small overlaps, interruptions and backchannels."""
    rng = np.random.default_rng(seed)
    voices, level_db = (caller, callee), rng.uniform(-32, -18, 2)
    placed: list[tuple[int, float, Clip]] = []
    free_s = [0.0, 0.0]  # until when each side speaks
    cut_in, heard = [0, 0], [0, 0]
    side, at_s, cutting = int(rng.integers(2)), 0.5, False
    while at_s < length_s:
        cut_in[side] += cutting
        cutting = False
        clip = voices[side].phrases[rng.integers(len(voices[side].phrases))]
        placed.append((side, at_s, clip))
        end_s = free_s[side] = at_s + clip.length_s
        other = 1 - side
        if clip.length_s >= 3.5 and voices[other].words and rng.random() < 0.4:
            word = voices[other].words[rng.integers(len(voices[other].words))]
            start_s = at_s + float(rng.uniform(1.0, clip.length_s - 2.4))
            if start_s > free_s[other] + 0.6:
                placed.append((other, start_s, word))
                free_s[other] = start_s + word.length_s
                heard[other] += 1
        match rng.choice(["answer", "cut_in", "touch", "think", "go_on"], p=[0.5, 0.18, 0.1, 0.12, 0.1]):
            case "cut_in" if clip.length_s > 2.4 and free_s[other] + 1.2 < end_s:
                at_s, side, cutting = end_s - float(rng.uniform(0.45, 1.2)), other, True
            case "touch" if free_s[other] + 1.2 < end_s:
                at_s, side = end_s - float(rng.uniform(0.02, 0.12)), other
            case "think":
                at_s, side = end_s + float(rng.uniform(3.4, 8.0)), other
            case "go_on":
                at_s = end_s + float(rng.uniform(0.8, 2.0))
            case _:
                at_s, side = end_s + float(rng.uniform(0.4, 1.8)), other
        at_s = round(max(at_s, free_s[side] + 0.6), 2)
    return _mixed(placed, level_db, max(free_s) + 1.0, (cut_in[0], cut_in[1]), (heard[0], heard[1]))


def _mixed(
    placed: Sequence[tuple[int, float, Clip]],
    level_db: NDArray[np.float64],
    length_s: float,
    interruptions: tuple[int, int],
    backchannels: tuple[int, int],
) -> Conversation:
    samples = np.zeros((int(length_s * LINE_RATE), 2), dtype=np.float32)
    truth: tuple[list[tuple[float, float]], list[tuple[float, float]]] = ([], [])
    for side, start_s, clip in sorted(placed, key=lambda p: p[1]):
        first = round(start_s * LINE_RATE)
        samples[first : first + len(clip.samples), side] += clip.samples * 10 ** ((level_db[side] + 20) / 20)
        truth[side].extend((round(start_s + a, 3), round(start_s + b, 3)) for a, b in clip.voiced)
    return Conversation(samples, (tuple(truth[0]), tuple(truth[1])), interruptions, backchannels)


def with_noise(samples: Samples, kind: str, snr_db: float, seed: int, babble: Sequence[Clip] = ()) -> Samples:
    """Noise on both channels, snr_db under each channel's own speech. hiss: white; hum: most energy below 300 Hz, as
    in a car; babble: eight strangers at once."""
    rng = np.random.default_rng(seed)
    out = samples.copy()
    for i in (0, 1):
        noise = _noise(kind, len(samples), rng, babble)
        spoken = samples[np.abs(samples[:, i]) > 1e-3, i]
        level = float(np.sqrt(np.mean(spoken.astype(np.float64) ** 2))) if len(spoken) else 0.01
        out[:, i] += (noise / np.sqrt(np.mean(noise**2)) * level * 10 ** (-snr_db / 20)).astype(np.float32)
    return out


def _noise(kind: str, n: int, rng: np.random.Generator, babble: Sequence[Clip]) -> NDArray[np.float64]:
    match kind:
        case "hiss":
            return rng.normal(0, 1, n)
        case "hum":
            spectrum = np.fft.rfft(rng.normal(0, 1, n))
            hertz = np.fft.rfftfreq(n, 1 / LINE_RATE)
            return np.fft.irfft(spectrum / np.maximum(hertz, 100.0) ** 1.2, n)
        case "babble":
            out = np.zeros(n)
            for _ in range(8):
                line = np.concatenate([babble[i].samples for i in rng.permutation(len(babble))])
                out += np.resize(np.roll(line, int(rng.integers(len(line)))), n)
            return out
    raise ValueError(kind)


def with_side_tone(samples: Samples, level_db: float, delay_s: float, seed: int) -> Samples:
    """Each channel also holds the other one: level_db under it, delay_s late, coloured by a small room."""
    rng = np.random.default_rng(seed)
    room = rng.normal(0, 1, int(0.03 * LINE_RATE)) * np.exp(-np.arange(int(0.03 * LINE_RATE)) / (0.006 * LINE_RATE))
    room[0] = 3.0
    room /= np.sqrt(np.sum(room**2))
    late = round(delay_s * LINE_RATE)
    out = samples.copy()
    for i in (0, 1):
        copied = np.convolve(samples[:, 1 - i], room)[: len(samples) - late] * 10 ** (level_db / 20)
        out[late:, i] += copied.astype(np.float32)
    return out


def through_line(samples: Samples) -> Samples:
    """G.711 μ-law and back, then 16 kHz: what the recorder's file gives. shape (n, k) → (2n, k)."""
    file = io.BytesIO()
    soundfile.write(file, np.clip(samples, -1, 1), LINE_RATE, format="WAV", subtype="ULAW")
    file.seek(0)
    coded, _ = soundfile.read(file, dtype="float32", always_2d=True)
    doubled = np.fft.irfft(np.fft.rfft(coded, axis=0), 2 * len(coded), axis=0) * 2
    return doubled.astype(np.float32)


def clips_of(files: Sequence[Path]) -> list[Samples]:
    """Mono files at LINE_RATE."""
    out = []
    for file in files:
        samples, rate = soundfile.read(file, dtype="float32")
        if rate == LINE_RATE and samples.ndim == 1:
            out.append(samples)
    return out


def _steps(clip: Clip) -> list[tuple[int, int]]:
    return [(round(a / STEP_S), round(b / STEP_S)) for a, b in clip.voiced]
