"""A warehouse beside the data: its catalog in SQLite, its rows in Parquet files. One writer, many readers."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import duckdb

from ingest import renewal
from ingest.places.base import INLINE_ROWS, LAKE, first_line, is_locked, quoted
from pbx_core.clock import Clock
from pbx_core.errors import CallbenchError, ConfigError, Unavailable
from pbx_core.settings import Settings

REMEDY = (
    "Nothing is lost: the journals hold every record. Stop `callbench up`, run `callbench ingest --rebuild` with the "
    "same data directory, and start again."
)
OTHER_VERSION = (
    "The warehouse was made by another version of Callbench. `callbench up` (or `callbench ingest`) makes it anew by "
    "itself and keeps the old one; nothing is lost"
)


class Local:
    """Catalog and files in the data directory."""

    extensions = ("sqlite_scanner", "ducklake")
    remedy = REMEDY
    other_version = OTHER_VERSION
    torn = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.name = str(settings.lake_catalog)
        self.folder = f"{settings.lake_dir}/"

    def made(self) -> bool:
        return self._settings.lake_catalog.exists()

    def check_readable(self) -> None:
        if (under_way := renewal.read(self._settings)) is not None:
            raise Unavailable(under_way.sentence)
        if not self.made():
            raise Unavailable(
                f"There is no warehouse in {self._settings.data} yet. It appears when `callbench up` (or "
                "`callbench ingest`) has run there; then try again."
            )

    def attach(self, con: duckdb.DuckDBPyConnection, busy_timeout_ms: int, *, read_only: bool) -> None:
        options = f"DATA_PATH {quoted(self.folder)}, OVERRIDE_DATA_PATH true, META_BUSY_TIMEOUT {int(busy_timeout_ms)}"
        if read_only:
            options += ", READ_ONLY"
        else:
            self._settings.lake_dir.mkdir(parents=True, exist_ok=True)
            options += f", META_JOURNAL_MODE 'WAL', DATA_INLINING_ROW_LIMIT {INLINE_ROWS}"
        con.execute(f"ATTACH {quoted(f'ducklake:sqlite:{self.name}')} AS {LAKE} ({options})")

    def identity(self) -> int:
        try:
            return self._settings.lake_catalog.stat().st_ino
        except FileNotFoundError:
            return 0

    def turn(self) -> AbstractContextManager[None]:
        return nullcontext()  # ingest.lock does it

    def explained(self, error: duckdb.Error) -> CallbenchError:
        if is_locked(error):
            return Unavailable(f"The catalog {self.name} is locked by another process; trying again helps.")
        return ConfigError(
            f"The warehouse at {self.name} cannot be opened ({first_line(error)}). {REMEDY}",
            error_id="warehouse_damaged",
        )

    def problem(self, error: duckdb.Error) -> str:
        return str(error)

    def close(self) -> None:
        """Nothing is held."""


def present(settings: Settings) -> list[Path]:
    """Catalog and files, as far as they are there."""
    catalog = settings.lake_catalog
    return [p for p in (*catalog.parent.glob(f"{catalog.name}*"), settings.lake_dir) if p.exists()]


def move_to(settings: Settings, target: Path) -> Path:
    """Rename catalog and files out of the way, into the folder target; may be repeated. Hold `exclusive`."""
    target.mkdir(exist_ok=True)
    for path in present(settings):
        path.rename(target / path.name)
    return target


def move_aside(settings: Settings, clock: Clock) -> str | None:
    """Move them to <data>/warehouse-<time>/; the path, or None when there was nothing. Hold `exclusive`. Files are
    kept: a person deletes them when all is well."""
    if not present(settings):
        return None
    return str(move_to(settings, settings.data / f"warehouse-{clock.now():%Y%m%dT%H%M%S%f}"))
