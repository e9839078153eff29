"""Staged imports as a source: one import in a round, whole files by SQL in the round's transaction."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import duckdb

from ingest.batch import Batch, Offset, Offsets
from ingest.imports import load, staging
from pbx_core import log
from pbx_core.settings import Settings

SOURCE = "imports"

_log = log.get(__name__)


class ImportedSource:
    """Loads each finished import once, the oldest first; again after `--rebuild`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def gather(self, offsets: Offsets, batch: Batch) -> bool:
        """Add the oldest import that is not loaded; whether another waits."""
        waiting = []
        root = self._settings.data / "imports"
        if not root.is_dir():
            return False
        for folder in root.glob("*/*"):
            segment = f"{folder.parent.name}/{folder.name}"
            if (SOURCE, segment) in offsets or folder.suffix or not folder.is_dir():
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
            batch.advance(Offset(SOURCE, segment, 1, manifest.rows, True))
        return len(waiting) > 1

    def _refuse(self, segment: str, reason: str, batch: Batch) -> None:
        """A staged import that is damaged is told once and left; importing again makes it anew."""
        _log.error("staged import refused", extra={"segment": segment, "reason": reason[:300]})
        batch.reject(SOURCE, segment, 0, 0, reason, b"")
        batch.advance(Offset(SOURCE, segment, 0, 0, True))


def _loader(folder: Path, manifest: staging.Manifest) -> Callable[[duckdb.DuckDBPyConnection], int]:
    return partial(load.load, folder=folder, manifest=manifest)
