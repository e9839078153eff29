"""Reviewers' comments of the operational database as a source: whatever changed since the last round."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa

from ingest.batch import Batch, Offset, Offsets
from pbx_core.domain.records import CommentRecord
from pbx_core.store.schema import comment

SOURCE = "comments"
SEGMENT = "comment"
ROWS_MAX = 5000  # in one round


class CommentSource:
    """Reads rows of `comment` in the order of changed_seq, which grows with every change, deletion included."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def gather(self, offsets: Offsets, batch: Batch) -> bool:
        """Add what changed to the batch; whether more waits for the next round."""
        start = offsets.get((SOURCE, SEGMENT)) or Offset(SOURCE, SEGMENT)
        statement = (
            sa.select(comment)
            .where(comment.c.changed_seq > start.position)
            .order_by(comment.c.changed_seq)
            .limit(ROWS_MAX)
        )
        with self._engine.connect() as connection:
            rows = list(connection.execute(statement).all())
            if len(rows) >= ROWS_MAX:  # a change number may stand on several rows: never stop between them
                last = rows[-1].changed_seq
                rows = [r for r in rows if r.changed_seq < last]
                rows += connection.execute(sa.select(comment).where(comment.c.changed_seq == last)).all()
        for row in rows:
            batch.add("comment", f"{row.changed_seq:020d}", _record(row))
        if rows:
            batch.advance(Offset(SOURCE, SEGMENT, rows[-1].changed_seq, start.lines + len(rows)))
        return len(rows) >= ROWS_MAX


def _record(row: sa.Row[tuple[object, ...]]) -> CommentRecord:
    return CommentRecord(
        comment_id=row.comment_id,
        call_id=row.call_id,
        tenant_id=row.tenant_id,
        author_id=row.author_id,
        at_s=row.at_s,
        text=row.text,
        created_at=datetime.fromtimestamp(row.created_at, UTC),
        deleted=row.deleted_at is not None,
    )
