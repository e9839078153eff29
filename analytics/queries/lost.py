"""Lost callers: with whom nobody has talked since, who was talked with later, by whom and how fast."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd

from analytics.conversations import rules
from analytics.queries import cursors
from analytics.queries.conversations import SEEN, limited, timed
from analytics.queries.cursors import Cursor
from analytics.queries.reader import Reader
from analytics.queries.types import BEGINNING, END, Scope, period

# One line per number. Whoever was talked with after he was lost, however late, does not wait any more.
_WAITING = f"""
    WITH seen AS ({SEEN}),
    waits AS (
        SELECT outside_number, min(started_at) AS lost_at, max(started_at) AS last_at, count(*) AS times,
               sum(attempts)::BIGINT AS attempts, arg_max(conversation_id, started_at) AS conversation_id,
               arg_max(class, started_at) AS class, arg_max(queue, started_at) AS queue, arg_max(did, started_at) AS did
        FROM seen AS lost
        WHERE list_contains($lost, class) AND direction = 'inbound' AND outside_number <> '' AND recovered_by = ''
          AND NOT EXISTS (
            SELECT 1 FROM lk.main.conversation AS later
            WHERE later.tenant_id = $tenant_id AND later.outside_number = lost.outside_number
              AND later.started_at >= $since AND later.answered_at >= lost.ended_at)
        GROUP BY outside_number)
    FROM waits WHERE (lost_at, conversation_id) > ($from_at, $from_id) ORDER BY lost_at, conversation_id LIMIT $n
"""  # noqa: S608
_RECOVERED = f"""
    WITH seen AS ({SEEN})
    SELECT lost.conversation_id, lost.started_at, lost.outside_number, lost.class, lost.queue, lost.recovered_by,
           lost.recovered_at, lost.recovered_agent, lost.recovery_s, found.direction <> 'inbound' AS we_called
    FROM seen AS lost JOIN lk.main.conversation AS found
      ON found.tenant_id = $tenant_id AND found.conversation_id = lost.recovered_by AND found.started_at >= $since
    WHERE lost.recovered_by <> '' AND (lost.recovered_at, lost.conversation_id) < ($from_at, $from_id)
    ORDER BY lost.recovered_at DESC, lost.conversation_id DESC LIMIT $n
"""  # noqa: S608
_BY_AGENT = f"""
    WITH seen AS ({SEEN})
    SELECT recovered_agent AS agent, count(*) AS callers, quantile_cont(recovery_s, 0.5) AS p50_s,
           quantile_cont(recovery_s, 0.95) AS p95_s
    FROM seen WHERE recovered_by <> '' GROUP BY ALL ORDER BY callers DESC, agent LIMIT $n
"""  # noqa: S608
_WITHHELD = f"""
    SELECT count(*) AS n FROM ({SEEN})
    WHERE list_contains($lost, class) AND direction = 'inbound' AND outside_number = ''
"""  # noqa: S608
_LOST = [str(c) for c in rules.TO_RECOVER]

Page = tuple[pd.DataFrame, str | None]


def waiting(
    reader: Reader, scope: Scope, since: datetime, until: datetime, *, limit: int = 100, cursor: str | None = None
) -> Page:
    """Lost callers with whom nobody has talked since, one row per number, the longest waiting first: outside_number,
    lost_at, last_at, times (conversations), attempts, conversation_id, class, queue, did (of the last one); and the
    cursor of the next page or None. InputError for a malformed cursor or limit."""
    values = {**period(scope, since, until), "lost": _LOST}
    return _page(reader, _WAITING, values, "lost_at", BEGINNING, limit, cursor)


def recovered(
    reader: Reader, scope: Scope, since: datetime, until: datetime, *, limit: int = 100, cursor: str | None = None
) -> Page:
    """Lost callers with whom somebody talked later, the last first: conversation_id, started_at, outside_number, class,
    queue, recovered_by, recovered_at, recovered_agent, recovery_s, we_called (else he called again himself); and the
    cursor of the next page or None. InputError as before."""
    return _page(reader, _RECOVERED, period(scope, since, until), "recovered_at", END, limit, cursor)


def recovered_by_agent(
    reader: Reader, scope: Scope, since: datetime, until: datetime, limit: int = 100
) -> pd.DataFrame:
    """Columns agent, callers, p50_s, p95_s; who talked with most of the lost callers first."""
    return timed(reader, _BY_AGENT, {**period(scope, since, until), "n": limited(limit)})


def withheld(reader: Reader, scope: Scope, since: datetime, until: datetime) -> int:
    """Lost callers who hid their numbers: nobody can call them back."""
    return int(reader.rows(_WITHHELD, {**period(scope, since, until), "lost": _LOST})[0]["n"])


def _page(
    reader: Reader, sql: str, values: dict[str, Any], by: str, first: datetime, limit: int, cursor: str | None
) -> Page:
    at = cursors.decode(cursor) if cursor else Cursor("older", first, "")
    frame = timed(reader, sql, {**values, "from_at": at.started_at, "from_id": at.call_id, "n": limited(limit) + 1})
    if len(frame) <= limit:
        return frame, None
    frame = frame.head(limit)
    last = frame.iloc[-1]
    return frame, cursors.encode(Cursor("older", last[by].to_pydatetime(), last["conversation_id"]))
