"""What a table and a column of the warehouse are."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

_ARROW: dict[str, pa.DataType] = {
    "VARCHAR": pa.string(),
    "DOUBLE": pa.float64(),
    "BIGINT": pa.int64(),
    "INTEGER": pa.int32(),
    "BOOLEAN": pa.bool_(),
    "TIMESTAMPTZ": pa.timestamp("us", tz="UTC"),
}

STAMP = "stamp VARCHAR version of the row: the line's time and hash (comment, edit: its change number); highest wins"


@dataclass(frozen=True)
class Column:
    """A column: SQL type (a key of _ARROW) and what a row says in it."""

    name: str
    type: str
    comment: str


@dataclass(frozen=True)
class Table:
    """A table: one row per `grain`, told apart by `key`; partitioned by the month of `month_of`, if it has one. Within
    a file rows lie in the order of the key: what a question wants of one tenant lies together, the rest is skipped."""

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    month_of: str | None = None

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of a batch of rows, columns in table order."""
        return pa.schema([(c.name, _ARROW[c.type]) for c in self.columns])


def columns(text: str) -> tuple[Column, ...]:
    """One column per line: name TYPE comment."""
    return tuple(Column(*line.split(maxsplit=2)) for line in text.strip().splitlines())
