"""Listens to a call piece by piece: where each side speaks, which stretches are finished, which still go on.

The same voice activity and echo guard as for a finished recording, on a window that moves with the call. Stretches are
shorter than there, because whoever reads along does not wait for half a minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics import asr, echo, vad
from analytics.asr import RATE
from analytics.vad import FRAME_S, Floats, Segments, View
from pbx_core.domain.records import Party

PARTIES = (Party.CALLER, Party.CALLEE)  # column 0, column 1
SPOKEN = View(min_silence_s=0.5, pad_s=0.2, min_speech_s=0.1, max_s=12.0)
HISTORY_S = 20.0  # of sound that is kept behind what is finished: the echo guard needs some to know the path
WARM_S = 2.0  # of sound before new frames: the detector's memory has settled by then
_FRAME = round(FRAME_S * RATE)
_TAPS = 32  # of the filter that doubles the rate; even


@dataclass(frozen=True)
class Stretch:
    """A piece of one side's speech. samples: float32, shape (n,), −1..1, 16 kHz. Seconds from the recording's start."""

    party: Party
    start_s: float
    end_s: float
    samples: Floats


@dataclass(frozen=True)
class Noticed:
    """What listening gave: stretches that ended, in order of their end; for each side the one that still goes on."""

    finished: tuple[Stretch, ...]
    going_on: tuple[Stretch, ...]


class Ear:
    """Hears both sides of one call from second `start_s` on. `done_s`: up to where each side's finished stretches were
    given out; a side may begin later than the other, after a crash."""

    def __init__(self, start_s: float, done_s: tuple[float, float] | None = None) -> None:
        self.base_s = start_s  # of the first sample that is kept
        self.done_s = list(done_s or (start_s, start_s))
        self._tails = np.zeros((_TAPS - 1, 2), np.float32)
        self._sound = np.zeros((0, 2), np.float32)
        self._speech: list[Floats] = [np.zeros(0, np.float32), np.zeros(0, np.float32)]

    @property
    def end_s(self) -> float:
        """Up to where everything was listened to."""
        return self.base_s + len(self._speech[0]) * FRAME_S

    def hear(self, samples: NDArray[np.int16]) -> Noticed:
        """The next samples of both sides, int16, shape (n, 2), 8 kHz."""
        self._sound = np.concatenate([self._sound, self._doubled(samples)])
        for column in (0, 1):
            self._detect(column)
        own = [echo.suppress(*self._sides(c), self._speech[c], self._speech[1 - c]) for c in (0, 1)]
        finished: list[Stretch] = []
        going_on: list[Stretch] = []
        for column, party in enumerate(PARTIES):
            for start_s, end_s, over in self._segments(column, own[column]):
                stretch = self._stretch(column, party, start_s, end_s)
                if over:
                    finished.append(stretch)
                    self.done_s[column] = end_s
                else:
                    going_on.append(stretch)
            if not any(s.party is party for s in going_on):
                self.done_s[column] = max(self.done_s[column], self.end_s - SPOKEN.min_silence_s)
        self._forget()
        return Noticed(tuple(sorted(finished, key=lambda s: s.end_s)), tuple(going_on))

    def _segments(self, column: int, speech: Floats) -> Sequence[tuple[float, float, bool]]:
        """start_s, end_s and whether it is over, of all speech that was not given out yet."""
        first = max(0, int(np.ceil((self.done_s[column] - self.base_s) / FRAME_S)))
        from_s = self.base_s + first * FRAME_S
        duration_s = self.end_s - from_s
        found: Segments = vad.segments(speech[first:], duration_s, SPOKEN) if duration_s > 0 else ()
        over_s = SPOKEN.min_silence_s - SPOKEN.pad_s - FRAME_S / 2  # of silence that a finished one has behind it
        return [
            (from_s + start, from_s + end, i + 1 < len(found) or duration_s - end >= over_s)
            for i, (start, end) in enumerate(found)
        ]

    def _stretch(self, column: int, party: Party, start_s: float, end_s: float) -> Stretch:
        first, last = (round((at - self.base_s) * RATE) for at in (start_s, end_s))
        return Stretch(party, round(start_s, 3), round(end_s, 3), np.ascontiguousarray(self._sound[first:last, column]))

    def _sides(self, column: int) -> tuple[Floats, Floats]:
        """This side's and the other's sound, of whole frames."""
        whole = len(self._speech[0]) * _FRAME
        return self._sound[:whole, column], self._sound[:whole, 1 - column]

    def _detect(self, column: int) -> None:
        """Speech probabilities of the frames that came. The newest known one is made again: its frame was the last of
        its pass, which the detector sees without its end."""
        known = max(0, len(self._speech[column]) - 1)
        frames = len(self._sound) // _FRAME
        warm = max(0, known - round(WARM_S / FRAME_S))
        piece = np.ascontiguousarray(self._sound[warm * _FRAME : frames * _FRAME, column])
        fresh = asr.speech_probabilities(piece)[known - warm :]
        self._speech[column] = np.concatenate([self._speech[column][:known], fresh])

    def _forget(self) -> None:
        """Let go of sound that is finished on both sides and older than HISTORY_S."""
        keep_s = min(*self.done_s, self.end_s - HISTORY_S)
        frames = max(0, int((keep_s - self.base_s) / FRAME_S))
        if frames * FRAME_S < HISTORY_S / 2:  # not with every piece: it copies the rest
            return
        self.base_s += frames * FRAME_S
        self._sound = self._sound[frames * _FRAME :].copy()
        self._speech = [s[frames:].copy() for s in self._speech]

    def _doubled(self, samples: NDArray[np.int16]) -> Floats:
        """8 kHz to 16 kHz: between every two samples the one that a band-limited signal has there. Late by half the
        filter, 2 ms."""
        if not len(samples):
            return np.zeros((0, 2), np.float32)
        joined = np.concatenate([self._tails, samples.astype(np.float32) / 32768])
        self._tails = joined[len(joined) - (_TAPS - 1) :]
        out = np.empty((2 * len(samples), 2), np.float32)
        out[0::2] = joined[_TAPS // 2 - 1 : _TAPS // 2 - 1 + len(samples)]
        for column in (0, 1):
            out[1::2, column] = np.convolve(joined[:, column], _BETWEEN, "valid")
        return out


def _between() -> Floats:
    """The filter that finds the value half-way between samples: a windowed sinc of _TAPS."""
    at = np.arange(_TAPS) - (_TAPS - 1) / 2
    taps = np.sinc(at) * np.kaiser(_TAPS, 8.0)
    return (taps / taps.sum()).astype(np.float32)


_BETWEEN = _between()
