"""Two voices in one channel told apart by their sound: spectrum and pitch, no trained model. Pure arithmetic.

Frames of 10 ms inside the speech get cepstra (the shape of the voice and of its line) and a pitch. Windows of 1.6 s
are parted in two by their means; then each voice gets a mixture of normal distributions over its frames, and a path
through the recording that does not change the speaker lightly parts the frames anew, until nothing moves.

One voice can be parted in two as well, by its vowels if by nothing else. So the parting is checked: mixtures made from
two thirds of the stretches must recognise the voices in the rest. What this cannot do: who of the two called, more than
two voices, speech of both at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from analytics.vad import Floats, Segments

RATE = 16_000
HOP = 160  # 10 ms
FRAME = 400  # 25 ms
PITCH_FRAME = 640  # 40 ms: two periods of the lowest voice
BANDS = 24
HZ_MIN, HZ_MAX = 150.0, 3600.0  # what a telephone carries
CEPSTRA = 19  # without the first, which is loudness
PITCH_HZ_MIN, PITCH_HZ_MAX = 70.0, 380.0
VOICED_MIN = 0.45  # of the autocorrelation's peak
WINDOW, STEP = 160, 40  # frames: 1.6 s every 0.4 s
SPEECH_S_MIN = 8.0  # less speech tells no two voices apart
BLOCK = 6000  # frames at once: a minute
COMPONENTS = 8
ROUNDS = 8
CHANGE_COST = 60.0  # of a change of the speaker, in nats; inside a stretch of speech
PAUSE_COST = 15.0  # likewise, where there is a pause
PER_FRAME_MAX = 4.0  # nats: one odd frame decides nothing
FOLDS = 3  # odd: speakers who take turns strictly would else be in the same fold each
CHECK = 100  # frames: a voice is recognised by the second
CHECKS_MIN = 4  # of each voice
CERTAIN_MIN = 0.9  # of the seconds of the less certain voice; one voice parted in two stays under 0.8

Frames = NDArray[np.float64]  # shape (n, features)
Labels = NDArray[np.int8]


@dataclass(frozen=True)
class Voices:
    """Where each of two voices speaks, in order of their first word. certainty: share of the seconds of the less
    certain voice in which it is recognised by what was learned elsewhere."""

    first: Segments
    second: Segments
    certainty: float


def separate(samples: Floats, speech: Segments) -> Voices | None:
    """The two voices of a channel; None when there is too little speech, or when they cannot be told apart.

    samples: float32, shape (n,), 16 kHz; speech: its tight stretches in seconds."""
    spans = [(int(a * 100), min(int(b * 100), len(samples) // HOP)) for a, b in speech]
    spans = [(a, b) for a, b in spans if b - a >= 10]
    if sum(b - a for a, b in spans) < SPEECH_S_MIN * 100:
        return None
    frames = np.concatenate([_features(samples, a, b) for a, b in spans])
    frames = (frames - frames.mean(axis=0)) / (frames.std(axis=0) + 1e-9)
    starts = np.cumsum([0] + [b - a for a, b in spans])
    labels = _parted(frames, starts)
    for _ in range(ROUNDS):
        before = labels
        labels = _path(_likelihood(frames, labels), starts)
        if not 0 < labels.sum() < len(labels):
            return None
        if np.array_equal(labels, before):
            break
    certainty = _certainty(frames, labels, starts)
    if certainty < CERTAIN_MIN:
        return None
    first, second = sorted(_segments(labels, spans, starts), key=lambda s: s[0])
    return Voices(first, second, round(certainty, 2))


def _features(samples: Floats, first: int, end: int) -> Frames:
    """Cepstra and pitch of the frames first…end."""
    return np.concatenate([_block(samples, a, min(a + BLOCK, end)) for a in range(first, end, BLOCK)])


def _block(samples: Floats, first: int, end: int) -> Frames:
    count = end - first
    low, high = first * HOP - PITCH_FRAME // 2, (end - 1) * HOP + PITCH_FRAME // 2
    piece = np.pad(samples[max(low, 0) : high].astype(np.float64), (max(-low, 0), max(high - len(samples), 0)))
    wide = np.lib.stride_tricks.sliding_window_view(piece, PITCH_FRAME)[::HOP][:count]
    inner = wide[:, (PITCH_FRAME - FRAME) // 2 : (PITCH_FRAME + FRAME) // 2] * np.hanning(FRAME)
    power = np.abs(np.fft.rfft(inner, 512, axis=1)) ** 2
    logs = np.log(power @ _FILTERS.T + 1e-7)
    return np.concatenate([logs @ _COSINES.T, _pitch(wide)[:, None]], axis=1)


def _pitch(frames: Frames) -> NDArray[np.float64]:
    """Octaves above PITCH_HZ_MIN; where there is no pitch, the median."""
    whole = frames - frames.mean(axis=1, keepdims=True)
    spectrum = np.abs(np.fft.rfft(whole, 2 * PITCH_FRAME, axis=1)) ** 2
    correlation = np.fft.irfft(spectrum, axis=1)[:, :PITCH_FRAME]
    correlation /= np.maximum(correlation[:, :1], 1e-9) * (1 - np.arange(PITCH_FRAME) / PITCH_FRAME)
    low, high = int(RATE / PITCH_HZ_MAX), int(RATE / PITCH_HZ_MIN)
    at = correlation[:, low:high].argmax(axis=1)
    peak = correlation[np.arange(len(at)), at + low]
    pitch = np.log2(RATE / (at + low) / PITCH_HZ_MIN)
    voiced = peak >= VOICED_MIN
    return np.where(voiced, pitch, np.median(pitch[voiced]) if voiced.any() else 1.0)


def _parted(frames: Frames, starts: NDArray[np.int64]) -> Labels:
    """A first guess: two-means over windows, begun at the two ends of the direction in which they differ most."""
    edges = [
        (a, min(a + WINDOW, end))
        for start, end in pairwise(starts)
        for a in range(start, max(end - WINDOW // 2, start + 1), STEP)
    ]
    means = np.stack([frames[a:b].mean(axis=0) for a, b in edges])
    weight = np.array([b - a for a, b in edges], dtype=np.float64)
    means[:, -1] *= 2.0
    _, _, axes = np.linalg.svd((means - means.mean(axis=0)) * np.sqrt(weight)[:, None], full_matrices=False)
    side = (means - means.mean(axis=0)) @ axes[0] > 0
    for _ in range(20):
        if side.all() or not side.any():
            break
        centres = [np.average(means[side == s], axis=0, weights=weight[side == s]) for s in (False, True)]
        side = ((means - centres[1]) ** 2).sum(axis=1) < ((means - centres[0]) ** 2).sum(axis=1)
    votes = np.zeros(len(frames))
    for (a, b), s in zip(edges, side, strict=True):
        votes[a:b] += 1 if s else -1
    return (votes > 0).astype(np.int8)


def _likelihood(frames: Frames, labels: Labels) -> NDArray[np.float64]:
    """Per frame: how much likelier the second voice is than the first, in nats."""
    told = [_mixture(frames[labels == s]) for s in (0, 1)]
    ratio = _density(frames, told[1]) - _density(frames, told[0])
    return np.clip(ratio, -PER_FRAME_MAX, PER_FRAME_MAX)


Mixture = tuple[NDArray[np.float64], Frames, Frames]  # weights, means, variances


def _mixture(frames: Frames) -> Mixture:
    """Normal distributions with independent features, by expectation and maximisation from a fixed beginning."""
    count = max(1, min(COMPONENTS, len(frames) // 100))
    order = np.argsort(frames[:, 0], kind="stable")
    means = np.stack([part.mean(axis=0) for part in np.array_split(frames[order], count)])
    variances = np.tile(frames.var(axis=0) + 0.05, (count, 1))
    weights = np.full(count, 1 / count)
    for _ in range(10):
        logs = _logs(frames, (weights, means, variances))
        share = np.exp(logs - np.logaddexp.reduce(logs, axis=1, keepdims=True))
        total = share.sum(axis=0) + 1e-6
        weights = total / total.sum()
        means = share.T @ frames / total[:, None]
        variances = np.maximum(share.T @ frames**2 / total[:, None] - means**2, 0.05)
    return weights, means, variances


def _logs(frames: Frames, mixture: Mixture) -> Frames:
    weights, means, variances = mixture
    square = frames**2 @ (1 / variances).T - 2 * frames @ (means / variances).T + (means**2 / variances).sum(axis=1)
    return np.log(weights) - 0.5 * (square + np.log(2 * np.pi * variances).sum(axis=1))


def _density(frames: Frames, mixture: Mixture) -> NDArray[np.float64]:
    density: NDArray[np.float64] = np.logaddexp.reduce(_logs(frames, mixture), axis=1)
    return density


def _path(ratio: NDArray[np.float64], starts: NDArray[np.int64]) -> Labels:
    """The likeliest course of speakers, changes costing CHANGE_COST, in a pause PAUSE_COST (Viterbi)."""
    cost = np.full(len(ratio), CHANGE_COST)
    cost[starts[:-1]] = PAUSE_COST
    best = np.zeros(2)
    came = np.zeros((len(ratio), 2), dtype=np.int8)
    gain = np.stack([-ratio / 2, ratio / 2], axis=1)
    for i in range(len(ratio)):
        change = best[::-1] - cost[i]
        came[i] = change > best
        best = np.maximum(best, change) + gain[i]
    labels = np.zeros(len(ratio), dtype=np.int8)
    state = int(best.argmax())
    for i in range(len(ratio) - 1, -1, -1):
        labels[i] = state
        if came[i, state]:
            state = 1 - state
    return labels


def _certainty(frames: Frames, labels: Labels, starts: NDArray[np.int64]) -> float:
    """How well each voice is recognised in stretches that its mixture was not made from; the worse of the two."""
    fold = np.repeat(np.arange(len(starts) - 1) % FOLDS, np.diff(starts))
    ratio = np.zeros(len(frames))
    for held_out in range(FOLDS):
        learned, asked = fold != held_out, fold == held_out
        if min(np.count_nonzero(labels[learned] == s) for s in (0, 1)) < CHECK:
            return 0.0
        told = [_mixture(frames[learned & (labels == s)]) for s in (0, 1)]
        difference = _density(frames[asked], told[1]) - _density(frames[asked], told[0])
        ratio[asked] = np.clip(difference, -PER_FRAME_MAX, PER_FRAME_MAX)
    right: tuple[list[bool], list[bool]] = ([], [])
    for start, end in pairwise(starts):
        for a in range(start, end - CHECK + 1, CHECK):
            share = float(labels[a : a + CHECK].mean())
            if share <= 0.1 or share >= 0.9:
                side = int(share > 0.5)
                right[side].append(bool((ratio[a : a + CHECK].mean() > 0) == bool(side)))
    return min(sum(r) / len(r) if len(r) >= CHECKS_MIN else 0.0 for r in right)


def _segments(labels: Labels, spans: list[tuple[int, int]], starts: NDArray[np.int64]) -> tuple[Segments, Segments]:
    out: tuple[list[tuple[float, float]], list[tuple[float, float]]] = ([], [])
    for (first, _), start, end in zip(spans, starts[:-1], starts[1:], strict=True):
        own = labels[start:end]
        edges = [0, *(np.flatnonzero(np.diff(own)) + 1).tolist(), len(own)]
        for a, b in pairwise(edges):
            out[own[a]].append(((first + a) / 100, (first + b) / 100))
    return tuple(out[0]), tuple(out[1])


def _mel_filters() -> Frames:
    def mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
        return 1127 * np.log1p(hertz / 700)

    centres = np.linspace(mel(np.array([HZ_MIN]))[0], mel(np.array([HZ_MAX]))[0], BANDS + 2)
    at = mel(np.fft.rfftfreq(512, 1 / RATE))
    rising = (at - centres[:-2, None]) / (centres[1] - centres[0])
    return np.maximum(0, np.minimum(rising, 2 - rising))


_FILTERS = _mel_filters()
_COSINES = np.cos(np.pi * np.arange(1, CEPSTRA + 1)[:, None] * (np.arange(BANDS) + 0.5) / BANDS)
