"""Thirty calls while every process is killed in turn: no record lost, none doubled, every recording playable."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from analytics import queries
from ingest import audio
from pbx_core.store import directory
from tests.conftest import World
from tests.support import sipp
from tests.support.ports import free_port, free_range
from tests.support.system import ESSENTIAL, System, running
from tests.support.waiting import until

CALLS = 30
TALK_MS = 7000
BACK_WITHIN_S = 10.0
LOST_AT_KILL_S = 1.0  # of a recording, reliability.md promise 11
END_ERROR_S = 5.0  # of an aborted call, promise 16

pytestmark = [pytest.mark.peers, pytest.mark.timeout(420)]


@dataclass(frozen=True)
class Kill:
    """When a process was killed, by the wall clock."""

    name: str
    at: float


def _office(world: World) -> None:
    for n in range(1, CALLS + 1):
        for number in (2000 + n, 3000 + n):
            directory.add_extension(world.db, world.clock, world.acme, str(number), "kill-test-password")


def _phones(system: System, work: Path) -> tuple[sipp.Sipp, sipp.Sipp]:
    edge, port, sound = system.settings.sip_port, free_port(), sipp.tone(work / "tone.ulaw", 440.0)
    callees = [sipp.row(str(3000 + n), "", "kill-test-password", "acme.test") for n in range(1, CALLS + 1)]
    register = sipp.Sipp(work, "register", sipp.register_scenario(), port, edge, callees, calls=CALLS, rate=5)
    assert register.start().wait(60) == 0, (work / "register.out").read_text()[-2000:]
    answer = sipp.Sipp(work, "answer", sipp.answer_scenario(sound), port, edge, media_port=free_range(1000))
    lines = [sipp.row(str(2000 + n), str(3000 + n), "kill-test-password", "acme.test") for n in range(1, CALLS + 1)]
    call = sipp.Sipp(
        work,
        "call",
        sipp.call_scenario(TALK_MS, sound),
        free_port(),
        edge,
        lines,
        calls=CALLS,
        rate=1.0,
        media_port=free_range(1000),
    )
    return call, answer


def _kill_in_turn(system: System, dice: random.Random) -> list[Kill]:
    """Kill each process once, at random moments, waiting each time until it is back."""
    kills = []
    for name in dice.sample(ESSENTIAL, len(ESSENTIAL)):
        time.sleep(dice.uniform(0.5, 3.0))  # the random moment is the point of this test
        pid = system.kill(name)
        kills.append(Kill(name, time.time()))
        until(
            lambda name=name, pid=pid: (row := system.board().get(name)) and row.pid != pid,  # type: ignore[misc]
            BACK_WITHIN_S,
            0.1,
            what=f"{name} back after kill -9",
        )
    return kills


def _details(reader: queries.Reader, tenant_id: str) -> list[queries.CallDetail]:
    scope = queries.Scope(tenant_id)
    ids = queries.calls(reader, scope, limit=200).frame["call_id"]
    found = [queries.call(reader, scope, str(i)) for i in ids]
    return [d for d in found if d is not None]


def _settled(system: System, reader: queries.Reader, tenant_id: str) -> bool:
    """No call open, nothing in the spool, no job waiting, everything in the warehouse."""
    status = system.status()
    busy = (
        status["calls"]
        + status["recordings_waiting"]
        + status["jobs"].get("ready", 0)
        + status["jobs"].get("leased", 0)
    )
    if busy:
        return False
    details = _details(reader, tenant_id)
    return bool(details) and all(d.transcript for d in details if d.cdr.recording_id)


def test_no_record_is_lost_or_doubled_when_every_process_is_killed_in_turn(world: World, tmp_path: Path) -> None:
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    _office(world)
    work = tmp_path / "sipp"
    work.mkdir()
    with running(world.settings.data, world.db, spare_calls_min=12) as system:
        call, answer = _phones(system, work)
        answering, calling = answer.start(), call.start()
        try:
            kills = _kill_in_turn(system, random.Random(seed))
            calling.wait(120)
        finally:
            calling.kill()
            answering.kill()
        reader, tenant_id = queries.open_reader(system.settings), world.acme.tenant_id
        until(lambda: _settled(system, reader, tenant_id), 150, 1.0, what="all calls recorded and transcribed")
        details = _details(reader, tenant_id)
        _check_records(call.answered(), details)
        _check_recordings(system, details, kills)


def _check_records(answered: list[str], details: list[queries.CallDetail]) -> None:
    assert len(answered) >= CALLS // 2, "most calls should get through in spite of the kills"
    by_caller = Counter(d.cdr.caller_number for d in details if d.cdr.disposition == "answered")
    assert {caller: by_caller[caller] for caller in answered} == dict.fromkeys(answered, 1)
    ids = Counter(d.cdr.call_id for d in details)
    assert set(ids.values()) == {1}


def _check_recordings(system: System, details: list[queries.CallDetail], kills: list[Kill]) -> None:
    for d in details:
        if d.cdr.disposition != "answered":
            continue
        assert d.recording, f"{d.cdr.call_id} ({d.cdr.cause}) has no recording: {d.cdr.recording_reason}"
        samples, rate = audio.decode(system.settings.recordings_dir / d.recording.path)
        assert samples.shape[1] == 2
        length_s = len(samples) / rate
        assert length_s >= d.cdr.talk_s - LOST_AT_KILL_S, (
            f"{length_s} s of {d.cdr.talk_s} s; {d.recording.quality_reason}"
        )
        if d.cdr.aborted:
            at = [k.at for k in kills if k.name == d.cdr.worker]
            assert at, f"{d.cdr.worker} was not killed, yet {d.cdr.call_id} is aborted"
            assert abs(d.cdr.ended_at.timestamp() - at[0]) <= END_ERROR_S
            assert d.recording.quality == "truncated"
