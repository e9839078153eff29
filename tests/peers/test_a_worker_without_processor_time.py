"""A worker whose processor is taken by others: it says so and takes no new call, and takes them again afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support import edge_role as sip
from tests.support.waiting import until
from tests.support.worker_process import WorkerProcess

pytestmark = pytest.mark.peers
HOGS = 6


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[WorkerProcess]:
    """A serving worker on one processor, without real-time priority."""
    process = WorkerProcess(tmp_path, processor_wait_share_max=0.06)
    process.start()
    assert process.process
    subject = psutil.Process(process.process.pid)
    for thread in subject.threads():
        os.sched_setscheduler(thread.id, os.SCHED_OTHER, os.sched_param(0))
        os.sched_setaffinity(thread.id, {min(os.sched_getaffinity(0))})
    yield process
    process.close()


@pytest.fixture
def hogs() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that want all of that processor, and before others where they may."""
    command = [sys.executable, "-c", "while True: pass"]
    running: list[subprocess.Popen[bytes]] = []
    for _ in range(HOGS):
        process = subprocess.Popen(["nice", "-n", "-15", *command], stderr=subprocess.DEVNULL)
        os.sched_setaffinity(process.pid, {min(os.sched_getaffinity(0))})
        running.append(process)
    yield running
    for process in running:
        process.kill()
        process.wait()


def overloaded(worker: WorkerProcess) -> bool:
    row = worker.row()
    return bool(row and row.detail.get("overloaded"))


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux")
def test_it_refuses_calls_until_it_has_the_processor_again(
    worker: WorkerProcess, hogs: list[subprocess.Popen[bytes]]
) -> None:
    until(lambda: overloaded(worker), 30, what="the worker notices that it starves")
    row = worker.row()
    assert row
    assert row.detail["capacity_calls"] == row.detail["calls"] == 0, "the edge is to look elsewhere"
    no_slot = sip.receive("100", optional=True) + sip.receive("503") + sip.ack_failure()
    worker.finished(worker.peer("alice-early", sip.invite() + no_slot))
    assert worker.records() == [], "nothing happened that anybody needs a record of"

    for hog in hogs:
        hog.kill()
    until(lambda: worker.row() and not overloaded(worker), 30, what="the worker has recovered")
    called = worker.peer("bob", sip.answers(None) + sip.receive("BYE") + sip.reply("200 OK"))
    caller = worker.peer("alice", sip.invite() + sip.talks(None, 300) + sip.bye())
    worker.finished(caller, called)
    assert worker.only_cdr().answered_at
