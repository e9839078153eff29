"""Sounds that are computed: the tones of the telephone network (ITU-T E.180, 425 Hz) and our music on hold."""

from __future__ import annotations

import numpy as np

from pbx_core.media.level import RATE, Samples, to_telephone_level

TONE_HZ = 425.0
TONE_DB = -15.0
MUSIC_DB = -26.0  # behind what is said
FADE_S = 0.005  # at both ends of a tone, so that it does not click
# name: seconds on, seconds off, how often; they repeat as loops
CADENCES = {
    "ringback": (1.0, 4.0, 1),
    "busy": (0.35, 0.35, 4),
    "congestion": (0.2, 0.2, 6),
}
BEEP_HZ, BEEP_S = 1000.0, 0.4
_BEAT_S = 60 / 76
# one bar each: the bass note and the chord above it, in MIDI numbers
_BARS = (
    (48, (60, 64, 67, 71)),  # C major seventh
    (45, (60, 64, 67, 69)),  # A minor seventh
    (50, (60, 62, 65, 69)),  # D minor seventh
    (43, (59, 62, 65, 69)),  # G ninth
    (52, (59, 62, 64, 67)),  # E minor seventh
    (45, (60, 64, 67, 72)),  # A minor
    (53, (60, 64, 65, 69)),  # F major seventh
    (43, (60, 62, 65, 67)),  # G suspended
)
# one note per bar and half: (bar, beat, note) of a quiet melody over it
_MELODY = (
    *((0, 0.0, 76), (0, 2.5, 74), (1, 0.0, 72), (1, 2.0, 76), (2, 0.0, 77), (2, 2.5, 76), (3, 0.0, 74), (3, 3.0, 71)),
    *((4, 0.0, 71), (4, 2.5, 74), (5, 0.0, 76), (5, 2.0, 72), (6, 0.0, 69), (6, 2.5, 72), (7, 0.0, 74), (7, 2.0, 67)),
)


def tone(name: str) -> Samples | None:
    """One of the network's tones, or the beep before a message; None when there is no such tone."""
    if name == "beep":
        return _hum(BEEP_HZ, BEEP_S)
    if name not in CADENCES:
        return None
    on_s, off_s, times = CADENCES[name]
    return np.tile(np.concatenate([_hum(TONE_HZ, on_s), np.zeros(int(off_s * RATE), np.float32)]), times)


def music() -> Samples:
    """Eight bars (25 s) of broken chords with a melody, made so that the end runs into the beginning."""
    length = int(len(_BARS) * 4 * _BEAT_S * RATE)
    out = np.zeros(length)
    for bar, (bass, chord) in enumerate(_BARS):
        at_s = bar * 4 * _BEAT_S
        _add(out, at_s, bass + 12, 0.5, 2.6)  # a telephone carries nothing under 300 Hz: its overtones sing
        for step, index in enumerate((0, 1, 2, 3, 2, 1, 2, 3)):
            _add(out, at_s + step * _BEAT_S / 2, chord[index], 0.26 if step % 2 else 0.32, 1.4)
    for bar, beat, note in _MELODY:
        _add(out, (bar * 4 + beat) * _BEAT_S, note, 0.5, 2.2)
    return to_telephone_level(out.astype(np.float32), MUSIC_DB)


def _add(out: np.ndarray[tuple[int], np.dtype[np.float64]], at_s: float, note: int, loud: float, ring_s: float) -> None:
    """A plucked string; its tail goes on at the beginning of the loop."""
    hertz = 440.0 * 2 ** ((note - 69) / 12)
    t = np.arange(int(ring_s * RATE)) / RATE
    sound = np.zeros_like(t)
    for k in range(1, 7):
        if hertz * k < 3400:
            sound += np.sin(2 * np.pi * hertz * k * t) * np.exp(-t * (1.5 + 1.1 * k)) / k**1.3
    sound *= np.minimum(1.0, t / 0.006) * np.minimum(1.0, (ring_s - t) / 0.05)
    places = (int(at_s * RATE) + np.arange(len(t))) % len(out)
    out[places] += loud * sound


def _hum(hertz: float, seconds: float) -> Samples:
    t = np.arange(int(seconds * RATE)) / RATE
    edge = np.minimum(1.0, np.minimum(t, seconds - t) / FADE_S)
    made: Samples = (edge * np.sin(2 * np.pi * hertz * t)).astype(np.float32)
    return made * np.float32(10 ** (TONE_DB / 20) * np.sqrt(2))
