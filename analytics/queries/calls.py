"""The list of calls: filters, keyset paging in both directions, neighbours of a call."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from analytics.queries import cursors
from analytics.queries.cursors import Cursor
from analytics.queries.reader import Reader
from analytics.queries.types import BEGINNING, END, CallFilter, CallPage, Scope, parameters, scope_parameters
from pbx_core.errors import InputError

LIMIT_MAX = 500  # calls on a page

_OLDER = """
    SELECT call_id, started_at
    FROM chosen($tenant_id, $extension, $since, $until, $number, $disposition, $min_talk_s, $recorded, $said, $tag,
                $alert, $originals, $wishes)
    WHERE started_at <= $from_at AND (started_at < $from_at OR call_id < $from_id)
    ORDER BY started_at DESC, call_id DESC LIMIT $n
"""
_NEWER = """
    SELECT call_id, started_at
    FROM chosen($tenant_id, $extension, $since, $until, $number, $disposition, $min_talk_s, $recorded, $said, $tag,
                $alert, $originals, $wishes)
    WHERE started_at >= $from_at AND (started_at > $from_at OR call_id > $from_id)
    ORDER BY started_at, call_id LIMIT $n
"""
_ROWS = """
    WITH page AS (
        SELECT * FROM scoped($tenant_id, NULL, $first, $last) WHERE call_id IN (SELECT unnest($ids::VARCHAR[]))
    ),
    legs AS (
        SELECT call_id, min(mos) AS mos_min FROM lk.main.leg
        WHERE tenant_id = $tenant_id AND call_id BETWEEN $low AND $high GROUP BY call_id
    ),
    said AS (
        SELECT call_id, recording_id, status, language FROM lk.main.transcript
        WHERE tenant_id = $tenant_id AND call_id BETWEEN $low AND $high
    ),
    spoken AS (
        SELECT call_id, recording_id, talk_ratio FROM lk.main.party_turns
        WHERE tenant_id = $tenant_id AND call_id BETWEEN $low AND $high AND party = 'caller'
    ),
    noted AS (
        SELECT call_id, count(*) AS comments FROM lk.main.comment
        WHERE tenant_id = $tenant_id AND call_id BETWEEN $low AND $high AND NOT deleted GROUP BY call_id
    ),
    meant AS (
        SELECT call_id, list_distinct(flatten(list(from_json(tags, '["VARCHAR"]')))) AS tags,
               list_distinct(flatten(list(from_json(alerts, '["VARCHAR"]')))) AS alerts
        FROM lk.main.meaning WHERE tenant_id = $tenant_id AND call_id BETWEEN $low AND $high GROUP BY call_id
    ),
    scored AS (
        SELECT call_id, recording_id, score FROM lk.main.meaning
        WHERE tenant_id = $tenant_id AND call_id BETWEEN $low AND $high
    ),
    kept AS (
        SELECT call_id, recording_id, quality FROM lk.main.recording
        WHERE tenant_id = $tenant_id AND call_id BETWEEN $low AND $high
    )
    SELECT page.call_id, page.started_at, page.caller_number, page.caller_name, page.callee_number, page.disposition,
           page.direction, page.answered_by, page.queue, page.voicemail, page.segments,
           page.cause, page.wait_s, page.talk_s, legs.mos_min, page.recording_id, kept.quality AS recording_quality,
           said.status AS transcript_status, said.language, spoken.talk_ratio AS caller_talk_ratio,
           coalesce(noted.comments, 0) AS comments, list_sort(coalesce(meant.tags, [])) AS tags,
           list_sort(coalesce(meant.alerts, [])) AS alerts, scored.score
    FROM page
    LEFT JOIN legs USING (call_id)
    LEFT JOIN kept USING (call_id, recording_id)
    LEFT JOIN said USING (call_id, recording_id)
    LEFT JOIN spoken USING (call_id, recording_id)
    LEFT JOIN noted USING (call_id)
    LEFT JOIN meant USING (call_id)
    LEFT JOIN scored USING (call_id, recording_id)
    ORDER BY page.started_at DESC, page.call_id DESC
"""
_POSITION = """
    SELECT started_at FROM scoped($tenant_id, $extension, $since, $until) WHERE call_id = $call_id
"""

_NEWEST = "SELECT max(hour) AS newest FROM lk.main.rollup_line WHERE tenant_id = $tenant_id AND line = ''"
# Two looks before the long one: a page of a busy office lies within days, one of a quiet office within months.
NEAR = (timedelta(days=3), timedelta(days=60))

Key = tuple[Any, str]  # started_at, call_id


def calls(
    reader: Reader, scope: Scope, flt: CallFilter | None = None, cursor: str | None = None, limit: int = 50
) -> CallPage:
    """One page, newest first. InputError for a malformed cursor or filter."""
    if not 1 <= limit <= LIMIT_MAX:
        raise InputError(f"A page holds 1 to {LIMIT_MAX} calls.", error_id="bad_limit")
    values = parameters(scope, flt or CallFilter())
    at = cursors.decode(cursor) if cursor else None
    if at is not None and at.direction == "newer":
        found = _keys(reader, _NEWER, values, at, limit + 1)
        if len(found) > limit:
            keys = found[:limit][::-1]
            return _page(reader, scope, keys, newer=True, older=True)
        at = None  # the beginning of the list: show the full first page
    found = _keys(reader, _OLDER, values, at, limit + 1)
    return _page(reader, scope, found[:limit], newer=at is not None, older=len(found) > limit, empty_from=at)


def neighbours(
    reader: Reader, scope: Scope, call_id: str, flt: CallFilter | None = None
) -> tuple[str | None, str | None]:
    """(next newer, next older) call within scope and filter; None where the list ends or the call is unknown."""
    where = {**scope_parameters(scope), "since": BEGINNING, "until": END, "call_id": call_id}
    position = reader.rows(_POSITION, where)
    if not position:
        return None, None
    at = Cursor("older", position[0]["started_at"], call_id)
    values = parameters(scope, flt or CallFilter())
    newer, older = (_keys(reader, sql, values, at, 1) for sql in (_NEWER, _OLDER))
    return (newer[0][1] if newer else None), (older[0][1] if older else None)


def _keys(reader: Reader, sql: str, values: dict[str, Any], at: Cursor | None, n: int) -> list[Key]:
    """Up to n keys from a place on. Looked for near it first: files of other times are then not read at all."""
    start = {"from_at": at.started_at if at else END, "from_id": at.call_id if at else ""}
    for low, high in _near(reader, sql, values, start["from_at"]):
        found = reader.rows(sql, {**values, **start, "n": n, "since": low, "until": high})
        if len(found) >= n or (low, high) == (values["since"], values["until"]):
            break
    return [(r["started_at"], r["call_id"]) for r in found]


def _near(reader: Reader, sql: str, values: dict[str, Any], at: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Stretches of the filter's period that begin or end at a place, each wider than the one before."""
    since, until = values["since"], values["until"]
    if sql is _OLDER and at == END:
        (row,) = reader.rows(_NEWEST, {"tenant_id": values["tenant_id"]})
        at = row["newest"] or BEGINNING
    for wide in NEAR:
        if sql is _OLDER and BEGINNING + wide < at:
            yield max(since, at - wide), until
        elif sql is _NEWER and at < END - wide:
            yield since, min(until, at + wide)
    yield since, until


def _page(
    reader: Reader, scope: Scope, keys: list[Key], *, newer: bool, older: bool, empty_from: Cursor | None = None
) -> CallPage:
    """The rows of the calls, newest first, with the cursors to go on."""
    if not keys:
        back = cursors.encode(Cursor("newer", empty_from.started_at, empty_from.call_id)) if empty_from else None
        return CallPage(_frame(reader, scope, keys), None, back)
    first, last = Cursor("newer", *keys[0]), Cursor("older", *keys[-1])
    return CallPage(
        _frame(reader, scope, keys),
        cursors.encode(last) if older else None,
        cursors.encode(first) if newer else None,
    )


def _frame(reader: Reader, scope: Scope, keys: list[Key]) -> pd.DataFrame:
    ids = [call_id for _, call_id in keys]
    times = [at for at, _ in keys] or [BEGINNING]
    frame = reader.frame(
        _ROWS,
        {
            "tenant_id": scope.tenant_id,
            "ids": ids,
            "low": min(ids, default=""),
            "high": max(ids, default=""),
            "first": min(times),
            "last": max(times) + pd.Timedelta(microseconds=1),
        },
    )
    frame["started_at"] = pd.to_datetime(frame["started_at"], utc=True)
    for name in ("wait_s", "talk_s", "mos_min", "caller_talk_ratio", "score"):
        frame[name] = frame[name].astype("float64")
    frame["comments"] = frame["comments"].astype("int64")
    return frame
