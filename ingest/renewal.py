"""The note that the warehouse is being made anew: <data>/warehouse.renewal.json. While it lies there nobody reads.

It is written before the first file is moved and removed when the last line is loaded, so a killed process leaves
behind how far it came.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path

from pbx_core.settings import Settings


class Phase(StrEnum):
    """MOVING: only files of the old warehouse lie there; LOADING: only files of the new one."""

    MOVING = "moving"
    LOADING = "loading"


@dataclass(frozen=True)
class Renewal:
    """Why the warehouse is made anew, since when (ISO), the name of the old one's folder, and the share loaded 0..1."""

    reason: str
    since: str
    target: str
    phase: Phase = Phase.MOVING
    share: float = 0.0

    @property
    def sentence(self) -> str:
        """For whoever wants to read meanwhile."""
        return (
            f"The figures are being put together anew ({self.share:.0%} done), because {self.reason}. Calls go on and "
            "are recorded; nothing is lost. This page works again when all is loaded."
        )


def _path(settings: Settings) -> Path:
    return settings.data / "warehouse.renewal.json"


def read(settings: Settings) -> Renewal | None:
    """The renewal under way, or None."""
    try:
        found = json.loads(_path(settings).read_text())
        return Renewal(**{**found, "phase": Phase(found["phase"])})
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def write(settings: Settings, renewal: Renewal) -> Renewal:
    """Put the note there, whole or not at all."""
    path = _path(settings)
    scratch = path.with_suffix(".tmp")
    scratch.write_text(json.dumps(asdict(renewal)))
    scratch.replace(path)
    return renewal


def loading(settings: Settings, renewal: Renewal, share: float = 0.0) -> Renewal:
    """Note that the old files are gone, and how much of the new ones is there."""
    return write(settings, replace(renewal, phase=Phase.LOADING, share=min(1.0, max(0.0, share))))


def done(settings: Settings) -> None:
    """Everybody may read again."""
    _path(settings).unlink(missing_ok=True)
