"""Reads what was put aside in batches, each column as one format needs it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from analytics.export.frozen import ROW_GROUP_ROWS
from analytics.export.subjects import Column

CHUNK_BYTES = 256 * 1024  # of a finished file, handed on at once


def batches(path: Path, columns: tuple[Column, ...], forms: dict[str, str], time_zone: str) -> Iterator[pa.RecordBatch]:
    """The rows of a Parquet file in their order. forms: for a column's kind an expression over {c}; others stay."""
    chosen = ", ".join(forms.get(c.kind, "{c}").replace("{c}", f'"{c.name}"') + f' AS "{c.name}"' for c in columns)
    con = duckdb.connect()
    try:
        con.execute("SET threads=1")  # one reader, in order, a row group at a time
        con.execute("SET memory_limit='256MB'")
        con.execute("SET TimeZone=?", [time_zone])
        found = con.execute(f"SELECT {chosen} FROM read_parquet(?)", [str(path)])  # noqa: S608 - our own names
        yield from found.to_arrow_reader(ROW_GROUP_ROWS)
    finally:
        con.close()


def file(path: Path) -> Iterator[bytes]:
    """A finished file."""
    with path.open("rb") as content:
        while chunk := content.read(CHUNK_BYTES):
            yield chunk
