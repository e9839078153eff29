"""What people put right in transcripts, from the operational database."""

from __future__ import annotations

import sqlalchemy as sa

from ingest.sources.changed import ChangedRows
from pbx_core.store.edits import record_of
from pbx_core.store.schema import transcript_edit


class EditSource(ChangedRows):
    """Rows of `transcript_edit`."""

    def __init__(self, engine: sa.Engine, origin: str = "") -> None:
        super().__init__(engine, transcript_edit, "edits", "transcript_edit", record_of, origin)
