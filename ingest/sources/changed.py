"""A table of the operational database as a source: whatever changed in it since the last round."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from ingest.batch import Batch, Offset, Offsets

ROWS_MAX = 5000  # in one round


class ChangedRows:
    """Reads rows in the order of changed_seq, which grows with every change, deletion included."""

    def __init__(
        self, engine: sa.Engine, table: sa.Table, source: str, kind: str, record: Callable[[sa.Row[Any]], Any]
    ) -> None:
        """source: the name under which the offset is kept; kind: of the records that `record` makes of rows."""
        self._engine = engine
        self._table = table
        self._source = source
        self._kind = kind
        self._record = record

    def gather(self, offsets: Offsets, batch: Batch) -> bool:
        """Add what changed to the batch; whether more waits for the next round."""
        seq = self._table.c.changed_seq
        start = offsets.get((self._source, self._kind)) or Offset(self._source, self._kind)
        statement = sa.select(self._table).where(seq > start.position).order_by(seq).limit(ROWS_MAX)
        with self._engine.connect() as connection:
            rows = list(connection.execute(statement).all())
            if len(rows) >= ROWS_MAX:  # a change number may stand on several rows: never stop between them
                last = rows[-1].changed_seq
                rows = [r for r in rows if r.changed_seq < last]
                rows += connection.execute(sa.select(self._table).where(seq == last)).all()
        for row in rows:
            batch.add(self._kind, f"{row.changed_seq:020d}", self._record(row), (self._source, self._kind))
        if rows:
            batch.advance(Offset(self._source, self._kind, rows[-1].changed_seq, start.lines + len(rows)))
        return len(rows) >= ROWS_MAX
