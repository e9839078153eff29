"""The words of a running call, as far as they were heard: one small file per recording that is followed,
`<data>/run/live/<tenant_id>/<recording_id>.json`, replaced as a whole with every change.

Nothing of it is the truth. The transcript made of the finished recording takes its place, so the file goes when the
call ends or nobody looks any more, and no journal and no warehouse ever sees it.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pbx_core.domain import records
from pbx_core.domain.records import Party

UTTERANCES_MAX = 2000  # of one call, the newest; four hours of lively talk have about as many
_ID = re.compile(r"[0-9a-f]{32}")


class State(StrEnum):
    """How the following of a recording stands."""

    LISTENING = "listening"
    UNSUPPORTED = "unsupported"  # a language that the model does not know
    FULL = "full"  # as many calls are followed as the settings allow
    FAILED = "failed"  # no speech model, or sound that cannot be read


@dataclass(frozen=True)
class Line:
    """What one party said without a longer pause. number: counts from 1 in the order of recognition and stays; 0: the
    party still speaks and the words may change. Seconds from the start of the recording."""

    number: int
    party: Party
    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True)
class LiveText:
    """Everything that a reader gets. `epoch` changes when all that was shown is void (another language was meant)."""

    tenant_id: str
    call_id: str
    recording_id: str
    caller_number: str
    callee_number: str
    state: State
    sentence: str = ""  # for people, when there is something to say
    language: str | None = None
    epoch: int = 0
    begins_s: float = 0.0  # what was said before is not here
    heard_s: float = 0.0  # all speech before this second is in the lines
    recorded_s: float = 0.0  # so much sound there was when this was written
    done_s: tuple[float, float] = (0.0, 0.0)  # caller, callee: finished lines end before; to go on after a crash
    lines: tuple[Line, ...] = ()

    @property
    def behind_s(self) -> float:
        """How much speech is not yet in the lines."""
        return max(0.0, round(self.recorded_s - self.heard_s, 1))


def write(live_dir: Path, text: LiveText) -> None:
    """Replace the file; a reader sees the old or the new one. Not fsynced: after a power cut the call is over too."""
    path = _path(live_dir, text.tenant_id, text.recording_id)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = path.with_suffix(".tmp")
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(records.to_json(text), file)
    scratch.rename(path)


def read(live_dir: Path, tenant_id: str, recording_id: str) -> LiveText | None:
    """What is heard of a recording; None while nothing is."""
    try:
        content = json.loads(_path(live_dir, tenant_id, recording_id).read_text())
        text = records.from_json(LiveText, content)
    except (OSError, ValueError):
        return None
    return text if (text.tenant_id, text.recording_id) == (tenant_id, recording_id) else None


def remove(live_dir: Path, tenant_id: str, recording_id: str) -> None:
    """Forget the words."""
    path = _path(live_dir, tenant_id, recording_id)
    path.unlink(missing_ok=True)
    path.with_suffix(".tmp").unlink(missing_ok=True)


def kept(live_dir: Path) -> list[tuple[str, str]]:
    """(tenant_id, recording_id) of all there is, as a process that died may have left it."""
    found = [path for path in live_dir.glob("*/*.json") if _ID.fullmatch(path.stem) and _ID.fullmatch(path.parent.name)]
    return [(path.parent.name, path.stem) for path in found]


def _path(live_dir: Path, tenant_id: str, recording_id: str) -> Path:
    """ValueError unless both are ids of ours and the file lies, links followed, in the tenant's own folder."""
    if not (_ID.fullmatch(tenant_id) and _ID.fullmatch(recording_id)):
        raise ValueError("not an id of ours")
    root = live_dir.resolve()
    path = (root / tenant_id / f"{recording_id}.json").resolve()
    if not path.is_relative_to(root / tenant_id):
        raise ValueError("leads out of the tenant's folder")
    return path
