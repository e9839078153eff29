"""A foreign SQLite database, read without touching it: what another process still writes to is copied first."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa

from ingest.imports import lines
from pbx_core.errors import InputError

MAGIC = b"SQLite format 3\0"
WAL_VERSION = 2  # in bytes 18 and 19 of a database whose last changes may lie in the file beside it
ROWS_AT_ONCE = 50_000
_DAMAGED = (sqlite3.Error, UnicodeDecodeError)  # the latter of sqlite3 itself, whose words may be of the damaged part


def is_sqlite(path: Path) -> bool:
    """Whether a file begins like a SQLite database."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def columns(path: Path, table: str) -> dict[str, str]:
    """The columns of a table or view, in lower case → as they are written; empty when it is not there or the database
    is damaged."""
    rows = _asked(path, "SELECT name FROM pragma_table_info(?)", (table,))
    return {row[0].lower(): row[0] for row in rows}


def some(path: Path, table: str, names: Sequence[str], count: int) -> list[tuple[str, ...]]:
    """Some rows of a table as text, spread over it by rowid; none where the database is damaged."""
    values = ", ".join(f"CAST({_quoted(name)} AS TEXT)" for name in names)
    every = f"max(1, (SELECT max(rowid) FROM {_quoted(table)}) / ?)"  # noqa: S608
    sql = f"SELECT {values} FROM {_quoted(table)} WHERE rowid % {every} = 0 LIMIT ?"  # noqa: S608
    return _asked(path, sql, (count, count))


def _asked(path: Path, sql: str, told: tuple[str | int, ...]) -> list[tuple[str, ...]]:
    with tempfile.TemporaryDirectory() as folder:
        still = quote(str(_still(path, Path(folder)).absolute()))
        try:
            with closing(sqlite3.connect(f"file:{still}?mode=ro", uri=True)) as con:
                con.text_factory = lambda raw: raw.decode("utf-8", "replace")
                return [tuple(v or "" for v in row) for row in con.execute(sql, told)]
        except _DAMAGED:
            return []


def blocks(path: Path, table: str, names: Mapping[str, str]) -> Iterator[pa.Table]:
    """All rows of a table, some at a time, as texts: names as the result calls them → as the table does. InputError
    when the database is damaged: what was read before stands."""
    values = ", ".join(f"CAST({_quoted(name)} AS TEXT)" for name in names.values())
    with tempfile.TemporaryDirectory() as folder:
        still = quote(str(_still(path, Path(folder)).absolute()))
        try:
            with closing(sqlite3.connect(f"file:{still}?mode=ro", uri=True)) as con:
                con.text_factory = bytes
                cursor = con.execute(f"SELECT {values} FROM {_quoted(table)}")  # noqa: S608
                while found := cursor.fetchmany(ROWS_AT_ONCE):
                    texts = [lines.strings(pa.array(column, pa.binary())) for column in zip(*found, strict=True)]
                    yield pa.table(texts, list(names))
        except _DAMAGED as error:
            raise InputError(
                f"{path.name} cannot be read as a SQLite database: {error}.", error_id="bad_file"
            ) from error


def _still(path: Path, folder: Path) -> Path:
    """The database where nobody writes: itself, or a copy with its last changes."""
    with path.open("rb") as file:
        header = file.read(20)
    beside = [path.with_name(path.name + end) for end in ("-wal", "-journal")]
    if not any(other.exists() for other in beside) and WAL_VERSION not in header[18:20]:
        return path
    copy = folder / "copy.sqlite"
    shutil.copyfile(path, copy)
    for other in beside:
        if other.is_file() and not other.is_symlink():
            shutil.copyfile(other, folder / f"copy.sqlite{other.name[len(path.name) :]}")
    return copy


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
