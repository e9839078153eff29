"""How fast pages get their figures from a large warehouse: `make bench-warehouse ROWS=1000000`; last line is JSON.

A year of calls of ten tenants is made by SQL and goes through the writer in rounds of whole days, with all that is
derived from it (conversations, figures by hour). Then the questions of the pages are asked through analytics.queries,
each several times, of one tenant. The same questions, as far as they can be asked of a plain table, go to pandas and
SQLite over PLAIN_ROWS calls of the same making.

ingest_rows_s: calls per second from the generator to the commit. bytes_per_row: of the warehouse's files per call,
after maintenance. p50_ms, p95_ms: over all answers, the first of each question included. The funnel is left out: there
are no widget events to make one of.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[2]))

from analytics import queries
from analytics.queries import Scope
from ingest import maintenance, warehouse
from ingest.batch import Batch, Offset, Offsets
from ingest.writer import Writer
from pbx_core.clock import SystemClock
from pbx_core.settings import load

FIRST = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 365
TENANTS = 10
ROUND_CALLS = 400_000
PLAIN_ROWS = 1_000_000
TIMES = 7
ZONE = "Europe/Berlin"
TENANT = "0" * 32

# One call per number n: everything else is a hash of it. Calls of a day lie between 7 and 19 h UTC.
_CALLS = """
    CREATE OR REPLACE TEMP TABLE made AS
    WITH n AS (SELECT unnest(range($low, $high)) AS n),
    h AS (SELECT n, CAST(hash(n) // 2 AS BIGINT) AS a, CAST(hash(n, 1) // 2 AS BIGINT) AS b,
                 CAST(hash(n, 2) // 2 AS BIGINT) AS c, CAST(hash(n, 3) // 2 AS BIGINT) AS d FROM n),
    t AS (SELECT *, $first + to_days(CAST(n // $per_day AS INTEGER))
                 + to_milliseconds(25200000 + CAST((n % $per_day) * 43200000 // $per_day AS BIGINT)) AS started_at,
                 lpad(CAST(a % {tenants} AS VARCHAR), 32, '0') AS tenant_id,
                 ['inbound', 'inbound', 'inbound', 'inbound', 'inbound', 'inbound', 'outbound', 'outbound', 'outbound',
                  'internal'][b % 10 + 1] AS direction,
                 CAST(101 + c % 40 AS VARCHAR) AS agent, '+49' || (300000000 + d % $numbers) AS outside,
                 a // 16 % 100 < 70 AS answered, CAST(2 + b // 16 % 60 AS DOUBLE) AS wait_s,
                 CAST(10 + c // 64 % 400 AS DOUBLE) AS talk_s,
                 ['east', 'west', 'north'][d // 1048576 % 3 + 1] AS trunk_id,
                 CASE WHEN b // 1024 % 2 = 0 THEN 'q' || (c // 1024 % 5) ELSE '' END AS queue
          FROM h)
    SELECT tenant_id, lpad(to_hex(epoch_ms(started_at)), 12, '0') || left(md5(CAST(n AS VARCHAR)), 20) AS call_id,
           direction, CASE WHEN direction = 'inbound' THEN outside ELSE agent END AS caller_number,
           CASE direction WHEN 'inbound' THEN '100' WHEN 'outbound' THEN outside ELSE '1' || agent END AS callee_number,
           started_at, started_at + INTERVAL 1 SECOND AS ringing_at,
           CASE WHEN answered THEN started_at + to_milliseconds(CAST(wait_s * 1000 AS BIGINT)) END AS answered_at,
           started_at + to_milliseconds(CAST((wait_s + CASE WHEN answered THEN talk_s ELSE 0 END) * 1000 AS BIGINT))
               AS ended_at,
           1.0 AS setup_s, wait_s - 1 AS ring_s, wait_s, CASE WHEN answered THEN talk_s ELSE 0 END AS talk_s,
           0.0 AS hold_s, CASE WHEN answered THEN CAST(talk_s AS BIGINT) ELSE 0 END AS bill_s,
           CASE WHEN answered THEN 'answered' ELSE ['no_answer', 'busy', 'cancelled', 'failed'][d % 4 + 1] END
               AS disposition,
           CASE WHEN answered THEN '200 OK' ELSE '480 Temporarily Unavailable' END AS cause,
           CASE WHEN d % 2 = 0 THEN 'caller' ELSE 'callee' END AS hangup_party, false AS aborted,
           CASE WHEN direction = 'internal' THEN '' ELSE trunk_id END AS trunk_id,
           CASE WHEN answered AND direction = 'inbound' THEN agent ELSE '' END AS answered_by,
           CASE WHEN direction = 'inbound' THEN queue ELSE '' END AS queue,
           CASE WHEN direction = 'inbound' AND queue <> '' THEN wait_s END AS queue_wait_s,
           CASE WHEN direction <> 'inbound' OR queue = '' THEN '' WHEN answered THEN 'answered'
                ELSE ['abandoned', 'abandoned', 'overflow', 'key'][c % 4 + 1] END AS queue_result,
           'queue:' || queue AS destination, '' AS conversation_id, CASE WHEN direction = 'inbound' THEN '+49100' END
               AS did,
           false AS voicemail, '' AS transferred, '' AS source, '' AS system, '' AS closed_hours, '' AS refused,
           'bench' AS definition_version, '1' AS stamp, d AS luck
    FROM t
""".replace("{tenants}", str(TENANTS))
_INTO_CALL = "INSERT INTO lk.main.call BY NAME SELECT * EXCLUDE (luck) FROM made ORDER BY started_at"
_INTO_LEG = """
    INSERT INTO lk.main.leg BY NAME
    SELECT tenant_id, call_id, call_id || '-' || party AS leg_id, party,
           CASE party WHEN 'caller' THEN 0 ELSE 1 END AS position,
           CASE party WHEN 'caller' THEN caller_number ELSE coalesce(nullif(answered_by, ''), callee_number) END
               AS number, started_at, answered_at, ended_at, CASE WHEN answered_at IS NULL THEN 480 ELSE 200 END
               AS sip_status,
           CASE WHEN answered_at IS NOT NULL THEN round(4.4 - power(luck // 97 % 1000 / 1000.0, 6) * 2.5, 2) END AS mos,
           CASE WHEN answered_at IS NOT NULL THEN luck // 97 % 50 / 1000.0 END AS loss_share,
           CASE WHEN answered_at IS NOT NULL THEN 0.0 END AS late_share,
           CASE WHEN answered_at IS NOT NULL THEN CAST(luck % 20 AS DOUBLE) END AS jitter_ms_mean,
           CASE WHEN answered_at IS NOT NULL THEN CAST(luck % 90 AS DOUBLE) END AS rtt_ms_mean,
           CASE WHEN answered_at IS NOT NULL THEN false END AS starved
    FROM made, (VALUES ('caller'), ('callee')) AS p(party) ORDER BY started_at
"""
_CHANGED = "INSERT INTO changed_call (tenant_id, call_id, started_at) SELECT tenant_id, call_id, started_at FROM made"
_PLAIN = """
    SELECT c.*, l.mos FROM lk.main.call AS c LEFT JOIN (
        SELECT tenant_id, call_id, min(mos) AS mos FROM lk.main.leg WHERE started_at < $until GROUP BY ALL
    ) AS l USING (tenant_id, call_id)
    WHERE c.started_at < $until
"""


class MadeUp:
    """A source that loads whole days of calls at once, as an import does."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._per_day = math.ceil(rows / DAYS)

    def gather(self, offsets: Offsets, batch: Batch) -> bool:
        start = offsets.get(("bench", "made")) or Offset("bench", "made")
        step = max(1, ROUND_CALLS // self._per_day) * self._per_day
        end = min(self._rows, start.position + step)
        if end > start.position:
            batch.bulk.append(lambda con: self._load(con, start.position, end))
            batch.advance(Offset("bench", "made", end))
        return end < self._rows

    def _load(self, con: duckdb.DuckDBPyConnection, low: int, high: int) -> int:
        numbers = max(100, self._rows // 5)
        bound = {"low": low, "high": high, "per_day": self._per_day, "first": FIRST, "numbers": numbers}
        con.execute(_CALLS, bound)
        for statement in (_INTO_CALL, _INTO_LEG, _CHANGED):
            con.execute(statement)
        return high - low


def main() -> None:
    """Make, ask, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--plain-rows", type=int, default=PLAIN_ROWS)
    parser.add_argument("--folder", default=None, help="where the warehouse is made; it is deleted in the end")
    args = parser.parse_args()
    clock = SystemClock()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        settings = load(Path(folder) / "data")
        settings.data.mkdir()
        con = warehouse.open_writer(settings)
        wall, ingest_cpu = time.perf_counter(), time.process_time()
        writer = Writer(con, clock, [MadeUp(args.rows)])
        rounds = []
        while True:
            begun = time.perf_counter()
            more = writer.round().backlog
            rounds.append(time.perf_counter() - begun)
            print(f"round {len(rounds)}: {rounds[-1]:.1f} s", file=sys.stderr)
            if not more:
                break
        wall, ingest_cpu = time.perf_counter() - wall, time.process_time() - ingest_cpu
        while maintenance.tidy(con, clock, maintenance.Epoch(settings), keep_s=0).merged:
            print("tidied", file=sys.stderr)
        con.close()
        size = sum(f.stat().st_size for f in settings.lake_dir.rglob("*.parquet"))
        reader = queries.open_reader(settings)
        answers = {name: _timed(ask) for name, ask in _questions(reader).items()}
        cpu = {name: _cpu_ms(ask) for name, ask in _questions(reader).items()}
        plain = _plain(settings, Path(folder), min(args.plain_rows, args.rows), args.rows)
        reader.close()
    walls = sorted(ms for found in answers.values() for ms in found)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    report = {
        "bench": "warehouse",
        "rows": args.rows,
        "legs": 2 * args.rows,
        "tenants": TENANTS,
        "days": DAYS,
        "ingest_rows_s": round(args.rows / wall),
        "ingest_cpu_s": round(ingest_cpu, 1),
        "rounds": len(rounds),
        "bytes_per_row": round(size / args.rows, 1),
        "p50_ms": round(statistics.median(walls), 1),
        "p95_ms": round(walls[math.ceil(0.95 * len(walls)) - 1], 1),
        "queries_p50_ms": {name: round(statistics.median(found), 1) for name, found in answers.items()},
        "queries_first_ms": {name: round(found[0], 1) for name, found in answers.items()},
        "queries_cpu_ms": cpu,
        **plain,
        "left_out": {"funnel": "there are no widget events"},
        "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "cores": os.cpu_count(),
        "load_1min": round(os.getloadavg()[0], 1),
        "machine": platform.processor() or platform.machine(),
        "commit": commit,
    }
    print(json.dumps(report))


def _timed(ask: Callable[[], object]) -> list[float]:
    out = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        ask()
        out.append((time.perf_counter() - begun) * 1000)
    return out


def _cpu_ms(ask: Callable[[], object]) -> float:
    """CPU of all threads for one answer: comparable on a busy machine, too."""
    begun = time.process_time()
    ask()
    return round((time.process_time() - begun) * 1000, 1)


def _questions(reader: queries.Reader) -> dict[str, Callable[[], object]]:
    """What the pages ask, of one tenant: 90 days, where nothing else is said, up to the end."""
    scope, until = Scope(TENANT), FIRST + timedelta(days=DAYS)
    since, month = until - timedelta(days=90), until - timedelta(days=30)

    def series(ids: list[str], by: str, start: datetime = since) -> object:
        return queries.series(reader, scope, start, until, ids, by, time_zone=ZONE)

    levels = ["service_level", "service_level_without_short", "service_level_answered", "service_level_completed"]
    return {
        "daily_volume": lambda: queries.volume(reader, scope, since, until, ZONE, "day"),
        "answer_rate_by_day": lambda: series(["answer_rate"], "day"),
        "service_level_by_week_year": lambda: series(levels, "week", FIRST),
        "abandonment_by_hour_of_day": lambda: series(["abandonment_rate"], "hour_of_day"),
        "agent_table_30_days": lambda: series(["answered", "talk_s_mean", "missed_rate"], "agent", month),
        "mos_by_trunk": lambda: queries.distribution(reader, scope, since, until, "mos_bins", "trunk_id"),
        "repeat_callers_by_month_year": lambda: series(["repeat_rate"], "month", FIRST),
        "first_contact_resolution_year": lambda: series(["first_contact_resolution"], "month", FIRST),
        "peak_calls_by_day": lambda: series(["peak_calls"], "day"),
        "sound_by_day": lambda: queries.quality(reader, scope, since, until, ZONE, "day"),
        "overview_7_days": lambda: queries.overview(reader, scope, until - timedelta(days=7), until),
        "rows_behind_abandonment": lambda: queries.rows_behind(
            reader, scope, "abandonment_rate", "numerator", until - timedelta(days=7), until
        ),
        "call_list": lambda: queries.calls(reader, scope),
    }


# the same questions of a plain table of calls


def _plain(settings: Any, folder: Path, rows: int, of: int) -> dict[str, Any]:
    until = FIRST + timedelta(days=DAYS) * rows / of
    con = warehouse.open_reader(settings)
    frame = con.execute(_PLAIN, {"until": until}).df()
    con.close()
    for name in ("started_at", "ended_at", "answered_at"):
        frame[name] = frame[name].dt.tz_convert("UTC")
    pandas_ms = {name: round(statistics.median(_timed(ask)), 1) for name, ask in _of_pandas(frame, until).items()}
    db = sqlite3.connect(folder / "plain.sqlite")
    ms = {n: frame[n].dt.as_unit("ms").astype("int64") for n in ("started_at", "ended_at")}
    flat = frame.assign(**ms)
    keep = ["tenant_id", "call_id", "direction", "caller_number", "started_at", "ended_at", "disposition", "talk_s",
            "queue", "queue_wait_s", "queue_result", "answered_by", "trunk_id", "mos"]  # fmt: skip
    flat[keep].to_sql("call", db, index=False)
    db.execute("CREATE INDEX by_time ON call (tenant_id, started_at)")
    sqlite_ms = {name: round(statistics.median(_timed(ask)), 1) for name, ask in _of_sqlite(db, until).items()}
    db.close()
    return {"plain_rows": len(frame), "pandas_p50_ms": pandas_ms, "sqlite_p50_ms": sqlite_ms}


def _of_pandas(frame: pd.DataFrame, until: datetime) -> dict[str, Callable[[], object]]:
    since = until - timedelta(days=90)

    def calls(start: datetime = since) -> pd.DataFrame:
        return frame[(frame.tenant_id == TENANT) & (frame.started_at >= start) & (frame.started_at < until)]

    def day(c: pd.DataFrame) -> pd.Series:
        return c.started_at.dt.tz_convert(ZONE).dt.floor("D", ambiguous=True, nonexistent="shift_forward")

    def level() -> object:
        c = calls(FIRST).query("queue != ''")
        good = (c.queue_result == "answered") & (c.queue_wait_s <= 20)
        return good.groupby(c.started_at.dt.tz_convert(ZONE).dt.isocalendar().week).mean()

    def abandonment() -> object:
        c = calls().query("queue != ''")
        return (c.queue_result == "abandoned").groupby(c.started_at.dt.tz_convert(ZONE).dt.hour).mean()

    def repeats() -> object:
        c = calls(FIRST).query("direction == 'inbound'").sort_values(["caller_number", "started_at"])
        gap = c.groupby("caller_number").started_at.diff()
        return (gap <= timedelta(days=7)).groupby(c.started_at.dt.month).mean()

    def peak() -> object:
        c = calls()
        steps = pd.concat([pd.Series(-1, c.ended_at), pd.Series(1, c.started_at)]).sort_index(kind="stable")
        running = steps.cumsum()
        return running.groupby(running.index.floor("D")).max()

    def agents() -> object:
        c = calls(until - timedelta(days=30)).query("direction == 'inbound' and answered_by != ''")
        return c.groupby("answered_by").agg(calls=("call_id", "count"), talk_s=("talk_s", "mean"))

    return {
        "daily_volume": lambda: calls().groupby([day(calls()), "disposition"]).talk_s.agg(["count", "sum"]),
        "answer_rate_by_day": lambda: (calls().disposition == "answered").groupby(day(calls())).mean(),
        "service_level_by_week_year": level,
        "abandonment_by_hour_of_day": abandonment,
        "agent_table_30_days": agents,
        "mos_by_trunk": lambda: calls().groupby(["trunk_id", (calls().mos * 10).fillna(0).astype(int)]).size(),
        "repeat_callers_by_month_year": repeats,
        "peak_calls_by_day": peak,
    }


def _of_sqlite(db: sqlite3.Connection, until: datetime) -> dict[str, Callable[[], object]]:
    """Days and hours of UTC: SQLite knows no zones."""
    end = int(until.timestamp() * 1000)
    since, year = end - 90 * 86_400_000, int(FIRST.timestamp() * 1000)
    where = "FROM call WHERE tenant_id = ?1 AND started_at >= ?2 AND started_at < ?3"

    def ask(sql: str, start: int = since) -> Callable[[], object]:
        return lambda: db.execute(sql.replace("{where}", where), (TENANT, start, end)).fetchall()

    return {
        "daily_volume": ask(
            "SELECT started_at / 86400000, disposition, count(*), sum(talk_s) {where} GROUP BY 1, 2",
        ),
        "answer_rate_by_day": ask("SELECT started_at / 86400000, avg(disposition = 'answered') {where} GROUP BY 1"),
        "service_level_by_week_year": ask(
            "SELECT started_at / 604800000, avg(queue_result = 'answered' AND queue_wait_s <= 20) {where}"
            " AND queue <> '' GROUP BY 1",
            year,
        ),
        "abandonment_by_hour_of_day": ask(
            "SELECT started_at / 3600000 % 24, avg(queue_result = 'abandoned') {where} AND queue <> '' GROUP BY 1"
        ),
        "agent_table_30_days": ask(
            "SELECT answered_by, count(*), avg(talk_s) {where} AND direction = 'inbound' AND answered_by <> ''"
            " GROUP BY 1",
            end - 30 * 86_400_000,
        ),
        "mos_by_trunk": ask("SELECT trunk_id, CAST(mos * 10 AS INTEGER), count(*) {where} GROUP BY 1, 2"),
        "repeat_callers_by_month_year": ask(
            "SELECT started_at / 2592000000, avg(gap <= 604800000) FROM ("
            "SELECT started_at, started_at - lag(started_at) OVER (PARTITION BY caller_number ORDER BY started_at)"
            " AS gap {where} AND direction = 'inbound') GROUP BY 1",
            year,
        ),
        "peak_calls_by_day": ask(
            "SELECT at / 86400000, max(n) FROM ("
            "SELECT at, sum(step) OVER (ORDER BY at, step ROWS UNBOUNDED PRECEDING) AS n FROM ("
            "SELECT started_at AS at, 1 AS step {where} UNION ALL SELECT ended_at, -1 FROM call"
            " WHERE tenant_id = ?1 AND started_at >= ?2 AND started_at < ?3)) GROUP BY 1"
        ),
    }


if __name__ == "__main__":
    main()
