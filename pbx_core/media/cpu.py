"""Processor time for the sound: asking for real-time priority, and how long our threads waited for a processor."""

from __future__ import annotations

import os
from pathlib import Path

from pbx_core import log

_log = log.get(__name__)

_TASKS = Path("/proc/self/task")
Mark = dict[str, int]  # thread id → nanoseconds spent waiting on a run queue


def mark() -> Mark:
    """The waiting so far of each thread; empty where the kernel does not tell (not Linux)."""
    found: Mark = {}
    try:
        for task in _TASKS.iterdir():
            found[task.name] = int((task / "schedstat").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return found  # a thread ended meanwhile, or there is no such file
    return found


def waited_s(since: Mark) -> float | None:
    """Seconds that the worst thread has waited since a mark; None where nothing is known."""
    now = mark()
    waits = [now[thread] - since[thread] for thread in now.keys() & since.keys()]
    return max(waits) / 1e9 if waits else None


def ask_for_realtime(priority: int) -> None:
    """Run this thread and those it starts round-robin before all normal ones (1..99): it matters more for the sound
    than processor time itself. Without the right to it, go on with a warning."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(priority))
    except (OSError, AttributeError) as error:
        _log.warning("no real-time priority: sound may suffer on a busy machine", extra={"reason": str(error)})
