"""A call that runs, as far as the database and the spool know: its sound is written into the growing files piece by
piece, as a worker's recorders do it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import soundfile
import sqlalchemy as sa

from pbx_core.clock import SystemClock
from pbx_core.demo import dialogues
from pbx_core.domain.records import iso
from pbx_core.media import spool
from pbx_core.settings import Settings
from pbx_core.store import presence
from pbx_core.store.presence import CallRow
from tests.support import spooled

WORKER = "worker-0"
Sides = tuple[spooled.Samples, spooled.Samples]


def dialogue(name: str) -> Sides:
    """Both sides of a demonstration dialogue, int16, 8 kHz."""
    spoken = dialogues.load(name)
    caller, callee = (soundfile.read(path, dtype="int16")[0] for path in (spoken.caller_wav, spoken.callee_wav))
    return caller, callee


@dataclass
class RunningCall:
    """101 talks with 102. `spoken_s`: so much of it is in the files."""

    settings: Settings
    db: sa.Engine
    tenant_id: str
    sides: Sides
    detail: dict[str, object] = field(default_factory=dict)
    state: str = "talking"
    recorded: bool = True
    folder: Path = field(init=False)
    call_id: str = field(init=False)
    spoken_s: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        nothing = self.sides[0][:0]
        self.folder = spooled.make(self.settings.spool_dir, self.tenant_id, nothing, nothing, killed=True, ended=False)
        meta = spool.read_meta(self.folder)
        assert meta
        self.call_id = meta.call_id
        self.tell()

    @property
    def recording_id(self) -> str:
        return self.folder.name

    @property
    def whole_s(self) -> float:
        """How long the dialogue is."""
        return len(self.sides[0]) / spooled.RATE

    def tell(self, **detail: object) -> None:
        """Write the call's row, as its worker does."""
        self.detail |= detail
        seen = {
            "caller": "101",
            "caller_name": "",
            "callee": "102",
            "direction": "internal",
            "since": iso(datetime.now(UTC)),
            "answered_by": "102",
            "queue": "",
            "recording": self.recorded,
            "recording_id": self.recording_id if self.recorded else "",
            "paused": False,
            "legs": {"caller": "101", "callee": "102"},
            **self.detail,
        }
        self.detail = seen
        row = CallRow(self.tenant_id, self.call_id, self.state, ("101", "102"), "", seen)
        presence.write(self.db, SystemClock(), WORKER, [row], [], [])

    def speak(self, seconds: float) -> bool:
        """The next piece of sound reaches the disk; False when all of it has."""
        first = round(self.spoken_s * spooled.RATE)
        last = first + round(seconds * spooled.RATE)
        for name, sound in zip((spool.CALLER_WAV, spool.CALLEE_WAV), self.sides, strict=True):
            with (self.folder / name).open("ab") as file:
                file.write(np.ascontiguousarray(sound[first:last]).tobytes())
        self.spoken_s += seconds
        return last < len(self.sides[0])

    def end(self) -> None:
        """Everybody hangs up."""
        spool.write_end(self.folder, spool.SpoolEnd(datetime.now(UTC), self.spoken_s, False, ()))
        presence.write(self.db, SystemClock(), WORKER, [], [(self.tenant_id, self.call_id)], [])
