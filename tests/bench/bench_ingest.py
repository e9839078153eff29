"""How fast ingest loads CDRs: `python tests/bench/bench_ingest.py [count]` prints one line of JSON.

rows_per_s: CDR lines per second of wall clock, from the journal to the committed warehouse, decoding included.
commit_ms_p50, commit_ms_p95: a whole round for 10 new calls (20 rounds after the bulk load). cpu_s: of this process.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from ingest import maintenance, warehouse
from ingest.sources.feed import FeedSource
from ingest.writer import Writer
from pbx_core import feed
from pbx_core.clock import SystemClock, uuid7_hex
from pbx_core.settings import Settings, load
from pbx_core.store.directory import Tenant
from tests.support import facts

ROUNDS = 20


def main(count: int) -> None:
    """Write the journal, load it, then measure small rounds."""
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as folder:
        settings = load(Path(folder) / "data")
        tenant = Tenant(clock.new_id(), "Bench", "bench.test", "UTC", ("en",))
        _write_cdrs(settings, clock, tenant, count)
        con = warehouse.open_writer(settings)
        writer = Writer(con, clock, [FeedSource(settings.journal_dir, clock)])
        wall, cpu = time.perf_counter(), time.process_time()
        rounds = _load(writer)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        small = [_small_round(settings, clock, tenant, writer, n) for n in range(ROUNDS)]
        tidy_ms = time.perf_counter()
        maintenance.tidy(con, clock, maintenance.Epoch(settings))
        tidy_ms = time.perf_counter() - tidy_ms
        con.close()
    print(
        json.dumps(
            {
                "bench": "ingest",
                "cdrs": count,
                "rows_per_s": round(count / wall),
                "wall_s": round(wall, 3),
                "cpu_s": round(cpu, 3),
                "rounds": rounds,
                "commit_ms_p50": round(statistics.median(small) * 1000, 1),
                "commit_ms_p95": round(sorted(small)[int(ROUNDS * 0.95) - 1] * 1000, 1),
                "tidy_ms": round(tidy_ms * 1000, 1),
                "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
                "load_1min": round(os.getloadavg()[0], 1),
                "commit": _commit(),
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
            }
        )
    )


def _write_cdrs(settings: Settings, clock: SystemClock, tenant: Tenant, count: int) -> None:
    """count CDR lines with two legs each, made of a few hundred fabricated calls with new ids."""
    calls = facts.make_calls(tenant, min(count, 500), until=clock.now())
    journal = feed.Journal(settings.journal_dir, "worker-0", clock)
    for n in range(count):
        cdr = calls[n % len(calls)].cdr
        call_id = uuid7_hex(int(cdr.started_at.timestamp() * 1000), n.to_bytes(10, "big"))
        journal.append("cdr", call_id, tenant.tenant_id, replace(cdr, call_id=call_id), sync=False)
    journal.close()


def _load(writer: Writer) -> int:
    rounds = 1
    while writer.round().backlog:
        rounds += 1
    return rounds


def _small_round(settings: Settings, clock: SystemClock, tenant: Tenant, writer: Writer, seed: int) -> float:
    facts.write_calls(settings, clock, tenant, 10, seed=seed)
    start = time.perf_counter()
    writer.round()
    return time.perf_counter() - start


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=Path(__file__).parent
    )
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
