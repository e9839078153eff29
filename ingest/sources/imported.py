"""Staged imports as a source, and those that are undone: one in a round, whole files by SQL in its transaction."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import duckdb

from ingest.batch import Batch, Offset, Offsets
from ingest.imports import load, staging, undone, unload
from pbx_core import log
from pbx_core.settings import Settings

SOURCE = "imports"
# The position of an import's offset. REFUSED: its staged files are damaged. UNDONE: taken out again; it may come back.
REFUSED, LOADED, UNDONE = 0, 1, 2

_log = log.get(__name__)


class ImportedSource:
    """Undoes what is to be undone, then loads each finished import once, the oldest first; again after `--rebuild`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._told: set[str] = set()  # faults of staged imports, each once

    def gather(self, offsets: Offsets, batch: Batch) -> bool:
        """Add one import that is not undone yet, else the oldest that is not loaded; whether another waits."""
        root = self._settings.data / "imports"
        if not root.is_dir():
            return False
        return self._undo(root, offsets, batch) or self._load(root, offsets, batch)

    def _undo(self, root: Path, offsets: Offsets, batch: Batch) -> bool:
        """Behind the records that were written before: a warehouse made anew reads old transcripts first. While another
        import of the tenant is damaged it waits: what that one tells of the same calls could not come back."""
        for folder in root.glob(f"*/*{undone.SUFFIX}"):
            note = undone.read(folder)
            if note is None or _position(offsets, f"{note.tenant_id}/{note.import_id}") == UNDONE:
                continue
            if (fault := staging.damaged(self._settings, note.tenant_id)) is not None:
                if fault not in self._told:
                    _log.error("undoing an import waits", extra={"segment": note.import_id, "reason": fault[:300]})
                    self._told.add(fault)
                continue
            if batch.rows and (batch.oldest_at or note.undone_at) <= note.undone_at:
                return True
            batch.bulk.append(partial(unload.unload, settings=self._settings, folder=folder, note=note))
            batch.advance(Offset(SOURCE, f"{note.tenant_id}/{note.import_id}", UNDONE, 0, True))
            return True
        return False

    def _load(self, root: Path, offsets: Offsets, batch: Batch) -> bool:
        waiting = []
        for folder in root.glob("*/*"):
            segment = f"{folder.parent.name}/{folder.name}"
            if _position(offsets, segment) in (REFUSED, LOADED) or folder.suffix or not folder.is_dir():
                continue
            try:
                manifest = staging.read_manifest(folder)
                if manifest is None:
                    continue
                staging.check(folder, manifest)
            except (ValueError, OSError) as error:
                self._refuse(segment, str(error), batch)
                continue
            waiting.append((manifest.imported_at, segment, folder, manifest))
        waiting.sort(key=lambda item: item[:2])
        if waiting:
            _, segment, folder, manifest = waiting[0]
            batch.bulk.append(_loader(folder, manifest))
            batch.advance(Offset(SOURCE, segment, LOADED, manifest.rows, True))
        return len(waiting) > 1

    def _refuse(self, segment: str, reason: str, batch: Batch) -> None:
        """A staged import that is damaged is told once and left; importing again makes it anew."""
        _log.error("staged import refused", extra={"segment": segment, "reason": reason[:300]})
        batch.reject(SOURCE, segment, 0, 0, reason, b"")
        batch.advance(Offset(SOURCE, segment, REFUSED, 0, True))


def _position(offsets: Offsets, segment: str) -> int | None:
    known = offsets.get((SOURCE, segment))
    return None if known is None else known.position


def _loader(folder: Path, manifest: staging.Manifest) -> Callable[[duckdb.DuckDBPyConnection], int]:
    return partial(load.load, folder=folder, manifest=manifest)
