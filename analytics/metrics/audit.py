"""Audits: questions to the warehouse that must have no rows as an answer. Those of analytics/audits/*.sql, and that
every total kept by hour equals the same total over the rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files

import duckdb

from analytics.metrics import render
from analytics.metrics.facts import FACTS
from analytics.metrics.totals import MEASURES
from analytics.metrics.types import Grain

ROWS_MAX = 20  # shown of an audit that fails
# Sums are rounded when they are kept, and rows may be added in another order.
_DIFFERS = "abs(coalesce(kept.{n}, 0) - coalesce(fresh.{n}, 0)) > 1e-5 * greatest(1, abs(coalesce(kept.{n}, 0)))"

_HOURS = """
    WITH {source},
    fresh AS (SELECT * FROM ({rows})),
    kept AS (SELECT * FROM lk.main.rollup_hour WHERE grain = '{grain}')
    SELECT coalesce(kept.tenant_id, fresh.tenant_id) AS tenant_id, coalesce(kept.hour, fresh.hour) AS hour,
           coalesce(kept.cut, fresh.cut) AS cut, coalesce(kept.direction, fresh.direction) AS direction,
           [{names}] AS totals
    FROM kept FULL JOIN fresh USING (tenant_id, hour, cut, direction, queue, agent, trunk_id)
    WHERE kept.tenant_id IS NULL OR fresh.tenant_id IS NULL OR {differs}
"""
_BINS = """
    WITH {source}, fresh AS (SELECT * FROM ({rows})),
    kept AS (SELECT * FROM lk.main.rollup_bin WHERE grain = '{grain}')
    SELECT tenant_id, hour, measure, bin, kept.n AS kept, fresh.n AS fresh
    FROM kept FULL JOIN fresh USING (tenant_id, hour, direction, queue, trunk_id, measure, bin)
    WHERE kept.n IS DISTINCT FROM fresh.n
"""
_LINES = """
    WITH c AS (SELECT * FROM lk.main.call), fresh AS (SELECT * FROM ({rows}))
    SELECT tenant_id, hour, line, kept.peak AS kept, fresh.peak AS fresh, kept.busy_s, fresh.busy_s
    FROM lk.main.rollup_line AS kept FULL JOIN fresh USING (tenant_id, hour, line)
    WHERE kept.peak IS DISTINCT FROM fresh.peak OR abs(kept.busy_s - fresh.busy_s) > 0.01
"""
_SOURCES = {True: "v AS (SELECT * FROM lk.main.conversation)", False: "c AS (SELECT * FROM lk.main.call)"}


@dataclass(frozen=True)
class Audit:
    """One question. says: what holds when it has no rows."""

    name: str
    says: str
    sql: str


@dataclass(frozen=True)
class Finding:
    """An audit's answer: at most ROWS_MAX rows, as text."""

    audit: Audit
    rows: tuple[str, ...]


def audits() -> list[Audit]:
    """All of them."""
    return [*_written(), *_rendered()]


def run(con: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    """Each audit with its answer, on a connection on which the warehouse is attached as lk."""
    for audit in audits():
        text = "SELECT * FROM ({sql}) LIMIT {n}".replace("{sql}", audit.sql).replace("{n}", str(ROWS_MAX))
        cursor = con.execute(text)
        names = [d[0] for d in cursor.description or []]
        rows = (", ".join(f"{n}={v}" for n, v in zip(names, row, strict=True)) for row in cursor.fetchall())
        yield Finding(audit, tuple(rows))


def _written() -> Iterator[Audit]:
    """The files: their first line, a comment, says what holds."""
    for path in sorted(files("analytics").joinpath("audits").iterdir(), key=lambda p: p.name):
        if path.name.endswith(".sql"):
            says, _, sql = path.read_text().partition("\n")
            yield Audit(path.name.removesuffix(".sql"), says.removeprefix("-- ").strip(), sql.strip().rstrip(";"))


def _rendered() -> Iterator[Audit]:
    for grain in FACTS:
        names = [t.name for t in render.kept() if t.grain is grain]
        differs = " OR ".join(_DIFFERS.replace("{n}", n) for n in names)
        wrong = ", ".join(f"CASE WHEN {_DIFFERS.replace('{n}', n)} THEN '{n}' END" for n in names)
        source = _SOURCES[grain is Grain.CONVERSATION]
        sql = _HOURS.replace("{rows}", render.hours([grain])).replace("{names}", wrong).replace("{differs}", differs)
        sql = sql.replace("{source}", source).replace("{grain}", grain)
        yield Audit(f"rollup_{grain}", f"Totals by hour of grain {grain} equal those of the rows.", sql)
        if any(m.grain is grain for m in MEASURES):
            sql = _BINS.replace("{rows}", render.bins([grain])).replace("{source}", source).replace("{grain}", grain)
            yield Audit(f"bins_{grain}", f"Histograms by hour of grain {grain} equal those of the rows.", sql)
    everything = render.lines("TIMESTAMPTZ '1970-01-01 00:00:00+00'", "TIMESTAMPTZ '9999-01-01 00:00:00+00'")
    yield Audit("rollup_line", "Calls at once by hour equal those of the rows.", _LINES.replace("{rows}", everything))
