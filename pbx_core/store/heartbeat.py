"""The part that every process shares: it announces itself on the board of services and ends on SIGTERM or SIGINT."""

from __future__ import annotations

import _thread
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from pbx_core import log
from pbx_core.clock import Clock
from pbx_core.store import services

_log = log.get(__name__)


@contextmanager
def announced(
    engine: sa.Engine, clock: Clock, name: str, detail: Callable[[], dict[str, Any]] = dict
) -> Iterator[None]:
    """While inside, this process's row on the board is renewed every second by a thread that touches nothing else.
    `detail` is called from that thread and must only read plain values."""
    started_at = clock.now().timestamp()
    stop = threading.Event()

    def renew() -> None:
        while True:
            try:
                services.beat(engine, clock, name, started_at, detail())
            except sa.exc.OperationalError as error:  # locked or full: the process goes on working
                _log.warning("heartbeat not written", extra={"reason": str(error.orig)})
            if stop.wait(services.HEARTBEAT_S):
                return

    thread = threading.Thread(target=renew, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=5)
        try:
            services.gone(engine, name, os.getpid())
        except sa.exc.OperationalError as error:
            _log.warning("row on the board not removed", extra={"reason": str(error.orig)})


def stop_event() -> threading.Event:
    """An event that SIGTERM and SIGINT set; for processes that loop in the main thread. Call in the main thread.

    The handler runs between any two steps of the main thread, also while that holds the event's own lock in wait():
    to set it there would wait for itself for ever. A thread of its own waits for a moment instead; `start_new_thread`,
    because Thread.start() takes locks that may be held, too."""
    event = threading.Event()

    def ended(*_: object) -> None:
        _thread.start_new_thread(event.set, ())

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ended)
    return event
