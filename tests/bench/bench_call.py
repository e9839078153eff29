"""Simultaneous recorded calls with sipp on both ends: set-up times, whole recordings, CPU per call.

The last line is one JSON object. CPU is read from /proc as seconds used by the edge and the workers (signalling and
media) while all calls are up, divided by calls and seconds: 1000 millicores are one core. The recorder's and the
warehouse's work is measured apart, over the whole run.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import psutil

sys.path.insert(0, str(Path(__file__).parents[2]))

from analytics import queries
from pbx_core.clock import SystemClock
from pbx_core.errors import Unavailable
from pbx_core.settings import load
from pbx_core.store import directory, engine
from tests.support import sipp
from tests.support.machine import machine
from tests.support.ports import free_port, free_range
from tests.support.system import System, running
from tests.support.waiting import until

DOMAIN = "bench.test"
RECORDING_SLACK_S = 0.25  # reliability.md promise 13


def office(data: Path, calls: int) -> tuple[directory.Tenant, object]:
    """A tenant with callers 2001… and callees 3001…."""
    settings = load(data)
    db = engine.migrate(settings)
    clock = SystemClock()
    tenant = directory.add_tenant(db, clock, "Bench", DOMAIN)
    for n in range(1, calls + 1):
        for number in (2000 + n, 3000 + n):
            directory.add_extension(db, clock, tenant, str(number), "benchmark-password")
    return tenant, db


def cpu_s(system: System, *prefixes: str) -> float:
    """User and system seconds used so far by the named processes."""
    total = 0.0
    for name, row in system.board().items():
        if name.startswith(prefixes):
            times = psutil.Process(row.pid).cpu_times()
            total += times.user + times.system
    return total


def phones(system: System, work: Path, calls: int, rate: float, talk_s: float) -> tuple[sipp.Sipp, sipp.Sipp]:
    """Register the callees, start answering, and return the (not yet started) callers and the answering side."""
    sound = sipp.tone(work / "tone.ulaw", 440.0)
    edge = system.settings.sip_port
    port = free_port()
    callees = [sipp.row(str(3000 + n), "", "benchmark-password", DOMAIN) for n in range(1, calls + 1)]
    register = sipp.Sipp(work, "register", sipp.register_scenario(), port, edge, callees, calls=calls, rate=5)
    assert register.start().wait(60) == 0, (work / "register.out").read_text()[-2000:]
    answer = sipp.Sipp(
        work, "answer", sipp.answer_scenario(sound), port, edge, calls=calls, media_port=free_range(1000)
    )
    lines = [sipp.row(str(2000 + n), str(3000 + n), "benchmark-password", DOMAIN) for n in range(1, calls + 1)]
    talk_ms = int(talk_s * 1000)
    call = sipp.Sipp(
        work, "call", sipp.call_scenario(talk_ms, sound), free_port(), edge, lines, calls=calls, rate=rate,
        media_port=free_range(1000),
    )  # fmt: skip
    return call, answer


def measure(calls: int, rate: float, talk_s: float) -> dict[str, object]:
    """Run the whole thing once."""
    with tempfile.TemporaryDirectory(prefix="bench-call-") as scratch:
        data, work = Path(scratch) / "data", Path(scratch) / "sipp"
        work.mkdir()
        tenant, db = office(data, calls)
        with running(data, db, spare_calls_min=calls, workers_max=max(24, calls), transcribers=0) as system:  # type: ignore[arg-type]
            until(lambda: system.status()["capacity_calls"] >= calls, 60, 0.5, what="room for all calls")
            idle = cpu_s(system, "edge", "worker")
            time.sleep(3)
            idle_millicores = (cpu_s(system, "edge", "worker") - idle) / 3 * 1000
            call, answer = phones(system, work, calls, rate, talk_s)
            answering, calling = answer.start(), call.start()
            until(lambda: system.status()["calls"] >= calls, calls / rate + 20, 0.3, what="all calls up")
            began, used = time.monotonic(), cpu_s(system, "edge", "worker")
            time.sleep(max(2.0, talk_s - calls / rate - 4))
            seconds, used = time.monotonic() - began, cpu_s(system, "edge", "worker") - used
            calling.wait(calls / rate + talk_s + 60)
            answering.wait(30)
            reader_settings = system.settings
            until(lambda: _rows(reader_settings, tenant)[1] >= calls, 60, 0.5, what="all recordings in the warehouse")
            return _report(call, reader_settings, tenant, calls, used / seconds / calls * 1000, idle_millicores)


def _rows(settings: object, tenant: directory.Tenant) -> tuple[list[queries.CallDetail], int]:
    try:
        reader = queries.open_reader(settings)  # type: ignore[arg-type]
    except Unavailable:  # the warehouse may not exist in the first second
        return [], 0
    scope = queries.Scope(tenant.tenant_id)
    page = queries.calls(reader, scope, limit=500)
    details = [queries.call(reader, scope, str(c)) for c in page.frame["call_id"]]
    found = [d for d in details if d is not None]
    return found, sum(1 for d in found if d.recording)


def _report(
    call: sipp.Sipp, settings: object, tenant: directory.Tenant, calls: int, millicores: float, idle: float
) -> dict[str, object]:
    details, _ = _rows(settings, tenant)
    answered = sum(1 for d in details if d.cdr.disposition == "answered")
    ok = sum(
        1
        for d in details
        if d.recording
        and d.recording.quality == "ok"
        and abs(d.recording.duration_s - d.cdr.talk_s) <= RECORDING_SLACK_S
    )
    setup = sorted(call.setup_ms())
    cuts = statistics.quantiles(setup, n=20) if len(setup) > 1 else [0.0] * 19
    return {
        "calls": calls,
        "answered": answered,
        "setup_ms_p50": round(statistics.median(setup), 1) if setup else None,
        "setup_ms_p95": round(cuts[18], 1),
        "recordings_ok": ok,
        "cpu_millicores_per_call": round(millicores, 1),
        "idle_millicores": round(idle, 1),
        "not_ok": [d.recording.quality_reason for d in details if d.recording and d.recording.quality != "ok"],
        "duckdb": duckdb.__version__,
        **machine(),
    }


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--rate", type=float, default=4.0, help="calls started per second")
    parser.add_argument("--talk-s", type=float, default=30.0)
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.calls, arguments.rate, arguments.talk_s)))


if __name__ == "__main__":
    main()
