"""The derivation that keeps figures by hour: every hour in which something changed is added up anew from its rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb

from analytics.metrics import render
from analytics.metrics.facts import FACTS, NEEDS
from analytics.metrics.types import Grain

TABLES = ("rollup_hour", "rollup_bin", "rollup_line")
AT_HAND = 10_000  # changed calls: the rows of their hours are put aside and looked at again and again; more stream

_TOUCHED = """
    CREATE OR REPLACE TEMP TABLE touched_hour AS
    SELECT tenant_id, date_trunc('hour', started_at) AS hour, false AS stories FROM changed_call
    UNION SELECT tenant_id, date_trunc('hour', started_at), true FROM changed_conversation
"""
# Hours in which a call was in progress: as it is now, and as it was before it was replaced.
_TOUCHED_LINES = """
    CREATE OR REPLACE TEMP TABLE touched_line AS
    WITH span AS (
        SELECT tenant_id, started_at AS a, ended_at AS b FROM changed_span
        UNION ALL
        SELECT c.tenant_id, c.started_at, c.ended_at
        FROM lk.main.call AS c SEMI JOIN changed_call USING (tenant_id, call_id)
        WHERE c.call_id BETWEEN (SELECT coalesce(min(call_id), '') FROM changed_call)
                            AND (SELECT coalesce(max(call_id), '') FROM changed_call)
    )
    SELECT DISTINCT tenant_id, unnest(generate_series(date_trunc('hour', a),
        date_trunc('hour', least(greatest(a, b), a + INTERVAL {longest} HOUR)), INTERVAL 1 HOUR)) AS hour
    FROM span
""".replace("{longest}", str(render.LONGEST_H))
_MONTHS = "SELECT min(hour), max(hour) FROM {touched} GROUP BY year(hour), month(hour) ORDER BY 1"
_EXTENT = "SELECT min(started_at), max(started_at) FROM lk.main.{table}"
_DELETE = """
    DELETE FROM lk.main.{table} WHERE hour BETWEEN $low AND $last
      AND (tenant_id, hour, grain = 'conversation') IN (SELECT (tenant_id, hour, stories) FROM touched_hour)
"""
_DELETE_LINES = """
    DELETE FROM lk.main.rollup_line WHERE hour BETWEEN $low AND $last
      AND (tenant_id, hour) IN (SELECT (tenant_id, hour) FROM touched_line)
"""
_OF_HOURS = """
    SELECT t.* FROM lk.main.{table} AS t SEMI JOIN touched_hour AS h
      ON h.tenant_id = t.tenant_id AND h.hour = date_trunc('hour', t.started_at) AND h.stories = {stories}
    WHERE t.started_at >= $low AND t.started_at < $high
"""
_FEW = "SELECT (SELECT count(*) FROM changed_call) + (SELECT count(*) FROM changed_conversation) <= $most"
_ALL = "SELECT * FROM lk.main.{table} WHERE started_at >= $low AND started_at < $high"
_IN_PROGRESS = """
    SELECT * FROM lk.main.call WHERE started_at >= $low - INTERVAL {longest} HOUR AND started_at < $high
""".replace("{longest}", str(render.LONGEST_H))
_INSERT = "INSERT INTO {table} BY NAME WITH {source} SELECT * FROM ({rows}) ORDER BY tenant_id, hour"
_KEPT = "SEMI JOIN touched_line USING (tenant_id, hour)"
_HOUR = timedelta(hours=1)
# alias in facts → (table, grains)
_FAMILIES = {"c": ("call", render.OF_CALLS), "v": ("conversation", (Grain.CONVERSATION,))}


@dataclass(frozen=True)
class _Span:
    """The hours low <= hour <= last."""

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

    def __init__(self, at_hand: int = AT_HAND) -> None:
        self._at_hand = at_hand

    def refresh(self, con: duckdb.DuckDBPyConnection) -> None:
        """The hours in which calls or conversations changed, anew."""
        con.execute(_TOUCHED)
        spans = _months(con, "touched_hour")
        for span in spans:
            for table in ("rollup_hour", "rollup_bin"):
                con.execute(_DELETE.replace("{table}", table), span.values)
        if _true(con, _FEW, {"most": self._at_hand}):
            _put_at_hand(con, spans)
        else:
            for span in spans:
                _put_streaming(con, {alias: _of_hours(alias) for alias in _FAMILIES}, span)
        con.execute(_TOUCHED_LINES)
        for span in _months(con, "touched_line"):
            con.execute(_DELETE_LINES, span.values)
            _put_lines(con, span, _KEPT)

    def rebuild(self, con: duckdb.DuckDBPyConnection) -> None:
        """All hours anew, month by month."""
        for table in TABLES:
            con.execute("DELETE FROM lk.main.{table}".replace("{table}", table))
        for alias, (table, _) in _FAMILIES.items():
            for span in _extent(con, table):
                _put_streaming(con, {alias: _ALL.replace("{table}", table)}, span)
        for span in _extent(con, "call", render.LONGEST_H):
            _put_lines(con, span)


def _of_hours(alias: str) -> str:
    table, _ = _FAMILIES[alias]
    return _OF_HOURS.replace("{table}", table).replace("{stories}", "true" if alias == "v" else "false")


def _put_at_hand(con: duckdb.DuckDBPyConnection, spans: list[_Span]) -> None:
    """Few rows: the counted rows of each grain are put aside, and one file is written at the end."""
    for table in ("rollup_hour", "rollup_bin"):
        con.execute("CREATE OR REPLACE TEMP TABLE fresh_{t} AS FROM lk.main.{t} LIMIT 0".replace("{t}", table))
    for alias, (table, grains) in _FAMILIES.items():
        con.execute(f"CREATE OR REPLACE TEMP TABLE {alias} AS FROM lk.main.{table} LIMIT 0")
        for span in spans:
            con.execute("INSERT INTO {a} {s}".replace("{a}", alias).replace("{s}", _of_hours(alias)), span.bounds)
        for grain in grains:
            if _true(con, f"SELECT EXISTS (FROM {alias} WHERE {NEEDS[grain]})"):
                con.execute(f"CREATE OR REPLACE TEMP TABLE fact AS {FACTS[grain]}")
                _add(con, "rollup_hour", render.hours([grain], "fact"))
                _add(con, "rollup_bin", render.bins([grain], "fact"))
        con.execute(f"DROP TABLE temp.{alias}")
    for table in ("rollup_hour", "rollup_bin"):
        if _true(con, f"SELECT EXISTS (FROM fresh_{table})"):
            con.execute("INSERT INTO lk.main.{t} BY NAME FROM fresh_{t}".replace("{t}", table))


def _add(con: duckdb.DuckDBPyConnection, table: str, rows: str) -> None:
    if rows:
        con.execute("INSERT INTO fresh_{t} BY NAME {rows}".replace("{t}", table).replace("{rows}", rows))


def _put_streaming(con: duckdb.DuckDBPyConnection, sources: dict[str, str], span: _Span) -> None:
    """Many rows: read as often as there are grains, never held."""
    for alias, source in sources.items():
        asked = "SELECT EXISTS (FROM ({s}) WHERE {w})".replace("{s}", source)
        grains = [g for g in _FAMILIES[alias][1] if _true(con, asked.replace("{w}", NEEDS[g]), span.bounds)]
        if not grains:
            continue
        for table, rows in (("rollup_hour", render.hours(grains)), ("rollup_bin", render.bins(grains))):
            if rows:
                _insert(con, table, f"{alias} AS ({source})", rows, span)


def _put_lines(con: duckdb.DuckDBPyConnection, span: _Span, kept: str = "") -> None:
    _insert(con, "rollup_line", f"c AS ({_IN_PROGRESS})", render.lines("$low", "$high", kept), span)


def _insert(con: duckdb.DuckDBPyConnection, table: str, source: str, rows: str, span: _Span) -> None:
    text = _INSERT.replace("{table}", f"lk.main.{table}").replace("{source}", source).replace("{rows}", rows)
    con.execute(text, span.bounds)


def _true(con: duckdb.DuckDBPyConnection, question: str, values: dict[str, Any] | None = None) -> bool:
    found = con.execute(question, values).fetchone()
    return found is not None and bool(found[0])


def _months(con: duckdb.DuckDBPyConnection, touched: str) -> list[_Span]:
    """Changed hours, one span per month: what lies between far months is not read."""
    return [_Span(low, last) for low, last in con.execute(_MONTHS.replace("{touched}", touched)).fetchall()]


def _extent(con: duckdb.DuckDBPyConnection, table: str, beyond_h: int = 0) -> Iterable[_Span]:
    """The months from a table's first to its last row (and some hours more), as spans of whole hours."""
    found = con.execute(_EXTENT.replace("{table}", table)).fetchone()
    return [] if found is None or found[0] is None else list(_calendar(found[0], found[1] + timedelta(hours=beyond_h)))


def _calendar(low: datetime, end: datetime) -> Iterator[_Span]:
    low = low.replace(minute=0, second=0, microsecond=0)
    while low <= end:
        following = (low.replace(day=1, hour=0) + timedelta(days=32)).replace(day=1)
        yield _Span(low, following - _HOUR)
        low = following


DERIVATION = Rollups()
