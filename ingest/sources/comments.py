"""Reviewers' comments of the operational database as a source."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from ingest.sources.changed import ChangedRows
from pbx_core.domain.records import CommentRecord
from pbx_core.store.schema import comment


class CommentSource(ChangedRows):
    """Rows of `comment`."""

    def __init__(self, engine: sa.Engine, origin: str = "") -> None:
        super().__init__(engine, comment, "comments", "comment", _record, origin)


def _record(row: sa.Row[Any]) -> CommentRecord:
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
