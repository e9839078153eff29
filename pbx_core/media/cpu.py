"""Processor time for the sound: how long our threads waited for a processor, and whether there is too little of it for
one more call."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pbx_core import log

_log = log.get(__name__)

_TASKS = Path("/proc/self/task")
SOUND_THREADS = ("clock", "media")  # as the engine names those that mix and send, and that receive
Mark = dict[str, int]  # thread id → nanoseconds spent waiting on a run queue

LOOK_S = 1.0  # how often the shares are looked at
LOOKS = 5  # over so many of these; one bad moment alone costs no frame
WAITED_SHARE_MAX = 0.06  # of the time a thread stood in the queue: beyond it recordings were seen to lose frames
BUSY_SHARE_MAX = 0.80  # of one processor that a thread used or waited for: a conference bridge has one thread
CALM = 0.5  # once beyond, new calls are taken again below this part of it


@dataclass(frozen=True)
class Times:
    """What one thread has had since it began, in nanoseconds."""

    ran_ns: int
    waited_ns: int


def threads() -> dict[str, Times]:
    """What each thread that calls depend on has had, by thread id; empty where the kernel does not tell (not Linux).
    Heartbeat and errands may wait as they like."""
    found: dict[str, Times] = {}
    main = str(os.getpid())
    try:
        for task in _TASKS.iterdir():
            if task.name == main or (task / "comm").read_text().strip() in SOUND_THREADS:
                ran, waited, _ = (task / "schedstat").read_text().split()
                found[task.name] = Times(int(ran), int(waited))
    except (OSError, ValueError):
        return found  # a thread ended meanwhile, or there is no such file
    return found


def mark() -> Mark:
    """The waiting so far of each thread."""
    return {thread: times.waited_ns for thread, times in threads().items()}


def waited_s(since: Mark) -> float | None:
    """Seconds that the worst thread has waited since a mark; None where nothing is known."""
    now = mark()
    waits = [now[thread] - since[thread] for thread in now.keys() & since.keys()]
    return max(waits) / 1e9 if waits else None


class Gauge:
    """Says whether our threads got the processor that they needed of late. Times are monotonic seconds."""

    def __init__(
        self, now: float, read: Callable[[], dict[str, Times]] = threads, waited_max: float = WAITED_SHARE_MAX
    ) -> None:
        self._read = read
        self._waited_max = waited_max
        self._looks = deque([(now, read())], maxlen=LOOKS + 1)
        self.overloaded = False

    def look(self, now: float) -> None:
        """Call often; looks once per LOOK_S."""
        if now - self._looks[-1][0] < LOOK_S:
            return
        self._looks.append((now, self._read()))
        if len(self._looks) <= LOOKS:
            return  # starting costs more than calls do: it says nothing yet
        (began, before), (_, after) = self._looks[0], self._looks[-1]
        waited, busy = shares(before, after, now - began)
        if (overloaded := too_little(waited, busy, self.overloaded, self._waited_max)) is not self.overloaded:
            self.overloaded = overloaded
            figures = {"waited_share": round(waited, 3), "busy_share": round(busy, 3), "alarm": overloaded}
            _log.warning("no new calls: too little processor time" if overloaded else "new calls again", extra=figures)


def shares(before: dict[str, Times], after: dict[str, Times], seconds: float) -> tuple[float, float]:
    """Of the threads alive at both times: the largest share of the time spent waiting, and the largest spent running
    or waiting. 0.0 where nothing is known."""
    waits = [0.0]
    busy = [0.0]
    for thread in before.keys() & after.keys():
        ran_ns = after[thread].ran_ns - before[thread].ran_ns
        waited_ns = after[thread].waited_ns - before[thread].waited_ns
        waits.append(waited_ns / 1e9 / seconds)
        busy.append((ran_ns + waited_ns) / 1e9 / seconds)
    return max(waits), max(busy)


def too_little(waited: float, busy: float, already: bool, waited_max: float = WAITED_SHARE_MAX) -> bool:
    """Whether with such shares one more call would cost the quality of those that run. `already`: it was so before."""
    part = CALM if already else 1.0
    return waited > part * waited_max or busy > part * BUSY_SHARE_MAX
