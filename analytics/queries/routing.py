"""What calls asked for and what became of them: all that the dialplan needs to place them again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from analytics.queries.reader import Reader
from analytics.queries.types import Scope, period

_PLACED = """
    SELECT call_id, started_at, direction, caller_number, callee_number, did, trunk_id, disposition, menu_path,
           queue_result, destination
    FROM scoped($tenant_id, $extension, $since, $until)
    WHERE direction IN ('internal', 'inbound', 'outbound')
    ORDER BY started_at DESC, call_id DESC LIMIT $n
"""


def placed(reader: Reader, scope: Scope, since: datetime, until: datetime, limit: int) -> list[dict[str, Any]]:
    """Calls that somebody placed within the period, newest first, `limit` at most: call_id, started_at (tz-aware UTC),
    direction, caller_number, callee_number (as dialled), did, trunk_id, disposition, menu_path, queue_result,
    destination."""
    return reader.rows(_PLACED, {**period(scope, since, until), "n": limit})
