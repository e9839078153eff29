"""Values of foreign records as ours: text without what no table takes, numbers and times only where they are some."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from ingest.imports.raw import RAW_LEG

# In SQL: a text as seconds; null for what is none, or longer than a year (times would leave the calendar).
SECONDS_SQL = """
    CREATE OR REPLACE TEMP MACRO seconds(value) AS
    CASE WHEN try_cast(value AS DOUBLE) BETWEEN 0 AND 31622400 THEN try_cast(value AS DOUBLE) END
"""
TEXT_CHARS_MAX = 4000  # of one value are kept
FIRST = datetime(1990, 1, 1, tzinfo=UTC)  # no exchange of these formats is older
_LAST = datetime(2100, 1, 1, tzinfo=UTC)


def text(value: Any) -> str | None:
    """A value as text; None for what is no single value. NUL and lone surrogates are taken away."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value)[:TEXT_CHARS_MAX].replace("\0", "").encode("utf-8", "ignore").decode()


def number(value: Any) -> float | None:
    """A finite number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def moment(epoch_s: float | None) -> datetime | None:
    """Seconds since 1970 as a time; None for 0 (never) and for times in which no exchange stood."""
    if not epoch_s or not FIRST.timestamp() < epoch_s < _LAST.timestamp():
        return None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=epoch_s)


def iso(value: Any) -> datetime | None:
    """An RFC 3339 time with its zone; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo and FIRST < found < _LAST else None


def rows(found: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows as RAW_LEG; what a row does not name is null."""
    return pa.Table.from_pylist([dict(row) for row in found], RAW_LEG)
