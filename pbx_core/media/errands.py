"""Errands: what may take its time (database, prompts) is done in one background thread, in order; the results are
taken by the thread that owns the engine, which never waits for them."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from pbx_core import log
from pbx_core.errors import CallbenchError

_log = log.get(__name__)

T = TypeVar("T")
WAITING_MAX = 1000  # errands of about 2 ms; more wait only when the database does not answer


@dataclass(frozen=True)
class Failed:
    """An errand that came back without its result."""

    reason: str


@dataclass(frozen=True)
class _Errand(Generic[T]):
    """What to do, and who takes the result (in the owner's thread)."""

    work: Callable[[], T]
    done: Callable[[T | Failed], None]


class Errands:
    """One background thread with a bounded queue."""

    def __init__(self, name: str, waiting_max: int = WAITING_MAX) -> None:
        self._name = name
        self._todo: queue.Queue[_Errand[Any] | None] = queue.Queue(waiting_max)
        self._results: deque[tuple[_Errand[Any], Any]] = deque()
        self._open = 0  # handed in, result not taken yet; only the owner counts
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def outstanding(self) -> int:
        """Errands whose result has not been taken yet."""
        return self._open

    def send(self, work: Callable[[], T], done: Callable[[T | Failed], None]) -> None:
        """Have `work` done; `done` is called from a later `collect`, at the latest with Failed when too much waits."""
        errand = _Errand(work, done)
        self._open += 1
        try:
            self._todo.put_nowait(errand)
        except queue.Full:
            self._results.append((errand, Failed(f"more than {self._todo.maxsize} errands wait")))

    def collect(self) -> None:
        """Hand out the results that have come."""
        for _ in range(len(self._results)):
            errand, result = self._results.popleft()
            self._open -= 1
            try:
                errand.done(result)
            except Exception:  # noqa: BLE001 - one call's trouble must not cost the results of others
                _log.exception("result of an errand not taken")

    def close(self, wait_s: float) -> None:
        """Finish what waits, at most so long."""
        try:
            self._todo.put(None, timeout=wait_s)
        except queue.Full:
            return
        self._thread.join(wait_s)

    def _run(self) -> None:
        with contextlib.suppress(OSError, AttributeError):  # the engine's thread may run before all others; not this
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        while (errand := self._todo.get()) is not None:
            try:
                result = errand.work()
            except Exception as error:  # noqa: BLE001 - outermost loop of this thread; the owner is told
                expected = isinstance(error, CallbenchError | sa.exc.DatabaseError)
                reason = str(error).split("\n", 1)[0] or type(error).__name__
                _log.warning(
                    "errand failed", exc_info=None if expected else error, extra={"of": self._name, "reason": reason}
                )
                result = Failed(reason)
            self._results.append((errand, result))
