"""Which Parquet files make up tables of the warehouse in one snapshot, and which of their rows are deleted.

For engines that read the files themselves (analytics/spark.py); DuckLake's own rules, docs/decisions/0017.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from analytics.queries.reader import SNAPSHOT, Reader
from ingest import tables
from pbx_core.errors import ConfigError, InputError
from pbx_core.settings import Settings

NAMES = tuple(t.name for t in tables.FACTS)
_REMEDY = "Make the warehouse anew: the journals hold every record."
_CHANGED = """
    SELECT t.table_name, c.column_name
    FROM {catalog}.ducklake_column AS c JOIN {catalog}.ducklake_table AS t USING (table_id)
    WHERE t.table_name IN (SELECT unnest($names)) AND t.end_snapshot IS NULL
      AND (c.end_snapshot IS NOT NULL OR c.begin_snapshot > t.begin_snapshot)
"""
_KEPT = """
    SELECT t.table_name, p.place
    FROM {catalog}.ducklake_table AS t
    JOIN (SELECT table_id, table_name AS place FROM {catalog}.ducklake_inlined_data_tables
          UNION ALL SELECT table_id, 'ducklake_inlined_delete_' || table_id FROM {catalog}.ducklake_table) AS p
      USING (table_id)
    WHERE t.table_name IN (SELECT unnest($names)) AND t.end_snapshot IS NULL
"""


@dataclass(frozen=True)
class DataFile:
    """A Parquet file; `deletes` names another one with the places of its rows that are deleted, or is None.

    Rows of either with a `_ducklake_internal_snapshot_id` above the snapshot's came (or were deleted) after it.
    """

    path: str
    deletes: str | None


@dataclass(frozen=True)
class Listing:
    """The files by table; a table without rows has none."""

    snapshot: int
    files: dict[str, tuple[DataFile, ...]]


def listing(settings: Settings, names: Sequence[str], snapshot: int | None = None) -> Listing:
    """The files of these tables, all as of one snapshot (default: the newest). InputError for a table or a snapshot
    that there is not; ConfigError when the files alone do not say what the tables hold; Unavailable without a
    warehouse."""
    if unknown := [name for name in names if name not in NAMES] or not names:
        which = f"There is no table {unknown[0][:60]!r}" if names else "No table is named"
        raise InputError(f"{which}; there are {', '.join(NAMES)}.")
    catalog = _Catalog(settings)
    try:
        catalog.check(names)
        return _listed(catalog, names, snapshot)
    finally:
        catalog.close()


class _Catalog(Reader):
    """A reader that looks into the catalog's own tables as well."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        schema = f"callbench_{settings.warehouse_generation}" if settings.warehouse_files else "main"
        self._tables = f"__ducklake_metadata_lk.{schema}"

    def check(self, names: Sequence[str]) -> None:
        """Rows and deletions kept in the catalog are in no file, and a column that was renamed, added or retyped has
        another name or type in older files. Our writer does none of this (INLINE_ROWS); a person's SQL might."""
        known = {"names": list(names)}
        for table, column in (tuple(r.values()) for r in self.rows(_CHANGED.format(catalog=self._tables), known)):
            raise ConfigError(f"The column {table}.{column} was changed after its table was made. {_REMEDY}")
        for table, place in (tuple(r.values()) for r in self.rows(_KEPT.format(catalog=self._tables), known)):
            if self._has_rows(place):
                raise ConfigError(f"Rows of {table} are kept in the catalog, not in files. {_REMEDY}")

    def _has_rows(self, place: str) -> bool:
        with self._connection() as cursor:
            try:
                return cursor.execute(f"SELECT 1 FROM {self._tables}.{place} LIMIT 1").fetchone() is not None  # noqa: S608
            except duckdb.CatalogException:  # it is made with the first row
                return False


def _listed(catalog: Reader, names: Sequence[str], snapshot: int | None) -> Listing:
    """One statement: the catalog is looked at in one state (Reader), and all tables are listed as of one snapshot."""
    which, at = SNAPSHOT, ""
    if snapshot is not None:
        known = [r["snapshot_id"] for r in catalog.rows("FROM ducklake_snapshots('lk')")]
        if snapshot not in known:
            raise InputError(f"There is no snapshot {snapshot}; the newest is {max(known)}, old ones are forgotten.")
        which, at = f"SELECT {int(snapshot)} AS id", f", snapshot_version => {int(snapshot)}"
    each = " UNION ALL ".join(
        f"SELECT '{name}' AS name, data_file, delete_file FROM ducklake_list_files('lk', '{name}'{at})"  # noqa: S608
        for name in names
    )
    rows = catalog.rows(f"SELECT s.id, f.* FROM ({which}) AS s LEFT JOIN ({each}) AS f ON true")  # noqa: S608
    files = {name: tuple(_file(r) for r in rows if r["name"] == name) for name in names}
    return Listing(rows[0]["id"], files)


def _file(row: dict[str, Any]) -> DataFile:
    deletes = row["delete_file"]
    return DataFile(_absolute(row["data_file"]), None if deletes is None else _absolute(deletes))


def _absolute(path: str) -> str:
    return path if "://" in path else str(Path(path).absolute())
