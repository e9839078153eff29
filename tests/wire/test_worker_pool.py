"""Which calls the edge believes the workers hold."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

from pbx_core.edge.pool import SETTLE_S, Pool
from pbx_core.sip.routing import WorkerSlot
from tests.support.virtual import VirtualTime


def slot(calls: int = 0, capacity: int = 2) -> WorkerSlot:
    return WorkerSlot("worker-0", 6000, capacity, calls)


def test_a_call_counts_before_the_board_knows_it() -> None:
    pool = Pool(VirtualTime())
    pool.seen([slot()])
    pool.take("a", "worker-0")
    assert pool.slots() == [slot(1)]
    pool.seen([slot(0)])
    assert pool.slots() == [slot(1)]


def test_a_call_is_not_counted_twice_when_the_board_knows_it() -> None:
    pool = Pool(VirtualTime())
    pool.seen([slot()])
    pool.take("a", "worker-0")
    pool.seen([slot(1)])
    assert pool.slots() == [slot(1)]


def test_a_call_whose_bye_never_came_is_forgotten_with_the_worker_s_own_count() -> None:
    time = VirtualTime()
    pool = Pool(time)
    pool.seen([slot()])
    for call in "ab":
        pool.take(call, "worker-0")
    time.run(SETTLE_S + 1)
    pool.take("c", "worker-0")
    pool.seen([slot(1)])
    assert pool.calls == 2  # one old call, and the new one that the board has not seen
    pool.seen([])
    assert pool.calls == 1


def test_a_worker_that_refused_is_left_alone_for_a_moment() -> None:
    time = VirtualTime()
    pool = Pool(time)
    pool.seen([slot()])
    pool.refused("worker-0")
    assert pool.slots() == []
    time.run(1)
    assert pool.slots() == [slot()]


def test_a_worker_whose_process_is_gone_is_told_of_once_and_a_silent_board_is_no_death() -> None:
    pool = Pool(VirtualTime())
    dead: list[int] = []
    pool.on_death = dead.append
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        pool.seen([replace(slot(), pid=process.pid)])
        pool.seen([])
        assert dead == []
        process.kill()
    for _ in range(2):
        pool.seen([])
    assert dead == [6000]


def test_a_call_that_ended_since_the_worker_counted_leaves_its_place_at_once() -> None:
    time = VirtualTime()
    pool = Pool(time)
    pool.seen([slot()])
    for call in "ab":
        pool.take(call, "worker-0")
    time.run(2)
    pool.seen([slot(2)])
    assert pool.slots() == [slot(2)]
    pool.release("a")
    assert [s.calls for s in pool.slots()] == [1], "although the board still says 2"
    time.run(1)
    pool.seen([replace(slot(2), age_s=1.0)])
    assert [s.calls for s in pool.slots()] == [1], "the same count read again"
    pool.seen([slot(2)])
    assert [s.calls for s in pool.slots()] == [2], "a new count: one that we know nothing of"
