"""The derivation that keeps figures by hour: every hour in which something changed is added up anew from its rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb

from analytics.metrics import render
from analytics.metrics.types import Grain

_TOUCHED = """
    CREATE OR REPLACE TEMP TABLE touched_hour AS
    SELECT DISTINCT tenant_id, date_trunc('hour', started_at) AS hour FROM {changed}
"""
# Hours in which a call was in progress: as it is now, and as it was before it was replaced.
_TOUCHED_LINES = """
    CREATE OR REPLACE TEMP TABLE touched_hour AS
    WITH span AS (
        SELECT tenant_id, started_at AS a, ended_at AS b FROM changed_span
        UNION ALL
        SELECT c.tenant_id, c.started_at, c.ended_at FROM lk.main.call AS c SEMI JOIN changed_call USING (tenant_id, call_id)
        WHERE c.call_id BETWEEN (SELECT coalesce(min(call_id), '') FROM changed_call)
                            AND (SELECT coalesce(max(call_id), '') FROM changed_call)
    )
    SELECT DISTINCT tenant_id, unnest(generate_series(date_trunc('hour', a),
        date_trunc('hour', least(greatest(a, b), a + INTERVAL {longest} HOUR)), INTERVAL 1 HOUR)) AS hour
    FROM span
""".replace("{longest}", str(render.LONGEST_H))  # noqa: E501
_MONTHS = "SELECT min(hour), max(hour) FROM touched_hour GROUP BY year(hour), month(hour) ORDER BY 1"
_EXTENT = "SELECT min({at}), max({at}) FROM lk.main.{table}"
_DELETE = """
    DELETE FROM lk.main.{table} WHERE hour BETWEEN $low AND $last AND {grains}
      AND (tenant_id, hour) IN (SELECT (tenant_id, hour) FROM touched_hour)
"""
_SOURCE = """
    SELECT t.* FROM lk.main.{table} AS t SEMI JOIN touched_hour AS h
      ON h.tenant_id = t.tenant_id AND h.hour = date_trunc('hour', t.started_at)
    WHERE t.started_at >= $low AND t.started_at < $high
"""
_SOURCE_ALL = "SELECT * FROM lk.main.{table} WHERE started_at >= $low AND started_at < $high"
_INSERT = "INSERT INTO lk.main.{table} BY NAME WITH {source} SELECT * FROM ({rows}) ORDER BY tenant_id, hour"
_KEPT = "SEMI JOIN touched_hour USING (tenant_id, hour)"
_SOURCE_LINES = """
    SELECT * FROM lk.main.call WHERE started_at >= $low - INTERVAL {longest} HOUR AND started_at < $high
""".replace("{longest}", str(render.LONGEST_H))
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class _Span:
    """The hours low <= hour <= last, of one month."""

    low: datetime
    last: datetime

    @property
    def values(self) -> dict[str, Any]:
        return {"low": self.low, "last": self.last}

    @property
    def bounds(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.last + _HOUR}


class Rollups:
    """Keeps rollup_hour, rollup_bin and rollup_line."""

    name = "rollups"

    def refresh(self, con: duckdb.DuckDBPyConnection) -> None:
        """The hours in which calls or conversations changed, anew."""
        con.execute(_TOUCHED.replace("{changed}", "changed_call"))
        self._refresh(con, render.OF_CALLS, "c", "call", "grain <> 'conversation'")
        con.execute(_TOUCHED.replace("{changed}", "changed_conversation"))
        self._refresh(con, (Grain.CONVERSATION,), "v", "conversation", "grain = 'conversation'")
        con.execute(_TOUCHED_LINES)
        for span in _touched(con):
            con.execute(_DELETE.replace("{table}", "rollup_line").replace("{grains}", "true"), span.values)
            _insert(con, "rollup_line", "c", _SOURCE_LINES, render.lines("$low", "$high", _KEPT), span)

    def rebuild(self, con: duckdb.DuckDBPyConnection) -> None:
        """All hours anew, month by month."""
        for table in ("rollup_hour", "rollup_bin", "rollup_line"):
            con.execute("DELETE FROM lk.main.{table}".replace("{table}", table))
        for span in _months(con, "call", "started_at"):
            _write(con, render.OF_CALLS, "c", _SOURCE_ALL.replace("{table}", "call"), span)
        for span in _months(con, "conversation", "started_at"):
            _write(con, (Grain.CONVERSATION,), "v", _SOURCE_ALL.replace("{table}", "conversation"), span)
        for span in _months(con, "call", "started_at", render.LONGEST_H):
            _insert(con, "rollup_line", "c", _SOURCE_LINES, render.lines("$low", "$high"), span)

    @staticmethod
    def _refresh(con: duckdb.DuckDBPyConnection, grains: tuple[Grain, ...], alias: str, table: str, which: str) -> None:
        for span in _touched(con):
            for rollup in ("rollup_hour", "rollup_bin"):
                con.execute(_DELETE.replace("{table}", rollup).replace("{grains}", which), span.values)
            _write(con, grains, alias, _SOURCE.replace("{table}", table), span)


def _write(con: duckdb.DuckDBPyConnection, grains: tuple[Grain, ...], alias: str, source: str, span: _Span) -> None:
    _insert(con, "rollup_hour", alias, source, render.hours(grains), span)
    _insert(con, "rollup_bin", alias, source, render.bins(grains), span)


def _insert(con: duckdb.DuckDBPyConnection, table: str, alias: str, source: str, rows: str, span: _Span) -> None:
    text = _INSERT.replace("{table}", table).replace("{source}", f"{alias} AS ({source})").replace("{rows}", rows)
    con.execute(text, span.bounds)


def _touched(con: duckdb.DuckDBPyConnection) -> list[_Span]:
    return [_Span(low, last) for low, last in con.execute(_MONTHS).fetchall()]


def _months(con: duckdb.DuckDBPyConnection, table: str, at: str, beyond_h: int = 0) -> Iterator[_Span]:
    """The months from a table's first to its last row (and some hours more), as spans of whole hours."""
    found = con.execute(_EXTENT.replace("{table}", table).replace("{at}", at)).fetchone()
    if found is None or found[0] is None:
        return
    low = found[0].replace(minute=0, second=0, microsecond=0)
    end = found[1] + timedelta(hours=beyond_h)
    while low <= end:
        following = (low.replace(day=1, hour=0) + timedelta(days=32)).replace(day=1)
        yield _Span(low, following - _HOUR)
        low = following


DERIVATION = Rollups()
