"""Keeps the tables `conversation` and `conversation_call` in line with the calls, in the writer's transaction.

    DERIVATION.refresh(con)   what the calls named in `changed_call` can have changed
    DERIVATION.rebuild(con)   everything

Both go the same way, slice by slice of time: read a window of calls around those that changed, join and class them,
link them with their neighbours, and write the rows that differ. What is written depends on the calls alone, never on
the order in which they came.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import duckdb

from analytics.conversations import classing, joining, linking
from analytics.conversations.rules import TO_RECOVER

__all__ = ["DERIVATION", "TO_RECOVER", "Conversations"]

SLICE_CALLS = (
    150_000  # changed calls worked on at once: the writer has 1 GB of memory, and no step should have to spill
)

_WRITE = (
    # Bounds of time let files be skipped.
    """
    DELETE FROM lk.main.conversation WHERE started_at BETWEEN $far_low AND $far_high
      AND (tenant_id, conversation_id) IN (SELECT tenant_id, conversation_id FROM cv_gone)
    """,
    "INSERT INTO lk.main.conversation FROM cv_fresh",
    """
    CREATE OR REPLACE TEMP TABLE cv_role AS
    SELECT tenant_id, call_id, conversation_id, role, started_at FROM cv_call
    EXCEPT SELECT tenant_id, call_id, conversation_id, role, started_at FROM cv_kept
    """,
    """
    DELETE FROM lk.main.conversation_call WHERE started_at BETWEEN $low AND $high
      AND (tenant_id, call_id, started_at) IN (
        SELECT k.tenant_id, k.call_id, k.started_at FROM cv_kept AS k
        WHERE (k.tenant_id, k.call_id) IN (SELECT tenant_id, call_id FROM cv_role)
           OR (k.tenant_id, k.call_id, k.started_at) IN (FROM cv_changed)
              AND (k.tenant_id, k.call_id) NOT IN (SELECT tenant_id, call_id FROM cv_call))
    """,
    "INSERT INTO lk.main.conversation_call FROM cv_role",
    """
    INSERT INTO changed_conversation
    SELECT tenant_id, conversation_id, started_at FROM cv_gone
    UNION SELECT tenant_id, conversation_id, started_at FROM cv_fresh
    """,
)
_SLICE = """
    CREATE OR REPLACE TEMP TABLE cv_changed AS
    SELECT * FROM changed_call WHERE started_at >= $since AND started_at < $until
"""
_SPAN = "SELECT min(started_at), max(started_at) FROM cv_changed"
_DAYS = "SELECT date_trunc('day', started_at) AS day, count(*) FROM changed_call GROUP BY ALL ORDER BY ALL"


class Conversations:
    """The derivation `conversations` (see ingest.derived.Derivation)."""

    name = "conversations"

    def refresh(self, con: duckdb.DuckDBPyConnection) -> None:
        """Bring the conversations in line with `changed_call`; name those that changed in `changed_conversation`."""
        for since, until in _slices(con.execute(_DAYS).fetchall()):
            con.execute(_SLICE, {"since": since, "until": until})
            low, high = con.execute(_SPAN).fetchone() or (since, until)
            bounds = _bounds(low, high)
            for sql in (*joining.STEPS, *classing.STEPS, *linking.STEPS, *_WRITE):
                con.execute(sql, {k: v for k, v in bounds.items() if f"${k}" in sql})

    def rebuild(self, con: duckdb.DuckDBPyConnection) -> None:
        """All conversations anew."""
        con.execute("DELETE FROM lk.main.conversation")
        con.execute("DELETE FROM lk.main.conversation_call")
        con.execute("INSERT INTO changed_call SELECT tenant_id, call_id, started_at FROM lk.main.call")
        self.refresh(con)
        con.execute("DELETE FROM changed_call")


def _bounds(low: datetime, high: datetime) -> dict[str, Any]:
    """Windows of time around the changed calls: read, central (whole in it), linked, read for links."""
    margin, span, reach, far = joining.MARGIN, joining.SPAN, linking.REACH, linking.FAR
    return {
        "low": low - margin, "high": high + margin,
        "central_low": low - span, "central_high": high + span,
        "reach_low": low - reach, "reach_high": high + reach,
        "far_low": low - far, "far_high": high + far,
    }  # fmt: skip


def _slices(days: list[tuple[datetime, int]]) -> list[tuple[datetime, datetime]]:
    """Whole days, together about SLICE_CALLS."""
    out: list[tuple[datetime, datetime]] = []
    first, calls = None, 0
    for day, count in days:
        first, calls = first or day, calls + count
        if calls >= SLICE_CALLS:
            out.append((first, day + timedelta(days=1)))
            first, calls = None, 0
    if first is not None:
        out.append((first, days[-1][0] + timedelta(days=1)))
    return out


DERIVATION = Conversations()
