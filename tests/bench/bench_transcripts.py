"""From hang-up to the transcript in the dashboard: real calls with speech (sipp on both ends) that end one after
another within a minute, on the whole system. The last line is one JSON object.

Waited is measured by the wall clock, from the call's end as its record says to the first answer of the list of calls
in which its transcript is done; the list is asked about once a second, so each figure is up to that too high.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import soundfile
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parents[2]))

from pbx_core import feed
from pbx_core.clock import SystemClock
from pbx_core.demo import dialogues
from pbx_core.domain.records import parse_iso
from pbx_core.settings import load
from pbx_core.store import directory, engine
from tests.support import gauges, sipp
from tests.support.machine import machine
from tests.support.ports import free_port, free_range
from tests.support.system import System, running
from tests.support.waiting import until
from tests.support.web import sign_in

DOMAIN, PASSWORD = "bench.test", "benchmark-password"
ASK_EVERY_S = 1.0
PATIENCE_S = 900.0  # what is not there by then is missing


@dataclass(frozen=True)
class Wish:
    """What is asked for. within_s: in which the calls end."""

    calls: int
    within_s: float
    talk_s: float
    transcribers: int
    dialogue: str


def speech(path: Path, wav: Path) -> Path:
    """A side of a dialogue as raw μ-law, for rtp_stream."""
    samples, rate = soundfile.read(wav, dtype="int16")
    assert rate == 8000
    path.write_bytes(bytes(sipp.mu_law(int(sample)) for sample in samples))
    return path


def office(data: Path, calls: int) -> sa.Engine:
    """A tenant with so many callers and callees, and its owner."""
    db, clock = engine.migrate(load(data)), SystemClock()
    tenant = directory.add_tenant(db, clock, "Bench", DOMAIN)
    for n in range(1, calls + 1):
        for number in (2000 + n, 3000 + n):
            directory.add_extension(db, clock, tenant, str(number), PASSWORD)
    directory.add_person(db, clock, tenant.tenant_id, f"owner@{DOMAIN}", "Owner", "owner", PASSWORD)
    return db


def place(system: System, work: Path, wish: Wish) -> None:
    """Register the callees, then place the calls; returns when the last one has ended."""
    spoken = dialogues.load(wish.dialogue)
    caller = speech(work / "caller.ulaw", spoken.caller_wav)
    callee = speech(work / "callee.ulaw", spoken.callee_wav)
    rate, port = wish.calls / wish.within_s, free_port()
    numbers = range(1, wish.calls + 1)
    lines = [sipp.row(str(2000 + n), str(3000 + n), PASSWORD, DOMAIN) for n in numbers]
    callees = [sipp.row(str(3000 + n), "", PASSWORD, DOMAIN) for n in numbers]

    def phones(name: str, scenario: str, port: int, rate: float, lines: list[tuple[str, ...]]) -> sipp.Sipp:
        return sipp.Sipp(
            work, name, scenario, port, system.settings.sip_port, lines, calls=wish.calls, rate=rate,
            at_once=wish.calls + 10, media_port=free_range(4 * wish.calls + 100, 32000, 60000),
        )  # fmt: skip

    assert phones("register", sipp.register_scenario(), port, 20.0, callees).start().wait(60) == 0
    answering = phones("answer", sipp.answer_scenario(callee), port, 20.0, []).start()
    time.sleep(0.5)  # it listens
    call = phones("call", sipp.call_scenario(int(wish.talk_s * 1000), caller), free_port(), 1.0, lines)
    calling = sipp.Sipp(**{**vars(call), "options": ("-rp", str(int(1000 / rate)))}).start()
    calling.wait(wish.within_s + wish.talk_s + 120)
    answering.wait(60)


def waited(system: System, wish: Wish) -> dict[str, float]:
    """Wall clock at which each call's transcript was seen, by call."""
    seen: dict[str, float] = {}
    with httpx.Client(base_url=system.web, timeout=30, follow_redirects=True) as client:
        sign_in(client, f"owner@{DOMAIN}", PASSWORD)  # type: ignore[arg-type]
        deadline = time.monotonic() + PATIENCE_S
        while len(seen) < wish.calls and time.monotonic() < deadline:
            answer = client.get("/api/calls", params={"limit": 200})
            for row in answer.json()["calls"] if answer.status_code == 200 else []:
                if row["transcript_status"] == "done":
                    seen.setdefault(row["call_id"], time.time())
            time.sleep(ASK_EVERY_S)
    return seen


def written(system: System) -> dict[str, dict[str, float]]:
    """When the recording and the transcript of each call were written to their journals, by kind and call."""
    at: dict[str, dict[str, float]] = {"recording": {}, "transcript": {}}
    for segment in feed.segments(system.settings.journal_dir):
        for line in feed.read(system.settings.journal_dir, segment):
            entry = feed.decode(line.raw)
            if entry.kind in at and entry.record is not None:
                at[entry.kind][entry.record.call_id] = parse_iso(entry.at).timestamp()
    return at


def cuts(name: str, times: list[float]) -> dict[str, float]:
    """Median and 95 % of some waits."""
    found = statistics.quantiles(times, n=100, method="inclusive") if len(times) > 1 else [0.0] * 99
    return {f"{name}_s_p50": round(found[49], 1), f"{name}_s_p95": round(found[94], 1)}


def measure(wish: Wish) -> dict[str, object]:
    """Run the whole thing once."""
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="bench-transcripts-") as scratch:
        data, work = Path(scratch) / "data", Path(scratch) / "sipp"
        work.mkdir()
        opened = {"flood_requests_max": 1_000_000, "spare_calls_min": wish.calls, "workers_max": 24}
        with running(data, office(data, wish.calls), transcribers=wish.transcribers, **opened) as system:

            def idle() -> bool:
                board = system.board()
                names = [f"transcribe-{n}" for n in range(wish.transcribers)]
                return all(n in board and board[n].detail.get("state") == "idle" for n in names)

            until(idle, 180, 0.5, what="the speech models are loaded")
            until(lambda: system.status()["capacity_calls"] >= wish.calls, 90, 0.5, what="room for all calls")
            placing = threading.Thread(target=place, args=(system, work, wish))
            placing.start()
            seen = waited(system, wish)
            placing.join()
            cdrs, recordings = gauges.records(system.settings)
            at = written(system)
            cpu_s = gauges.cpu_s(system, "transcribe")
    ended = {c.call_id: c.ended_at.timestamp() for c in cdrs if c.answered_at}
    took = sorted(seen[call_id] - at for call_id, at in ended.items() if call_id in seen)
    return {
        "calls": len(ended),
        "transcribed": len(took),
        "ended_within_s": round(max(ended.values()) - min(ended.values()), 1) if ended else None,
        "sound_s_per_call": round(statistics.mean(r.duration_s for rs in recordings.values() for r in rs), 1),
        **cuts("recorded", [when - ended[c] for c, when in at["recording"].items() if c in ended]),
        **cuts("heard", [when - ended[c] for c, when in at["transcript"].items() if c in ended]),
        **cuts("waited", took),
        "waited_s_max": round(took[-1], 1) if took else None,
        "transcribers": wish.transcribers,
        "transcriber_cpu_s": round(cpu_s, 1),
        "load_before": round(load_before, 2),
        "load_after": round(os.getloadavg()[0], 2),
        **machine(),
    }


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--within-s", type=float, default=60.0, help="the calls end evenly within so long")
    parser.add_argument("--talk-s", type=float, default=30.0)
    parser.add_argument("--transcribers", type=int, default=1)
    parser.add_argument("--dialogue", default="sales", help="of the demonstration; it is repeated to fill the call")
    given = parser.parse_args()
    print(json.dumps(measure(Wish(given.calls, given.within_s, given.talk_s, given.transcribers, given.dialogue))))


if __name__ == "__main__":
    main()
