"""One call's raw recording: two recorders, the spool folder, and a look now and then whether sound reaches the disk."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from pbx_core.clock import Clock, random_id
from pbx_core.domain.records import Cdr, Party
from pbx_core.errors import Unavailable
from pbx_core.media import spool
from pbx_core.media.port import MediaPort
from pbx_core.settings import Settings

BYTES_PER_S = 16_000  # mono, 8 kHz, 16 bit
BEHIND_S = 3.0  # a file may lag by its buffer (256 ms) and a busy machine; beyond this sound is being lost
FULL_BYTES = 1 << 20  # less free than this: the disk is what is wrong
HEADER_BYTES = 44  # of the WAV files that the engine writes
FINISH_S = 2.0  # the engine closes files in its media clock, 6 to 20 ms after it was told to
RETRY_S = 1.0  # between tries to write the end mark on a full disk
CONSENT_BASIS = "tenant_policy"
FILES = {Party.CALLER: spool.CALLER_WAV, Party.CALLEE: spool.CALLEE_WAV}


@dataclass
class Tape:
    """A running recording. Faults are named once each."""

    recording_id: str
    folder: Path
    port: MediaPort
    clock: Clock
    handles: Mapping[Party, int]
    started: Mapping[Party, float]  # monotonic second of each first sample
    faults: list[str] = field(default_factory=list)
    stopped_mono_s: float | None = None
    tried_mono_s: float = -math.inf

    @classmethod
    def start(
        cls,
        settings: Settings,
        port: MediaPort,
        clock: Clock,
        worker: str,
        call_id: str,
        tenant_id: str,
        handles: Mapping[Party, int],
    ) -> Tape:
        """Start both recorders and note when; Unavailable with the reason when the disk does not allow it."""
        settings.spool_dir.mkdir(parents=True, exist_ok=True)
        usage = shutil.disk_usage(settings.spool_dir)
        if usage.free < settings.disk_stop_share * usage.total:
            raise Unavailable(f"disk_full: recording volume below {settings.disk_stop_share:.0%} free")
        recording_id = random_id()
        folder = spool.folder(settings.spool_dir, tenant_id, recording_id)
        try:
            folder.mkdir(parents=True)
            now = clock.monotonic()
            wall = clock.now()
            started = {party: port.start_recording(handles[party], folder / name) for party, name in FILES.items()}
            first = min(started.values())
            tape = cls(recording_id, folder, port, clock, dict(handles), started)
            meta = spool.SpoolMeta(
                recording_id=recording_id,
                call_id=call_id,
                tenant_id=tenant_id,
                worker=worker,
                started_at=_later(wall, first - now),
                caller_offset_ms=round((started[Party.CALLER] - first) * 1000),
                callee_offset_ms=round((started[Party.CALLEE] - first) * 1000),
                consent_basis=CONSENT_BASIS,
            )
            spool.write_meta(folder, meta)
        except (OSError, Unavailable) as error:
            for handle in handles.values():
                port.stop_recording(handle)
            shutil.rmtree(folder, ignore_errors=True)
            raise Unavailable(f"the recorders could not be started: {error}") from error
        return tape

    def check(self) -> str | None:
        """A new fault, if the files grow slower than time passes."""
        if self.stopped_mono_s is not None or self.faults:
            return None
        now = self.clock.monotonic()
        for party, name in FILES.items():
            try:
                have = (self.folder / name).stat().st_size
            except OSError:
                have = 0
            if have < (now - self.started[party] - BEHIND_S) * BYTES_PER_S:
                full = shutil.disk_usage(self.folder.parent).free < FULL_BYTES
                self.faults.append("disk_full" if full else f"write_error: {name} does not grow")
                return self.faults[-1]
        return None

    def stop(self) -> None:
        """Close both files; the engine finishes them within some milliseconds."""
        self.stopped_mono_s = self.clock.monotonic()
        for handle in self.handles.values():
            self.port.stop_recording(handle)

    def end(self, record: Cdr) -> bool:
        """Say in the spool that the call is over and what is known to be wrong with its sound. False when the files
        are not finished yet or the disk takes nothing: try again."""
        if self.stopped_mono_s is None:
            self.stop()
        now = self.clock.monotonic()
        if now < self.tried_mono_s + RETRY_S or not self._finished(now):
            return False
        self.tried_mono_s = now
        end = spool.SpoolEnd(record.ended_at, record.talk_s, record.aborted, tuple(self.faults))
        try:
            spool.write_end(self.folder, end)
        except OSError:
            return False
        return True

    def _finished(self, now: float) -> bool:
        """Whether both files are whole (their headers know their lengths), or have had time enough."""
        if self.stopped_mono_s is not None and now - self.stopped_mono_s > FINISH_S:
            return True
        return all(_whole(self.folder / name) for name in FILES.values())


def _whole(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            header = file.read(HEADER_BYTES)
            size = file.seek(0, os.SEEK_END)
    except OSError:
        return True
    return size >= HEADER_BYTES and int.from_bytes(header[40:44], "little") == size - HEADER_BYTES


def _later(at: datetime, seconds: float) -> datetime:
    return at + timedelta(seconds=seconds)
