"""Recorded calls with sipp on both ends: first many at once, then many per second. The last line is one JSON object.

At once: set-up times, CPU, memory and what is wrong with the recordings. CPU is read from /proc as seconds used by
the edge and by the workers (signalling and sound) while all calls are up, idle cost included, divided by calls and
seconds: 1000 millicores are one core. Per second: short calls, one after the other, and how many were not answered.
The guard against floods is opened wide, because all calls come from one address.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[2]))

from pbx_core.clock import SystemClock
from pbx_core.settings import load
from pbx_core.store import directory, engine
from tests.support import gauges, sipp
from tests.support.machine import machine
from tests.support.ports import free_port, free_range
from tests.support.system import System, running
from tests.support.waiting import until

TENANTS = 2  # a tenant's calls stay together on one strong worker, so one tenant would use one core only
IDLE_S = 4.0  # the idle system is measured for so long
SHORT_TALK_S = 0.5  # of the calls that are counted per second
REGISTER_RATE = 50.0


@dataclass(frozen=True)
class Wish:
    """What is asked for. `setup_rate`: calls per second in the second part, for setup_s; 0: leave it out."""

    calls: int
    rate: float
    talk_s: float
    setup_rate: float
    setup_s: float


class Bench:
    """One running system with sipp phones."""

    def __init__(self, system: System, work: Path, pairs: int) -> None:
        """`pairs`: callers 2001… and callees 3001…."""
        self.system = system
        self._work = work
        self._sound = sipp.tone(work / "tone.ulaw", 440.0)
        self._callee_port = free_port()
        numbers = range(1, pairs + 1)
        self._lines = [sipp.row(str(2000 + n), str(3000 + n), "benchmark-password", domain(n)) for n in numbers]
        callees = [sipp.row(str(3000 + n), "", "benchmark-password", domain(n)) for n in numbers]
        register = self._sipp("register", sipp.register_scenario(), self._callee_port, pairs, REGISTER_RATE, callees)
        assert register.start().wait(pairs / REGISTER_RATE + 30) == 0, (work / "register.out").read_text()[-2000:]

    def phones(self, name: str, calls: int, rate: float, talk_s: float) -> tuple[sipp.Sipp, sipp.Sipp]:
        """The calling and the answering side, not started yet."""
        scenario = sipp.call_scenario(int(talk_s * 1000), self._sound)
        caller = self._sipp(f"call-{name}", scenario, free_port(), calls, rate, self._lines, media=True)
        callee = self._sipp(
            f"answer-{name}", sipp.answer_scenario(self._sound), self._callee_port, calls, rate, media=True
        )
        return caller, callee

    def _sipp(
        self,
        name: str,
        scenario: str,
        port: int,
        calls: int,
        rate: float,
        lines: list[tuple[str, ...]] | None = None,
        media: bool = False,
    ) -> sipp.Sipp:
        return sipp.Sipp(
            self._work,
            name,
            scenario,
            port,
            self.system.settings.sip_port,
            lines or [],
            calls=calls,
            rate=rate,
            at_once=calls + 10,
            media_port=free_range(4 * min(calls, 1000) + 100, 32000, 60000) if media else None,
        )

    def calls_up(self) -> int:
        """Calls under way, as the workers count them."""
        board = self.system.board()
        return sum(int(row.detail.get("calls", 0)) for name, row in board.items() if name.startswith("worker-"))

    def used(self) -> dict[str, float]:
        """CPU seconds so far, with the time they were read at."""
        return {"at": time.monotonic(), **{p: gauges.cpu_s(self.system, p) for p in ("edge", "worker", "recorder")}}


def millicores(before: dict[str, float], after: dict[str, float], *names: str) -> float:
    """What the named processes used between two readings."""
    return sum(after[name] - before[name] for name in names) / (after["at"] - before["at"]) * 1000


def domain(pair: int) -> str:
    """Of the tenant to which a pair of caller and callee belongs."""
    return f"bench-{pair % TENANTS}.test"


def office(data: Path, pairs: int) -> object:
    """The database of tenants that have so many callers and callees together."""
    db = engine.migrate(load(data))
    clock = SystemClock()
    tenants = [directory.add_tenant(db, clock, f"Bench {n}", domain(n)) for n in range(TENANTS)]
    for n in range(1, pairs + 1):
        for number in (2000 + n, 3000 + n):
            directory.add_extension(db, clock, tenants[n % TENANTS], str(number), "benchmark-password")
    return db


def at_once(bench: Bench, wish: Wish) -> dict[str, object]:
    """All calls up at the same time; then their recordings are judged."""
    calls, system = wish.calls, bench.system
    idle_before = bench.used()
    time.sleep(IDLE_S)  # what is measured, as with every sleep here
    idle = millicores(idle_before, bench.used(), "edge", "worker")
    call, answer = bench.phones("at-once", calls, wish.rate, wish.talk_s)
    answering, calling = answer.start(), call.start()
    until(lambda: bench.calls_up() >= calls, calls / wish.rate + 20, 0.3, what="all calls up")
    psutil.cpu_percent()
    before = bench.used()
    time.sleep(max(2.0, wish.talk_s - calls / wish.rate - 4))
    after, busy = bench.used(), psutil.cpu_percent()
    memory, scheduling = gauges.memory_mib(system, "worker"), gauges.realtime(system, "worker")
    calling.wait(calls / wish.rate + wish.talk_s + 60)
    answering.wait(30)

    def recorded() -> bool:
        cdrs, recordings = gauges.records(system.settings)
        return len(cdrs) >= calls and all(c.call_id in recordings for c in cdrs if c.answered_at)

    with contextlib.suppress(AssertionError):  # what is missing by then counts as bad
        until(recorded, 30 + 2 * calls, 0.5)
    cdrs, recordings = gauges.records(system.settings)
    answered = [c for c in cdrs if c.answered_at]
    broken = [gauges.faults(c, recordings.get(c.call_id, []), system.settings) for c in answered]
    return {
        "calls": calls,
        "answered": len(answered),
        **_setup(call.setup_ms()),
        "recordings_bad": sum(1 for found in broken if found),
        "bad_by_rule": dict(Counter(rule for found in broken for rule in found)),
        "cpu_millicores_per_call": round(millicores(before, after, "edge", "worker") / calls, 2),
        "worker_millicores_per_call": round(millicores(before, after, "worker") / calls, 2),
        "edge_millicores_per_call": round(millicores(before, after, "edge") / calls, 2),
        "idle_millicores": round(idle, 1),
        "machine_busy_percent": busy,
        "workers": len(memory),
        "worker_memory_mib": memory,
        "worker_threads": scheduling,
    }


def per_second(bench: Bench, wish: Wish) -> dict[str, object]:
    """Short calls at a rate; set-up times, and those that failed."""
    calls = int(wish.setup_rate * wish.setup_s)
    call, answer = bench.phones("per-second", calls, wish.setup_rate, SHORT_TALK_S)
    answering, calling = answer.start(), call.start()
    before = bench.used()
    time.sleep(wish.setup_s)
    after = bench.used()
    calling.wait(60)
    answering.terminate()
    answering.wait(30)
    figures = call.statistics()
    return {
        "calls_per_s": wish.setup_rate,
        "calls": calls,
        "failed": calls - int(figures["SuccessfulCall(C)"]),
        **_setup(call.setup_ms()),
        "worker_millicores_per_call_per_s": round(millicores(before, after, "worker") / wish.setup_rate, 2),
        "edge_millicores_per_call_per_s": round(millicores(before, after, "edge") / wish.setup_rate, 2),
        "worker_memory_mib": gauges.memory_mib(bench.system, "worker"),
    }


def _setup(times_ms: list[float]) -> dict[str, object]:
    cuts = statistics.quantiles(times_ms, n=100) if len(times_ms) > 1 else [0.0] * 99
    return {"setup_ms_p50": round(cuts[49], 1), "setup_ms_p95": round(cuts[94], 1), "setup_ms_p99": round(cuts[98], 1)}


def measure(wish: Wish) -> dict[str, object]:
    """Run the whole thing once."""
    load_before = os.getloadavg()[0]
    room = max(wish.calls, int(2 * wish.setup_rate))  # a short call keeps its place for two seconds at most
    with tempfile.TemporaryDirectory(prefix="bench-call-") as scratch:
        data, work = Path(scratch) / "data", Path(scratch) / "sipp"
        work.mkdir()
        db = office(data, wish.calls)
        opened = {"flood_requests_max": 1_000_000, "spare_calls_min": room, "workers_max": max(24, min(room, 99))}
        with running(data, db, transcribers=0, **opened) as system:  # type: ignore[arg-type]
            until(lambda: system.status()["capacity_calls"] >= room, 90, 0.5, what="room for all calls")
            bench = Bench(system, work, wish.calls)
            together = at_once(bench, wish)
            rate = per_second(bench, wish) if wish.setup_rate else None
    return {
        "engine": gauges.engine(),
        **together,
        "set_up": rate,
        "load_before": round(load_before, 2),
        **machine(),
    }


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--rate", type=float, default=4.0, help="calls started per second")
    parser.add_argument("--talk-s", type=float, default=30.0, help="beyond the time it takes to start all calls")
    parser.add_argument("--setup-rate", type=float, default=5.0, help="calls per second in the second part; 0: none")
    parser.add_argument("--setup-s", type=float, default=20.0)
    given = parser.parse_args()
    talk_s = given.talk_s + given.calls / given.rate
    print(json.dumps(measure(Wish(given.calls, given.rate, talk_s, given.setup_rate, given.setup_s))))


if __name__ == "__main__":
    main()
