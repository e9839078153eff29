"""What is played into legs: lists of files that end, and loops that several legs share.

The engine's player says in a thread of its own that a file is over; here that only puts a mark in a queue. A player
that is no longer wanted is kept for a moment after its last connection has been cut: its "over" may be on the way, and
must still find it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pbx_core.media import wav
from pbx_core.media.wiring import Wiring

SAMPLE_RATE = 8000
PATH_BYTES_MAX = 250  # the engine asserts on paths of 260
SHORTEST_S = 0.02  # the engine takes no file shorter than a packet
REST_S = 1.0  # between the last connection of a player and its end

Make = Callable[[Sequence[Path], "Callable[[], None] | None"], Any]


@dataclass(eq=False)
class _Playing:
    """A player and the legs it speaks into; a list of files has one, a loop any number."""

    port: Any
    token: str = ""
    fault: str = ""
    loop: tuple[Path, ...] = ()
    listeners: set[int] = field(default_factory=set)


class Players:
    """The players of one engine, by leg."""

    def __init__(
        self, make: Make, sink: Any, wiring: Wiring, error: type[Exception], tell: Callable[[int, str, str], None]
    ) -> None:
        """`make(files, over)` gives a playing port that calls `over` at its end, or loops without one; it raises
        `error`. `sink` is a listener that is always there, so that a file runs on while its leg is on hold.
        `tell(handle, token, fault)` reports."""
        self._make = make
        self._sink = sink
        self._wiring = wiring
        self._error = error
        self._tell = tell
        self._by_leg: dict[int, _Playing] = {}
        self._loops: dict[tuple[Path, ...], _Playing] = {}
        self._over: deque[_Playing] = deque()
        self._resting: deque[tuple[float, _Playing]] = deque()

    def __len__(self) -> int:
        """Players that exist now, resting ones included."""
        return len({id(p) for p in self._by_leg.values()}) + len(self._resting)

    def play(self, handle: int, files: Sequence[Path], token: str, loop: bool, mono_s: float) -> None:
        """Play into a leg instead of what it heard."""
        self.stop(handle, mono_s)
        good, fault = _playable(files)
        playing = self._loops.get(good) if loop and good else None
        if playing is None and good:
            try:
                playing = self._begin(good, token, fault, loop)
            except self._error as error:
                fault = f"the engine plays nothing more: {error}"[:200]
        if playing is None:
            self._tell(handle, token, fault)
            return
        playing.listeners.add(handle)
        self._by_leg[handle] = playing
        self._wiring.play(handle, playing.port)

    def stop(self, handle: int, mono_s: float) -> None:
        """The leg hears it no longer; harmless when it heard nothing."""
        self._wiring.unplay(handle)
        playing = self._by_leg.pop(handle, None)
        if playing is None:
            return
        playing.listeners.discard(handle)
        if not playing.listeners:
            self._lay_down(playing, mono_s)

    def turn(self, mono_s: float) -> None:
        """Report what is over, and let go of what has rested."""
        while self._over:
            playing = self._over.popleft()
            for handle in list(playing.listeners):  # none when it was stopped meanwhile
                self.stop(handle, mono_s)
                self._tell(handle, playing.token, playing.fault)
        while self._resting and self._resting[0][0] <= mono_s:
            self._resting.popleft()[1].port = None  # now: it and what it calls at its end refer to each other

    def clear(self) -> None:
        """Drop everything."""
        for playing in [*self._by_leg.values(), *(p for _, p in self._resting)]:
            playing.port = None
        for held in (self._by_leg, self._loops, self._over, self._resting):
            held.clear()

    def _begin(self, files: tuple[Path, ...], token: str, fault: str, loop: bool) -> _Playing:
        playing = _Playing(None, token, fault, files if loop else ())
        playing.port = self._make(files, None if loop else lambda: self._over.append(playing))
        self._wiring.connect(playing.port, self._sink)
        if loop:
            self._loops[files] = playing
        return playing

    def _lay_down(self, playing: _Playing, mono_s: float) -> None:
        self._wiring.part(playing.port, self._sink)
        if playing.loop:
            self._loops.pop(playing.loop, None)
        self._resting.append((mono_s + REST_S, playing))


def _playable(files: Sequence[Path]) -> tuple[tuple[Path, ...], str]:
    """The files that the engine can play, and what is wrong with the first of the others."""
    good, fault = [], "" if files else "nothing to play"
    for path in files:
        if reason := _fault_of(path):
            fault = fault or f"{path.name[:80]}: {reason}"
        else:
            good.append(path)
    return tuple(good), fault


def _fault_of(path: Path) -> str:
    if len(str(path).encode(errors="replace")) > PATH_BYTES_MAX:
        return "its path is too long"
    try:
        info = wav.probe(path)
    except (OSError, ValueError) as error:
        return str(getattr(error, "strerror", None) or error)[:120]
    if (info.sample_rate, info.channels) != (SAMPLE_RATE, 1):
        return f"{info.sample_rate} Hz, {info.channels} channels instead of mono at {SAMPLE_RATE}"
    if not info.sound or info.duration_s < SHORTEST_S:
        return "its header is wrong" if not info.sound else "it is empty"
    return ""
