"""Keeps readers fast: few large files instead of many small ones, no rows in the catalog, no litter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import duckdb

from ingest import warehouse
from pbx_core.clock import Clock
from pbx_core.errors import Unavailable

KEEP_S = 300  # snapshots and replaced files stay so long: far longer than any reader's query


@dataclass(frozen=True)
class Tidied:
    """What a maintenance round did."""

    snapshots_expired: int
    files_removed: int


def tidy(con: duckdb.DuckDBPyConnection, clock: Clock, keep_s: float = KEEP_S) -> Tidied:
    """Move inlined rows to files, apply deletes, merge small files, forget old snapshots, remove their files. Each step
    commits by itself and can be repeated. Unavailable when the catalog is locked."""
    before = clock.now() - timedelta(seconds=keep_s)
    try:
        con.execute("CALL ducklake_flush_inlined_data('lk')")
        con.execute("CALL ducklake_rewrite_data_files('lk', delete_threshold => 0.3)")
        con.execute("CALL ducklake_merge_adjacent_files('lk')")
        expired = con.execute("CALL ducklake_expire_snapshots('lk', older_than => ?)", [before]).fetchall()
        removed = con.execute("CALL ducklake_cleanup_old_files('lk', older_than => ?)", [before]).fetchall()
    except duckdb.Error as error:
        raise _as_unavailable(error) from error
    return Tidied(len(expired), len(removed))


def remove_orphans(con: duckdb.DuckDBPyConnection) -> int:
    """Remove files that no snapshot knows: what a killed writer left. Only for the holder of the writer's lock, before
    its first round. The number of files."""
    try:
        return len(con.execute("CALL ducklake_delete_orphaned_files('lk', cleanup_all => true)").fetchall())
    except duckdb.Error as error:
        raise _as_unavailable(error) from error


def _as_unavailable(error: duckdb.Error) -> Exception:
    if warehouse.is_locked(error):
        return Unavailable("The catalog is locked by another process; maintenance waits for the next time.")
    return error
