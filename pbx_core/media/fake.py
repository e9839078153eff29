"""A scripted engine in virtual time: the second MediaPort, for tests of what the worker does around the real one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pbx_core.errors import Unavailable
from pbx_core.media.port import DialTarget, PortEvent, Signal

WAV_HEADER = 44
BYTES_PER_S = 16_000


@dataclass
class VirtualClock:
    """Time that passes only when told to. `wall` may jump apart from `mono_s`."""

    mono_s: float = 1000.0
    wall: datetime = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    ids: int = 0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.mono_s

    def new_id(self) -> str:
        self.ids += 1
        return f"{self.ids:032x}"

    def advance(self, seconds: float) -> None:
        self.mono_s += seconds
        self.wall += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Asked:
    """One call of a MediaPort method."""

    what: str
    handle: int
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    detail: Any = None


class FakeEngine:
    """Does what it is asked at once and writes it down in `asked`. `callee(handle, target)`, if set, is called for
    every dial and scripts the other phone with `later`. A hung-up leg ends 10 ms later unless it is in `deaf`. A file
    takes `play_s` to be played; who hears whom now stands in `heard`, what loops or plays in `playing`."""

    def __init__(self, clock: VirtualClock, legs: int = 4) -> None:
        self.clock = clock
        self.legs = legs
        self.asked: list[Asked] = []
        self.callee: Callable[[int, DialTarget], None] | None = None
        self.deaf: set[int] = set()
        self.recording_error = ""
        self.frozen_disk = False
        self.play_s = 1.0
        self.heard: set[tuple[int, int]] = set()  # (speaker, listener)
        self.playing: dict[int, tuple[Path, ...]] = {}
        self.muted: set[int] = set()
        self._open: set[int] = set()
        self._last = 0
        self._script: list[tuple[float, int, Signal, dict[str, Any], str]] = []
        self._tapes: dict[int, tuple[Path, float]] = {}

    # the script

    def later(self, after_s: float, handle: int, signal: Signal, *, digit: str = "", **detail: Any) -> None:
        """Something will happen on a leg."""
        self._script.append((self.clock.mono_s + after_s, handle, signal, detail, digit))

    def invite(self, message: str) -> int:
        """An INVITE comes in now."""
        handle = self._new()
        self.later(0.0, handle, Signal.INCOMING, message=message, source="127.0.0.1:5070", account="worker")
        return handle

    def all(self, what: str) -> list[Asked]:
        """What was asked under this name, in order."""
        return [a for a in self.asked if a.what == what]

    # MediaPort

    def pump(self) -> list[PortEvent]:
        now = self.clock.mono_s
        due = sorted((s for s in self._script if s[0] <= now), key=lambda s: s[0])
        self._script = [s for s in self._script if s[0] > now]
        for _, handle, signal, _, _ in due:
            if signal is Signal.ENDED:
                self._forget(handle)
            elif signal is Signal.PLAYED:
                self.playing.pop(handle, None)
        if not self.frozen_disk:
            for path, started in self._tapes.values():
                with path.open("r+b") as file:
                    file.truncate(WAV_HEADER + int((now - started) * BYTES_PER_S))
        return [
            PortEvent(self.clock.wall - timedelta(seconds=now - at), at, handle, signal, detail, digit)
            for at, handle, signal, detail, digit in due
        ]

    def legs_in_use(self) -> int:
        return len(self._open)

    def dial(self, target: DialTarget) -> tuple[int, str]:
        if len(self._open) >= self.legs:
            raise Unavailable("Too many objects (fake)")
        handle = self._new()
        self.asked.append(Asked("dial", handle, headers=target.headers, detail=target))
        if self.callee:
            self.callee(handle, target)
        return handle, f"call-{handle}@fake"

    def ring(self, handle: int, status: int, headers: Mapping[str, str]) -> None:
        self.asked.append(Asked("ring", handle, status, headers))

    def answer(self, handle: int, headers: Mapping[str, str]) -> None:
        self.asked.append(Asked("answer", handle, 200, headers))

    def hangup(self, handle: int, status: int, reason: str, headers: Mapping[str, str]) -> None:
        self.asked.append(Asked("hangup", handle, status, headers, reason))
        if handle in self._open and handle not in self.deaf:
            self.later(0.01, handle, Signal.ENDED, status=status, reason=reason)

    def hear(self, speaker: int, listener: int, on: bool) -> None:
        self.asked.append(Asked("hear", speaker, detail=(listener, on)))
        if on and {speaker, listener} <= self._open:
            self.heard.add((speaker, listener))
        else:
            self.heard.discard((speaker, listener))

    def play(self, handle: int, files: Sequence[Path], token: str, loop: bool) -> None:
        self.asked.append(Asked("play", handle, detail=(tuple(files), token, loop)))
        self._silence(handle)
        if handle not in self._open:
            return
        missing = [path.name for path in files if not path.exists()]
        fault = {"fault": f"{missing[0]}: No such file"} if missing else {}
        if not loop or len(missing) == len(files):
            seconds = self.play_s * (len(files) - len(missing))
            self.later(seconds, handle, Signal.PLAYED, token=token, **fault)
        self.playing[handle] = tuple(files)

    def stop_play(self, handle: int) -> None:
        self.asked.append(Asked("stop play", handle))
        self._silence(handle)

    def mute_recording(self, handle: int, on: bool) -> None:
        self.asked.append(Asked("mute recording", handle, detail=on))
        if on:
            self.muted.add(handle)
        else:
            self.muted.discard(handle)

    def tell_transfer(self, handle: int, status: int, reason: str, final: bool) -> None:
        self.asked.append(Asked("tell transfer", handle, status, detail=(reason, final)))

    def start_recording(self, handle: int, path: Path) -> float:
        if self.recording_error:
            raise Unavailable(self.recording_error)
        path.write_bytes(b"\0" * WAV_HEADER)
        self._tapes[handle] = (path, self.clock.mono_s)
        self.asked.append(Asked("record", handle, detail=path))
        return self.clock.mono_s

    def stop_recording(self, handle: int) -> None:
        if tape := self._tapes.pop(handle, None):
            with tape[0].open("r+b") as file:
                size = file.seek(0, 2)
                file.seek(40)
                file.write((size - WAV_HEADER).to_bytes(4, "little"))
            self.asked.append(Asked("stop recording", handle))

    def send_dtmf(self, handle: int, digit: str, method: str) -> None:
        self.asked.append(Asked("dtmf", handle, detail=(digit, method)))

    def close(self) -> None:
        self._open.clear()

    def _silence(self, handle: int) -> None:
        """What plays into the leg ends here, without PLAYED."""
        self.playing.pop(handle, None)
        self._script = [s for s in self._script if s[1] != handle or s[2] is not Signal.PLAYED]

    def _forget(self, handle: int) -> None:
        self._open.discard(handle)
        self._silence(handle)
        self.heard = {edge for edge in self.heard if handle not in edge}

    def _new(self) -> int:
        self._last += 1
        self._open.add(self._last)
        return self._last
