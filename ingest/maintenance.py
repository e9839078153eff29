"""Keeps readers fast: few large files instead of many small ones, no litter.

While files are merged, a reader may see a table empty for a moment: DuckLake's look into a SQLite catalog is not one
snapshot, and a merge removes the rows that describe the old files. So the writer announces its merging in a small
file, and readers look at it before and after a query (see `Epoch`). PostgreSQL shows one moment, so there nobody looks.
Several machines tidy in turn: what one has done, the next finds done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import duckdb

from ingest import tables, warehouse
from ingest.tables import Table
from ingest.writer import transaction
from pbx_core.clock import Clock
from pbx_core.errors import Unavailable
from pbx_core.settings import Settings

KEEP_S = 300  # snapshots and replaced files stay so long: far longer than any reader's query
MERGING_S = 10  # no further merge is begun afterwards: loading waits meanwhile
ORPHAN_S = 86_400  # a file that no snapshot knows may be of another machine's transaction, which never takes so long

# (from, below, files): when so many files of one table and month have a size in bytes within these limits, they and all
# smaller ones are made one. Small ones at once, larger ones when enough have come together: a month's file is not
# written again for the calls of a minute.
_MB = 1 << 20
TIERS = ((16 * _MB, 512 * _MB, 8), (1 * _MB, 16 * _MB, 8), (0, 1 * _MB, 2))
_LIST = """
    SELECT data_file, data_file_size_bytes, delete_file IS NOT NULL FROM ducklake_list_files('lk', ?, schema => 'main')
"""
# Files of which rows were deleted are merged by nobody, and rewritten only when much of them is gone: a conversation of
# an hour in which one was followed up later would stay a file of its own for ever. So what is left of them is written
# anew.
_AGAIN = "INSERT INTO lk.main.{table} FROM lk.main.{table} WHERE list_contains($files, filename)"
_GONE = "DELETE FROM lk.main.{table} WHERE list_contains($files, filename)"
# One month at a time: to sort several at once needs more memory than a writer has.
_MERGE = "CALL ducklake_merge_adjacent_files('lk', ?, schema => 'main', max_file_size => ?, max_compacted_files => 1)"
_REWRITE = "CALL ducklake_rewrite_data_files('lk', ?, schema => 'main', delete_threshold => 0.3)"

# A SQLite catalog keeps times as text, and DuckLake 1.5.5 compares "2026-11-22 10:59:10…" with "2026-11-22T10:54:47…":
# all of that day would be older. So old snapshots are named, and times of files are written as they are compared.
_OLD = """
    SELECT snapshot_id FROM ducklake_snapshots('lk')
    WHERE snapshot_time < ? AND snapshot_id < (SELECT max(snapshot_id) FROM ducklake_snapshots('lk'))
"""
_EXPIRE = "CALL ducklake_expire_snapshots('lk', versions => ?)"
_REMOVE = "CALL ducklake_cleanup_old_files('lk', older_than => ?)"
_FILES = "__ducklake_metadata_lk.main.ducklake_files_scheduled_for_deletion"
_TEXT_TIMES = "SELECT 1 FROM ducklake_settings('lk') WHERE catalog_type = 'sqlite'"
_COMPARABLE = f"UPDATE {_FILES} SET schedule_start = replace(schedule_start, ' ', 'T') WHERE schedule_start LIKE '% %'"  # noqa: S608


@dataclass(frozen=True)
class Tidied:
    """What a maintenance round did."""

    merged: int  # tables of which files were merged; when any were, more may be due
    snapshots_expired: int
    files_removed: int


@dataclass(frozen=True)
class _File:
    """One of a table's; torn: rows of it were deleted."""

    path: str
    size: int
    torn: bool

    @property
    def folder(self) -> str:
        return self.path.rpartition("/")[0]


class Epoch:
    """Counts the maintenance rounds in <data>/lake.epoch: odd while one runs (or was killed), even when none does."""

    def __init__(self, settings: Settings) -> None:
        self._path: Path = settings.data / "lake.epoch"

    def read(self) -> int:
        """The count now; 0 before the first round."""
        try:
            return int(self._path.read_text() or "1")
        except (FileNotFoundError, ValueError):
            return 0

    def changed_at(self) -> float | None:
        """When a round last began or ended, epoch seconds; None before the first."""
        try:
            return self._path.stat().st_mtime
        except FileNotFoundError:
            return None

    @contextmanager
    def odd(self) -> Iterator[None]:
        """Announce that files are being merged."""
        count = self.read() // 2 * 2 + 1
        self._write(count)
        yield
        self._write(count + 1)  # not after an error: readers stay careful until a round has ended well

    def _write(self, count: int) -> None:
        scratch = self._path.with_suffix(".tmp")
        scratch.write_text(str(count))
        scratch.replace(self._path)


def tidy(con: duckdb.DuckDBPyConnection, clock: Clock, epoch: Epoch, keep_s: float = KEEP_S) -> Tidied:
    """Apply deletes, merge small files of one month of each table, forget old snapshots, remove their files. Each step
    commits by itself and can be repeated. Unavailable when the catalog is locked."""
    keep = timedelta(seconds=keep_s)
    try:
        with epoch.odd():
            con.execute("SET threads=1")  # two sort no faster and cost twice as much
            merged, begun = 0, clock.monotonic()
            for table in tables.TABLES:
                if clock.monotonic() - begun < MERGING_S:
                    merged += _merge(con, table)
            old = [row[0] for row in con.execute(_OLD, [clock.now() - keep]).fetchall()]
            expired = con.execute(_EXPIRE, [old]).fetchall() if old else []
            if con.execute(_TEXT_TIMES).fetchone():
                con.execute(_COMPARABLE)
            removed = con.execute(_REMOVE, [clock.now() - keep]).fetchall()
    except duckdb.Error as error:
        raise _as_unavailable(error) from error
    return Tidied(merged, len(expired), len(removed))


def _merge(con: duckdb.DuckDBPyConnection, table: Table) -> bool:
    """Make few files of one month's many; whether that was due."""
    files = _files(con, table)
    if any(file.torn for file in files):
        con.execute(_REWRITE, [table.name])
        files = _files(con, table)
    below, due = _due(files)
    if not due:
        return False
    if torn := [file.path for file in due if file.torn]:
        with transaction(con):
            for statement in (_AGAIN, _GONE):
                con.execute(statement.replace("{table}", table.name), {"files": torn})
    con.execute(_MERGE, [table.name, below])
    return True


def _files(con: duckdb.DuckDBPyConnection, table: Table) -> list[_File]:
    return [_File(*row) for row in con.execute(_LIST, [table.name]).fetchall()]


def _due(files: Sequence[_File]) -> tuple[int, list[_File]]:
    """Those of a table's files, all of one folder, that are to become one, and below how many bytes they are."""
    for least, below, enough in TIERS:
        counts = Counter(file.folder for file in files if least <= file.size < below)
        if full := [folder for folder, count in counts.items() if count >= enough]:
            return below, [file for file in files if file.folder == full[0] and file.size < below]
    return 0, []


def remove_orphans(con: duckdb.DuckDBPyConnection, clock: Clock, *, alone: bool) -> int:
    """Remove files that no snapshot knows: what a killed writer left; of those that others may be writing only the old.
    Only for the holder of the writer's lock, before its first round. The number of files."""
    which = "cleanup_all => true" if alone else "older_than => $before"
    values = None if alone else {"before": clock.now() - timedelta(seconds=ORPHAN_S)}
    try:
        return len(con.execute(f"CALL ducklake_delete_orphaned_files('lk', {which})", values).fetchall())
    except duckdb.Error as error:
        raise _as_unavailable(error) from error


def _as_unavailable(error: duckdb.Error) -> Exception:
    if warehouse.is_locked(error):
        return Unavailable("The catalog is locked by another process; maintenance waits for the next time.")
    return error
