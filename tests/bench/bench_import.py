"""How fast a Master.csv becomes calls: `python tests/bench/bench_import.py [rows] [bare]` prints one line of JSON.

stage_s: from the file to the staged calls (sniffing, hashing, reading, joining, writing); load_s: into the warehouse
until the commit, derived tables left out; derive_s: conversations and rollups of those calls in the same transaction
(`bare`: left out). Each in a process of its own, as `callbench import` and the ingest process are; stage_peak_mb,
load_peak_mb: the most resident memory of each. Rows are of 21 columns, names quoted, a tenth of them in a second file
as an account's doubled log.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import duckdb

sys.path.insert(0, str(Path(__file__).parents[2]))

from ingest import derived, warehouse
from ingest.imports import plan, stage
from ingest.sources.imported import ImportedSource
from ingest.writer import Writer
from pbx_core.clock import SystemClock
from pbx_core.settings import load
from pbx_core.store import directory, engine

START = 1_672_531_200  # 2023-01-01
YEAR_S = 2 * 365 * 86400

_LOG = '''
    COPY (
        WITH drawn AS (
            SELECT i, $start + i * $span // $rows AS begun, hash(i) % 100 AS dice,
                   (101 + hash(i, 'e') % 60)::VARCHAR AS inside,
                   '+4930' || lpad((hash(i, 'o') % 400000)::VARCHAR, 7, '0') AS outside,
                   (5 + hash(i, 'r') % 25)::BIGINT AS rang,
                   (hash(i, 't') % 600)::BIGINT AS talk
            FROM range($rows) AS r(i)
        ), call AS (
            SELECT *, dice < 55 AS inbound, dice % 10 < 7 AS answered,
                   CASE WHEN dice % 10 < 7 THEN talk ELSE 0 END AS talked
            FROM drawn
        ), told AS (
            SELECT *, CASE WHEN inbound THEN outside ELSE inside END AS src,
                   CASE WHEN inbound THEN inside ELSE outside END AS dst,
                   CASE WHEN inbound THEN 'PJSIP/carrier' ELSE 'PJSIP/' || inside END AS a,
                   CASE WHEN inbound THEN 'PJSIP/' || inside ELSE 'PJSIP/carrier' END AS b
            FROM call
        )
        SELECT concat('"","', src, '","', dst, '","from","""Name, ""of"" ', i % 5000, '"" <', src, '>","',
            a, '-', format('{:08x}', i), '","', b, '-', format('{:08x}', i + 1), '","Dial","', b, ',25,tr","',
            strftime(make_timestamp(begun * 1000000), '%Y-%m-%d %H:%M:%S'), '",',
            CASE WHEN answered THEN strftime(make_timestamp((begun + rang) * 1000000), '"%Y-%m-%d %X"') ELSE '' END,
            ',"', strftime(make_timestamp((begun + rang + talked) * 1000000), '%Y-%m-%d %H:%M:%S'),
            '",', rang + talked, ',', talked, ',"',
            CASE WHEN answered THEN 'ANSWERED' WHEN dice % 10 = 9 THEN 'BUSY' ELSE 'NO ANSWER' END,
            '","DOCUMENTATION","', begun, '.', i, '","","","', begun, '.', i, '",', i) AS line
        FROM told WHERE i % $every = 0 ORDER BY i
    ) TO '{path}' (FORMAT csv, HEADER false, DELIMITER '\x01', QUOTE '', ESCAPE '')
'''


def write_log(path: Path, rows: int, every: int = 1) -> None:
    """A log of two years."""
    con = duckdb.connect()
    con.execute("SET enable_progress_bar=false")
    con.execute(_LOG.replace("{path}", str(path)), {"start": START, "span": YEAR_S, "rows": rows, "every": every})
    con.close()


def main(rows: int, *, bare: bool) -> None:
    """Write the log, import it, say how long that took."""
    with tempfile.TemporaryDirectory(prefix="bench-import-") as name:
        log = Path(name) / "cdr-csv"
        log.mkdir()
        for path, every in ((log / "Master.csv", 1), (log / "account.csv", 10)):
            _apart(write_log, path, rows, every)
        size = sum(p.stat().st_size for p in log.iterdir())
        staged = _apart(stage_all, log, Path(name) / "data")
        loaded = _apart(load_all, Path(name) / "data", bare)
    assert loaded["loaded"] == staged["calls"] == rows
    assert staged["duplicates"] == -(-rows // 10)
    result = {
        "bench": "import", "rows": staged["rows"], "calls": rows, "file_mb": round(size / 1e6),
        "stage_s": round(staged["wall_s"], 1), "load_s": round(loaded["wall_s"] - loaded["derive_s"], 1),
        "derive_s": round(loaded["derive_s"], 1),
        "rows_per_s": round(staged["rows"] / (staged["wall_s"] + loaded["wall_s"] - loaded["derive_s"])),
        "cpu_s": round(staged["cpu_s"] + loaded["cpu_s"], 1),
        "stage_peak_mb": staged["peak_mb"], "load_peak_mb": loaded["peak_mb"],
        "load_average": round(os.getloadavg()[0], 1),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores", "duckdb": duckdb.__version__,
        "commit": _commit(),
    }  # fmt: skip
    print(json.dumps(result))


def _apart(work: Callable[..., Any], *arguments: object) -> Any:
    """What it returns, from a process that did nothing before."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def stage_all(log: Path, data: Path) -> dict[str, Any]:
    """From the files to the staged calls."""
    clock, settings = SystemClock(), load(data)
    db = engine.migrate(settings)
    tenant = directory.add_tenant(db, clock, "Bench", "bench.test")
    wall, cpu = time.perf_counter(), time.process_time()
    made = plan.make(
        tenant.tenant_id, log, sounds_in=None, only=None, home_zone="UTC", given_zone=None,
        ask=lambda *_: "UTC", told=lambda *_: None,
    )  # fmt: skip
    manifest = stage.stage(made, settings, clock, db, stage.Wish(), lambda *_: None)
    told = {name: getattr(manifest, name) for name in ("rows", "calls", "duplicates")}
    return {**told, **_spent(wall, cpu)}


def load_all(data: Path, bare: bool) -> dict[str, Any]:
    """From the staged calls to the commit."""
    settings = load(data)
    con = warehouse.open_writer(settings)
    watched = [] if bare else [_Watched(d) for d in derived.installed()]
    writer = Writer(con, SystemClock(), [ImportedSource(settings)], watched)
    wall, cpu = time.perf_counter(), time.process_time()
    done = writer.round()
    spent = _spent(wall, cpu)
    con.close()
    return {"loaded": done.rows, "derive_s": _Watched.total_s, **spent}


def _spent(wall: float, cpu: float) -> dict[str, float]:
    return {
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


class _Watched:
    """A derivation with a clock."""

    total_s = 0.0

    def __init__(self, inner: derived.Derivation) -> None:
        self._inner = inner
        self.name = inner.name

    def refresh(self, con: duckdb.DuckDBPyConnection) -> None:
        begun = time.perf_counter()
        self._inner.refresh(con)
        _Watched.total_s += time.perf_counter() - begun

    def rebuild(self, con: duckdb.DuckDBPyConnection) -> None:
        self._inner.rebuild(con)


def _commit() -> str:
    return subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000, bare="bare" in sys.argv)
