"""One raw recording: a segment of a call with its recorders and its spool folder, its pauses, and a look now and then
whether sound reaches the disk."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from pbx_core.clock import Clock, random_id
from pbx_core.domain.records import Party
from pbx_core.errors import Unavailable
from pbx_core.media import spool
from pbx_core.media.port import MediaPort
from pbx_core.settings import Settings

BYTES_PER_S = 16_000  # mono, 8 kHz, 16 bit
BEHIND_S = 3.0  # a file may lag by its buffer (256 ms) and a busy machine; beyond this sound is being lost
BEHIND_AT_END_S = 1.0  # of a file on a full disk
FULL_BYTES = 1 << 20  # less free than this: the disk is what is wrong
HEADER_BYTES = 44  # of the WAV files that the engine writes
FINISH_S = 2.0  # the engine closes files in its media clock, 6 to 20 ms after it was told to
RETRY_S = 1.0  # between tries to write the end mark on a full disk
FILES = {Party.CALLER: spool.CALLER_WAV, Party.CALLEE: spool.CALLEE_WAV}


@dataclass(frozen=True)
class Segment:
    """What is to be recorded: whose call, who speaks. A message in a mailbox has a caller's handle only."""

    call_id: str
    tenant_id: str
    worker: str
    number: int  # of the segment within the call
    kind: str
    consent_basis: str
    handles: Mapping[Party, int]
    numbers: Mapping[Party, str]
    queue: str = ""  # through which the caller came; "" none


@dataclass
class Tape:
    """A running recording. Faults are named once each."""

    recording_id: str
    folder: Path
    port: MediaPort
    clock: Clock
    segment: Segment
    started_at: datetime
    started: Mapping[Party, float]  # monotonic second of each first sample
    faults: list[str] = field(default_factory=list)
    pauses: list[tuple[float, float]] = field(default_factory=list)
    paused_mono_s: float | None = None
    stopped_mono_s: float | None = None
    tried_mono_s: float = -math.inf

    @classmethod
    def start(cls, settings: Settings, port: MediaPort, clock: Clock, segment: Segment) -> Tape:
        """Start the recorders and note when; Unavailable with the reason when the disk does not allow it."""
        settings.spool_dir.mkdir(parents=True, exist_ok=True)
        usage = shutil.disk_usage(settings.spool_dir)
        if usage.free < settings.disk_stop_share * usage.total:
            raise Unavailable(f"disk_full: recording volume below {settings.disk_stop_share:.0%} free")
        recording_id = random_id()
        folder = spool.folder(settings.spool_dir, segment.tenant_id, recording_id)
        try:
            folder.mkdir(parents=True)
            now, wall = clock.monotonic(), clock.now()
            started = {p: port.start_recording(h, folder / FILES[p]) for p, h in segment.handles.items()}
            first = min(started.values())
            started_at = wall + timedelta(seconds=first - now)
            spool.write_meta(folder, _meta(recording_id, segment, started_at, first, started))
        except (OSError, Unavailable) as error:
            for handle in segment.handles.values():
                port.stop_recording(handle)
            shutil.rmtree(folder, ignore_errors=True)
            raise Unavailable(f"the recorders could not be started: {error}") from error
        return cls(recording_id, folder, port, clock, segment, started_at, started)

    @property
    def seconds(self) -> float:
        """How long it has run, or ran."""
        end = self.clock.monotonic() if self.stopped_mono_s is None else self.stopped_mono_s
        return max(0.0, end - min(self.started.values()))

    @property
    def runs(self) -> bool:
        """Whether it has not been stopped."""
        return self.stopped_mono_s is None

    def check(self) -> str | None:
        """A new fault, if the files grow slower than time passes."""
        if not self.runs or self.faults or (party := self._behind(BEHIND_S)) is None:
            return None
        self.faults.append("disk_full" if self._disk_full() else f"write_error: {FILES[party]} does not grow")
        return self.faults[-1]

    def _behind(self, seconds: float) -> Party | None:
        """Whose file lacks more than so many seconds."""
        now = self.clock.monotonic()
        for party, started in self.started.items():
            try:
                have = (self.folder / FILES[party]).stat().st_size
            except OSError:
                have = 0
            if have < (now - started - seconds) * BYTES_PER_S:
                return party
        return None

    def _disk_full(self) -> bool:
        return shutil.disk_usage(self.folder.parent).free < FULL_BYTES

    def pause(self) -> None:
        """Exact silence from now on; harmless when it is so already."""
        if not self.runs or self.paused_mono_s is not None:
            return
        for handle in self.segment.handles.values():
            self.port.mute_recording(handle, True)
        self.paused_mono_s = self.clock.monotonic()

    def resume(self) -> None:
        """Sound again; harmless when it was not paused."""
        if self.paused_mono_s is None:
            return
        for handle in self.segment.handles.values():
            self.port.mute_recording(handle, False)
        self._note_pause()

    def stop(self) -> None:
        """Close the files; the engine finishes them within some milliseconds."""
        if not self.faults and self._disk_full() and self._behind(BEHIND_AT_END_S) is not None:
            self.faults.append("disk_full")  # later nobody could tell
        self.stopped_mono_s = self.clock.monotonic()
        self._note_pause()
        for handle in self.segment.handles.values():
            self.port.stop_recording(handle)

    def end(self) -> bool:
        """Say in the spool that it is over and what is known to be wrong with its sound. False when the files are not
        finished yet or the disk takes nothing: try again."""
        if self.runs:
            self.stop()
        now = self.clock.monotonic()
        if now < self.tried_mono_s + RETRY_S or not self._finished(now):
            return False
        self.tried_mono_s = now
        ended_at = self.started_at + timedelta(seconds=self.seconds)
        end = spool.SpoolEnd(ended_at, round(self.seconds, 3), False, tuple(self.faults), tuple(self.pauses))
        try:
            spool.write_end(self.folder, end)
        except OSError:
            return False
        return True

    def _note_pause(self) -> None:
        if self.paused_mono_s is not None:
            first = min(self.started.values())
            self.pauses.append((round(self.paused_mono_s - first, 3), round(self.clock.monotonic() - first, 3)))
            self.paused_mono_s = None

    def _finished(self, now: float) -> bool:
        """Whether all files are whole (their headers know their lengths), or have had time enough."""
        if self.stopped_mono_s is not None and now - self.stopped_mono_s > FINISH_S:
            return True
        return all(_whole(self.folder / FILES[party]) for party in self.started)


def _meta(
    recording_id: str, segment: Segment, started_at: datetime, first: float, started: Mapping[Party, float]
) -> spool.SpoolMeta:
    return spool.SpoolMeta(
        recording_id=recording_id,
        call_id=segment.call_id,
        tenant_id=segment.tenant_id,
        worker=segment.worker,
        started_at=started_at,
        caller_offset_ms=round((started[Party.CALLER] - first) * 1000),
        callee_offset_ms=round((started.get(Party.CALLEE, first) - first) * 1000),
        consent_basis=segment.consent_basis,
        segment=segment.number,
        kind=segment.kind,
        caller_number=segment.numbers.get(Party.CALLER, ""),
        callee_number=segment.numbers.get(Party.CALLEE, ""),
        queue=segment.queue,
    )


def _whole(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            header = file.read(HEADER_BYTES)
            size = file.seek(0, os.SEEK_END)
    except OSError:
        return True
    return size >= HEADER_BYTES and int.from_bytes(header[40:44], "little") == size - HEADER_BYTES
