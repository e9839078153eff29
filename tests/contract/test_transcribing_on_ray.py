"""Transcription on a Ray cluster of several nodes: whatever is killed, every recording gets its words once."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from pbx_core.store import jobs, services
from pbx_core.store.schema import job
from tests.conftest import World
from tests.support import raycluster, speech
from tests.support.raycluster import Nodes
from tests.support.transcribing import recorded, state_of, transcripts
from tests.support.waiting import until

pytestmark = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="callbench[ray] is not installed")

DRIVER = "transcribe-ray-0"
WAIT_S = 300  # transcription gives way to everything else that the machine does (nice 10): a second may take twenty


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with raycluster.cluster("b") as running:
        yield running


@contextlib.contextmanager
def driver(world: World, nodes: Nodes) -> Iterator[subprocess.Popen[bytes]]:
    """`callbench transcribe --ray` on the machine with the database."""
    environment = {**os.environ, "CALLBENCH_MODEL_DIR": str(speech.model().path)}
    command = [sys.executable, "-m", "pbx_core.cli", "--data", str(world.settings.data), "transcribe"]
    process = subprocess.Popen([*command, "--ray", nodes.address], env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def long_call(tmp_path: Path) -> bytes:
    """Three minutes, as recorded: some seconds of work, so that it can be seen who is in the middle of it."""
    file = tmp_path / "call.webm"
    minute = np.concatenate([speech.dialogue("sales"), speech.dialogue("crosstalk")])
    speech.write_webm(file, np.tile(minute, (3, 1)))
    return file.read_bytes()


def said(world: World) -> dict[str, Any]:
    """What the driver tells on the board."""
    return next((s.detail for s in services.all_services(world.db) if s.name == DRIVER), {})


def workers(world: World) -> dict[int, list[str]]:
    """What each worker has in hand, by its process."""
    return {int(place.rpartition("/")[2]): held for place, held in said(world).get("workers", {}).items()}


def hearing(world: World, nodes: Nodes, on_b: bool) -> tuple[int, str] | None:
    """The worker on the node b, or on the other, and the recording that it is in the middle of."""
    shares = said(world).get("jobs", {})
    found = ((pid, held[0]) for pid, held in workers(world).items() if held and shares.get(held[0]))
    return next(((pid, held) for pid, held in found if nodes.runs_on("b", pid) is on_b), None)


def done(world: World) -> int:
    return jobs.counts(world.db, "transcribe").get("done", 0)


@pytest.mark.timeout(900)
def test_a_worker_a_node_and_the_driver_are_killed_and_every_recording_gets_its_words(
    world: World, nodes: Nodes, long_call: bytes
) -> None:
    ids = [recorded(world, world.acme, long_call) for _ in range(4)]
    with driver(world, nodes) as first:
        pid, _ = until(lambda: hearing(world, nodes, on_b=False), WAIT_S, what="a worker hears")
        os.kill(pid, signal.SIGKILL)
        lost, _ = until(lambda: hearing(world, nodes, on_b=True), WAIT_S, what="the other node's worker hears")
        nodes.kill("b")
        nodes.add("b")
        until(lambda: {n for n in workers(world) if n not in (pid, lost)}, WAIT_S, what="there are workers again")
        until(lambda: jobs.counts(world.db, "transcribe").get("leased"), WAIT_S, what="the next are in hand")
        first.kill()
        first.wait()
    assert done(world) < len(ids)
    with driver(world, nodes) as second:
        until(lambda: done(world) == len(ids), WAIT_S, 0.2, "the next driver ends all jobs")
        second.terminate()
        assert second.wait(timeout=120) == 0
    found = transcripts(world.settings)
    assert {t.recording_id for t in found} == set(ids)
    assert {t.status for t in found} == {"done"}
    assert all(t.model_sha256 == speech.model().sha256 and t.cpu_s > 0 for t in found)
    tries = [state_of(world, i).tries for i in ids]
    assert 2 <= sum(tries) - len(ids) <= 4, "one for the worker, one for the node, two at most for the driver"
    assert len(found) <= len(ids) + 2, "two at most were written by the driver and not ended"


def test_a_recording_over_which_workers_die_is_put_aside_and_its_neighbours_are_heard(
    world: World, nodes: Nodes, tmp_path: Path
) -> None:
    file = tmp_path / "poison.webm"
    speech.write_webm(file, np.tile(speech.dialogue("sales"), (12, 1)))  # ten seconds of work: it can be seen and hit
    poison = recorded(world, world.acme, file.read_bytes())
    with world.db.begin() as connection:  # so often did it happen before
        connection.execute(sa.update(job).values(tries=jobs.TRIES_MAX - 1))
    neighbours = [recorded(world, world.birch, speech.dialogue("appointment")) for _ in range(2)]
    with driver(world, nodes):

        def over_it() -> int | None:
            shares = said(world).get("jobs", {})
            return next((pid for pid, held in workers(world).items() if poison in held and shares.get(poison)), None)

        os.kill(until(over_it, WAIT_S, what="it is heard"), signal.SIGKILL)
        until(lambda: done(world) == 2 and state_of(world, poison).state == "failed", WAIT_S, 0.2, "all have ended")
    view = state_of(world, poison)
    assert "died while this recording was heard" in (view.reason or "")
    by_id = {t.recording_id: t for t in transcripts(world.settings)}
    assert (by_id[poison].status, by_id[poison].reason) == ("failed", view.reason)
    assert [by_id[i].status for i in neighbours] == ["done", "done"]


def test_a_node_with_other_rules_or_weights_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from analytics.remote import VERSION, Worker  # here: importing Ray reads the environment that the cluster needs

    monkeypatch.setenv("CALLBENCH_DATA", str(tmp_path))
    monkeypatch.setenv("CALLBENCH_MODEL_DIR", str(speech.model().path))
    assert "another version of Callbench" in str(Worker().load("asr-0", speech.model()))
    other = dataclasses.replace(speech.model(), sha256="0" * 64)
    assert "other speech models" in str(Worker().load(VERSION, other))
    monkeypatch.setenv("CALLBENCH_MODEL_DIR", str(tmp_path))
    assert "holds no model.bin" in str(Worker().load(VERSION, speech.model()))
