"""A table of the operational database as a source: whatever changed in it since the last round."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from ingest.batch import Batch, Offset, Offsets

ROWS_MAX = 5000  # in one round


def segment(kind: str, origin: str) -> str:
    """Under which the offset of a table's records is kept."""
    return f"{kind}@{origin}" if origin else kind


class ChangedRows:
    """Reads rows in the order of changed_seq, which grows with every change, deletion included."""

    def __init__(
        self,
        engine: sa.Engine,
        table: sa.Table,
        source: str,
        kind: str,
        record: Callable[[sa.Row[Any]], Any],
        origin: str,
    ) -> None:
        """source: the name under which the offset is kept; kind: of the records that `record` makes of rows; origin: of
        this database among those of other machines (ingest.origin)."""
        self._engine = engine
        self._table = table
        self._source = source
        self._kind = kind
        self._record = record
        self._segment = segment(kind, origin)

    def gather(self, offsets: Offsets, batch: Batch) -> bool:
        """Add what changed to the batch; whether more waits for the next round."""
        seq = self._table.c.changed_seq
        start = offsets.get((self._source, self._segment)) or Offset(self._source, self._segment)
        statement = sa.select(self._table).where(seq > start.position).order_by(seq).limit(ROWS_MAX)
        with self._engine.connect() as connection:
            rows = list(connection.execute(statement).all())
            if len(rows) >= ROWS_MAX:  # a change number may stand on several rows: never stop between them
                last = rows[-1].changed_seq
                rows = [r for r in rows if r.changed_seq < last]
                rows += connection.execute(sa.select(self._table).where(seq == last)).all()
        for row in rows:
            batch.add(self._kind, f"{row.changed_seq:020d}", self._record(row), (self._source, self._segment))
        if rows:
            batch.advance(Offset(self._source, self._segment, rows[-1].changed_seq, start.lines + len(rows)))
        return len(rows) >= ROWS_MAX
