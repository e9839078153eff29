"""One round's worth of rows, rejects and offsets, in memory; the last version of each key only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import duckdb

from ingest import convert

RAW_CHARS_MAX = 2000  # of a rejected line are kept


@dataclass(frozen=True)
class Offset:
    """How far a segment of a source has been read."""

    source: str
    segment: str
    position: int = 0  # bytes; for comments the highest change number
    lines: int = 0  # lines before position
    complete: bool = False
    # What was ever counted of it. In a batch: what the source itself counted in this round; the writer adds the rest.
    loaded: int = 0  # rows of main tables
    rejected: int = 0
    repeated: int = 0  # changed nothing: the same row or a newer one was there already


@dataclass(frozen=True)
class Reject:
    """A line that could not be loaded."""

    source: str
    segment: str
    position: int
    line: int
    reason: str
    raw: str


Origin = tuple[str, str]  # source and segment
Offsets = dict[Origin, Offset]


@dataclass
class Batch:
    """What the sources hand to the writer."""

    rows: dict[str, dict[tuple[Any, ...], tuple[str, Any]]] = field(default_factory=dict)  # kind → key → stamp, record
    origins: dict[tuple[str, tuple[Any, ...]], Origin] = field(default_factory=dict)  # kind, key → where it came from
    repeated: Counter[Origin] = field(default_factory=Counter)  # within this batch
    rejects: list[Reject] = field(default_factory=list)
    offsets: Offsets = field(default_factory=dict)
    # Whole files at once, by SQL, in the round's transaction: each gives the number of rows that it wrote to main
    # tables and INSERTs what it changed into changed_call and changed_queue (see ingest.derived).
    bulk: list[Callable[[duckdb.DuckDBPyConnection], int]] = field(default_factory=list)
    oldest_at: str | None = None  # time of the oldest line, ISO

    def add(self, kind: str, stamp: str, record: Any, origin: Origin) -> None:
        """Take a record unless the same or a later version of its row is here already."""
        rows = self.rows.setdefault(kind, {})
        key = convert.key(kind, record)
        known = rows.get(key)
        if known is None or known[0] < stamp:
            rows[key] = (stamp, record)
            self.origins[kind, key] = origin
        else:
            self.repeated[origin] += 1

    def reject(self, source: str, segment: str, position: int, line: int, reason: str, raw: bytes) -> None:
        """Note a line that cannot be loaded."""
        text = raw[: 4 * RAW_CHARS_MAX].decode("utf-8", "replace")[:RAW_CHARS_MAX]
        self.rejects.append(Reject(source, segment, position, line, reason[:500], text))

    def advance(self, offset: Offset) -> None:
        """Note how far a segment has been read once this batch is committed."""
        self.offsets[(offset.source, offset.segment)] = offset

    @property
    def size(self) -> int:
        """Rows of the main tables."""
        return sum(len(rows) for rows in self.rows.values())
