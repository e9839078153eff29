"""Imports on the disk: those that wait to be loaded or taken out, that nobody finished, that are damaged; measured and
judged."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from analytics.health.judge import EXAMPLES, LAG_BAD_S, count, span
from analytics.health.types import Check, Level
from ingest.imports import staging, undone
from ingest.sources.imported import LOADED, REFUSED, SOURCE
from pbx_core.domain import records
from pbx_core.settings import Settings

UNFINISHED = ".part"  # how its folder ends until all is read


@dataclass
class Staged:
    """Folders of imports, named tenant/import. waiting: whole and not loaded; unfinished: begun, and no import of the
    tenant is under way; undoing: being taken out for long; refused: damaged. looked_at: how many there are."""

    looked_at: int = 0
    waiting: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    undoing: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    under_way: int = 0
    oldest_s: float = 0.0  # of those that wait


def staged(settings: Settings, positions: dict[tuple[str, str], int], tenant_id: str | None, now: datetime) -> Staged:
    """Of one tenant, or of all. positions: (source, segment) → how far it is read."""
    found = Staged()
    for folder in _folders(settings, tenant_id):
        name = f"{folder.parent.name}/{folder.name}"
        position = positions.get((SOURCE, name))
        found.looked_at += 1
        if folder.suffix == undone.SUFFIX:
            note = undone.read(folder)
            if note and not note.done and _age_s(note.undone_at, now) > LAG_BAD_S:
                found.undoing.append(name)
        elif folder.suffix == UNFINISHED:
            if _under_way(folder.parent):
                found.under_way += 1
            else:
                found.unfinished.append(name)
        elif position == REFUSED:
            found.refused.append(name)
        elif position != LOADED:
            _wait(found, folder, name, now)
    return found


def judged(found: Staged) -> Check:
    """Whether what was brought in from other exchanges is in the figures."""
    figures: dict[str, float | str | None] = {
        "waiting": len(found.waiting),
        "oldest_s": round(found.oldest_s),
        "unfinished": len(found.unfinished),
        "undoing": len(found.undoing),
        "damaged": len(found.refused),
        "under_way": found.under_way,
    }
    says, remedies, level = [], [], Level.OK
    if found.refused:
        says.append(f"{count(len(found.refused), 'import')} on the disk cannot be loaded: the files are damaged.")
        remedies.append("Damaged: remove the folder below <data>/imports and run `callbench import` again.")
        level = Level.BAD
    if found.unfinished:
        says.append(f"{count(len(found.unfinished), 'import')} begun and not finished; nothing of it counts yet.")
        remedies.append("Not finished: the same `callbench import` goes on where it stopped.")
        level = max(level, Level.WARN, key=list(Level).index)
    if found.undoing:
        says.append(f"{count(len(found.undoing), 'import')} should be taken out, and that is not finished.")
        remedies.append("To be taken out: run `callbench import undo` again.")
        level = max(level, Level.WARN, key=list(Level).index)
    if found.waiting:
        one = len(found.waiting) == 1
        says.append(f"{count(len(found.waiting), 'import')} {'waits' if one else 'wait'} to be loaded, the oldest for "
                    f"{span(found.oldest_s)}.")  # fmt: skip
        if found.oldest_s > LAG_BAD_S:
            remedies.append("Waiting: they are loaded one after another. If none is, read logs/ingest.log.")
            level = max(level, Level.WARN, key=list(Level).index)
    if found.under_way:
        says.append("An import is being read now.")
    examples = (*found.refused, *found.unfinished, *found.undoing, *found.waiting)[:EXAMPLES]
    said = " ".join(says) or "Every import is loaded."
    return Check("imports", "Imports", level, said, " ".join(remedies), figures, examples)


def _folders(settings: Settings, tenant_id: str | None) -> Iterator[Path]:
    pattern = f"{tenant_id or '*'}/*"
    for folder in sorted((settings.data / "imports").glob(pattern)):
        if folder.suffix in ("", UNFINISHED, undone.SUFFIX) and folder.is_dir():
            yield folder


def _wait(found: Staged, folder: Path, name: str, now: datetime) -> None:
    try:
        manifest = staging.read_manifest(folder)
    except ValueError:
        manifest = None  # the writer refuses it in its next round
    found.waiting.append(name)
    if manifest is not None:
        found.oldest_s = max(found.oldest_s, _age_s(manifest.imported_at, now))


def _age_s(at: str, now: datetime) -> float:
    return (now - records.parse_iso(at)).total_seconds()


def _under_way(folder: Path) -> bool:
    """Whether somebody holds the tenant's lock."""
    try:
        fd = os.open(folder / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False
