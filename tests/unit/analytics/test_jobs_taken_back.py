"""Leases of dead processes, and jobs that were not really tried."""

from __future__ import annotations

import os
import subprocess
import sys

from pbx_core.store import jobs
from tests.conftest import World

LEASE_S = 30.0


def enqueued(world: World, job_id: str = "r1") -> None:
    jobs.enqueue(world.db, world.clock, "transcribe", job_id, world.acme.tenant_id, {})


def a_dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_a_dead_predecessor_held_is_ready_at_once(world: World) -> None:
    enqueued(world)
    assert jobs.lease(world.db, world.clock, "transcribe", f"transcribe-0/{a_dead_pid()}", LEASE_S)
    assert jobs.lease(world.db, world.clock, "transcribe", "transcribe-0/x", LEASE_S) is None
    assert jobs.release_dead(world.db, world.clock, "transcribe", "transcribe-0") == 1
    again = jobs.lease(world.db, world.clock, "transcribe", "transcribe-0/y", LEASE_S)
    assert again is not None
    assert again.tries == 2


def test_a_living_process_and_other_names_keep_their_leases(world: World) -> None:
    for number, owner in enumerate((f"transcribe-0/{os.getppid()}", f"transcribe-00/{a_dead_pid()}")):
        enqueued(world, f"r{number}")
        assert jobs.lease(world.db, world.clock, "transcribe", owner, LEASE_S)
    assert jobs.release_dead(world.db, world.clock, "transcribe", "transcribe-0") == 0


def test_a_lease_of_ones_own_pid_is_a_dead_ones_in_a_fresh_container(world: World) -> None:
    enqueued(world)
    assert jobs.lease(world.db, world.clock, "transcribe", f"transcribe-0/{os.getpid()}", LEASE_S)
    assert jobs.release_dead(world.db, world.clock, "transcribe", "transcribe-0") == 1


def test_a_released_job_does_not_count_as_tried(world: World) -> None:
    enqueued(world)
    taken = jobs.lease(world.db, world.clock, "transcribe", "transcribe-0/1", LEASE_S)
    assert taken is not None
    jobs.release(world.db, world.clock, taken, "transcribe-0/1")
    again = jobs.lease(world.db, world.clock, "transcribe", "transcribe-1/1", LEASE_S)
    assert again is not None
    assert again.tries == 1


def test_releasing_what_another_has_by_now_changes_nothing(world: World) -> None:
    enqueued(world)
    taken = jobs.lease(world.db, world.clock, "transcribe", "transcribe-0/1", LEASE_S)
    assert taken is not None
    jobs.release(world.db, world.clock, taken, "transcribe-9/9")
    view = jobs.look(world.db, world.clock, "transcribe", "r1")
    assert view is not None
    assert view.state == "leased"


def test_what_was_interrupted_twice_waits_and_lets_its_neighbours_go_first(world: World) -> None:
    enqueued(world, "poison")
    enqueued(world, "good")
    for _ in range(2):
        taken = jobs.lease(world.db, world.clock, "transcribe", f"transcribe-0/{a_dead_pid()}", LEASE_S)
        assert taken is not None and taken.job_id == "poison"
        assert jobs.release_dead(world.db, world.clock, "transcribe", "transcribe-0") == 1
    after = jobs.lease(world.db, world.clock, "transcribe", "transcribe-0/x", LEASE_S)
    assert after is not None and after.job_id == "good"
