"""Records turned into rows and Arrow tables. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from ingest.tables import FAMILIES, Child, Table
from pbx_core.domain import records


def key(kind: str, record: Any) -> tuple[Any, ...]:
    """The key of a record's row within its table."""
    return tuple(getattr(record, name) for name in FAMILIES[kind].table.key)


def row(kind: str, record: Any, stamp: str) -> tuple[Any, ...]:
    """The record's row, values in column order."""
    return tuple(
        stamp if c.name == "stamp" else _OURS[c.name] if c.name in _OURS else _cell(_value(record, c.name))
        for c in FAMILIES[kind].table.columns
    )


def child_rows(child: Child, record: Any) -> Iterable[tuple[Any, ...]]:
    """The rows of a record's parts, values in column order; the parent's ids are put before each."""
    for position, item in enumerate(child.items(record)):
        yield tuple(
            position if c.name == "position" else _cell(getattr(record if c.name in _PARENTS else item, c.name))
            for c in child.table.columns
        )


def _value(record: Any, column: str) -> Any:
    return getattr(record, _FIELD.get(column, column))


_FIELD = {"occurred_at": "at"}  # AT is a keyword of DuckDB
_OURS = {"source": "", "system": ""}  # said of imported calls only
_PARENTS = frozenset({"tenant_id", "call_id", "recording_id"})


def _cell(value: Any) -> Any:
    """A field as a scalar: nested parts become JSON text, enums plain text."""
    if isinstance(value, tuple):
        return dumps([_flat(v) for v in value])
    if isinstance(value, dict):
        return dumps(value)
    return value


def _flat(value: Any) -> Any:
    return [value.text, value.start_s, value.end_s, value.p] if isinstance(value, records.Word) else value


def dumps(value: Any) -> str:
    """Compact JSON; ValueError for numbers that are not finite."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def to_arrow(table: Table, rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    """Rows as an Arrow table; an exception of pyarrow or Python when a value does not fit its column."""
    columns: Iterable[Sequence[Any]] = zip(*rows, strict=True) if rows else [()] * len(table.columns)
    schema = table.schema
    return pa.Table.from_arrays(
        [pa.array(values, type=f.type) for values, f in zip(columns, schema, strict=True)], schema=schema
    )


def check(kind: str, record: Any) -> None:
    """Whether the record fits its tables; ValueError says what does not. For lines that look unusual: the common
    ones are converted by the batch."""
    family = FAMILIES[kind]
    parts = [(family.table, [row(kind, record, "")])]
    parts += [(child.table, list(child_rows(child, record))) for child in family.children]
    for table, rows in parts:
        if any(isinstance(v, float) and not math.isfinite(v) for values in rows for v in values):
            raise ValueError("a number is not finite")
        try:
            to_arrow(table, rows)
        except (pa.ArrowException, OverflowError, UnicodeError, TypeError) as error:
            raise ValueError(f"a value does not fit table {table.name}: {error}") from error


def utc(at: datetime) -> datetime:
    """A time as DuckDB hands it out, in UTC."""
    return at.astimezone(UTC)
