"""From speech probabilities to stretches of speech, in two views of one pass. Pure arithmetic.

The probabilities come from silero (analytics.asr.speech_probabilities): one per FRAME_S of one channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

FRAME_S = 0.032  # silero's step: 512 samples at 16 kHz

Floats = NDArray[np.float32]
Segments = tuple[tuple[float, float], ...]  # start_s, end_s; sorted, disjoint


@dataclass(frozen=True)
class View:
    """How probabilities become segments. Speech begins at `onset` and ends when the probability has stayed under
    `offset` for min_silence_s; then pad_s is put on both sides, and stretches over max_s are cut at their quietest
    frame."""

    min_silence_s: float
    pad_s: float
    min_speech_s: float
    max_s: float = float("inf")
    onset: float = 0.5
    offset: float = 0.35


# for metrics: keeps the gaps between words apart; begins sooner, because what is cut off a word is counted as silence
TIGHT = View(min_silence_s=0.3, pad_s=0.03, min_speech_s=0.1, onset=0.4)
MERGED = View(min_silence_s=0.5, pad_s=0.2, min_speech_s=0.1, max_s=28.0)  # for recognition: whole phrases


QUIETEST_PERCENT = 3
LOUDER_DB = 3.0  # than the quietest of a channel: what is less, and not near it, is its noise
NEAR_S = 0.96  # of what is louder: words begin and end softly, and the detector has to settle


def worth_hearing(channel: Floats, rate: int) -> NDArray[np.bool_]:
    """Which frames of a whole channel the detector is asked about, shape (ceil(n / frame),): in a talk of two a half of
    each channel is the noise of its line, steady to a decibel. channel: float32, shape (n,)."""
    step = round(FRAME_S * rate)
    frames = np.pad(channel, (0, -len(channel) % step)).reshape(-1, step)
    if not len(frames):
        return np.zeros(0, dtype=np.bool_)
    power = np.einsum("ij,ij->i", frames, frames)  # without a second copy: a call of hours fills gigabytes
    louder = power > np.percentile(power, QUIETEST_PERCENT) * 10 ** (LOUDER_DB / 10)
    reach = np.ones(2 * round(NEAR_S / FRAME_S) + 1)
    near: NDArray[np.bool_] = np.convolve(louder, reach, "same")[: len(louder)] > 0
    return near


def segments(probabilities: Floats, duration_s: float, view: View) -> Segments:
    """Stretches of speech in seconds, inside 0..duration_s. probabilities: shape (n,), 0..1, one per FRAME_S."""
    found = [(start, end) for start, end in _runs(probabilities, view) if (end - start) * FRAME_S >= view.min_speech_s]
    cut = [piece for start, end in found for piece in _cut(probabilities, start, end, view)]
    return _padded([(a * FRAME_S, b * FRAME_S) for a, b in cut], duration_s, view.pad_s)


def joined(own: Segments, others: Segments, duration_s: float, view: View) -> Segments:
    """Tight stretches of one of two voices in one channel as the view has them: those that follow each other within
    min_silence_s, with nothing of the other voice between, become one of at most max_s; padded, but never into the
    other voice."""
    longest_s = view.max_s - 2 * view.pad_s
    pieces = [piece for start, end in own for piece in _equal(start, end, longest_s)]
    whole: list[tuple[float, float]] = []
    for start, end in pieces:
        last = whole[-1] if whole else None
        near = last is not None and start - last[1] < view.min_silence_s and end - last[0] <= longest_s
        if near and last is not None and not any(last[1] <= a < start for a, _ in others):
            whole[-1] = (last[0], end)
        else:
            whole.append((start, end))
    everything = sorted([(*stretch, True) for stretch in whole] + [(*stretch, False) for stretch in others])
    padded = _padded([(a, b) for a, b, _ in everything], duration_s, view.pad_s)
    return tuple(stretch for stretch, (_, _, mine) in zip(padded, everything, strict=True) if mine)


def _equal(start: float, end: float, longest_s: float) -> list[tuple[float, float]]:
    """Equal pieces of at most longest_s."""
    count = max(1, int(np.ceil((end - start) / longest_s)))
    edges = np.linspace(start, end, count + 1).tolist()
    return list(pairwise(edges))


def _runs(probabilities: Floats, view: View) -> list[tuple[int, int]]:
    """Runs of speech by hysteresis, as frame numbers [start, end)."""
    patience = view.min_silence_s / FRAME_S
    runs: list[tuple[int, int]] = []
    start: int | None = None
    quiet_from: int | None = None
    for i, p in enumerate(probabilities.tolist()):
        if start is None:
            if p >= view.onset:
                start, quiet_from = i, None
        elif p >= view.onset:
            quiet_from = None
        elif p < view.offset and quiet_from is None:
            quiet_from = i
        if start is not None and quiet_from is not None and i + 1 - quiet_from >= patience:
            runs.append((start, quiet_from))
            start = quiet_from = None
    if start is not None:
        runs.append((start, quiet_from if quiet_from is not None else len(probabilities)))
    return runs


def _cut(probabilities: Floats, start: int, end: int, view: View) -> list[tuple[int, int]]:
    """Cut [start, end) into pieces that fit max_s with their padding, each at the quietest frame of its later half."""
    longest = (view.max_s - 2 * view.pad_s) / FRAME_S
    pieces = []
    while end - start > longest:
        low, high = start + int(longest / 2), start + int(longest)
        at = low + int(np.argmin(probabilities[low:high]))
        pieces.append((start, at))
        start = at
    return [*pieces, (start, end)]


def _padded(found: list[tuple[float, float]], duration_s: float, pad_s: float) -> Segments:
    """Widen every stretch by pad_s, but never into its neighbour: the gap between two is shared."""
    out = []
    for i, (start, end) in enumerate(found):
        before = (start - found[i - 1][1]) / 2 if i else start
        after = (found[i + 1][0] - end) / 2 if i + 1 < len(found) else duration_s - end
        start, end = start - min(pad_s, before), end + min(pad_s, max(after, 0.0))
        if min(end, duration_s) > start:
            out.append((round(max(start, 0.0), 3), round(min(end, duration_s), 3)))
    return tuple(out)
