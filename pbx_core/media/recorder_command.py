"""`callbench recorder`: looks into the spool several times a second and makes recordings of what has ended."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click

from pbx_core import feed, log
from pbx_core.clock import Clock, SystemClock
from pbx_core.errors import ConfigError, Unavailable
from pbx_core.media import spool
from pbx_core.media.recorder import PRODUCER, Recorder
from pbx_core.settings import Settings, load
from pbx_core.store import engine, heartbeat

SCAN_S = 0.3  # a recording is heard seconds after the call; scanning costs next to nothing
RETRY_S_MIN = 1.0  # after a refusal; doubles up to RETRY_S_MAX
RETRY_S_MAX = 5.0  # "after space returns new recordings start within 10 s"
REFUSALS_MAX = 3  # per round: a full disk refuses all, and trying costs CPU
PREDECESSOR_S = 10.0  # how long a recorder that is still ending is waited for

_log = log.get(__name__)


@dataclass
class Queue:
    """Which folders wait, and when those that were refused are tried again. Times are of the monotonic clock."""

    delays: dict[Path, tuple[float, float]] = field(default_factory=dict)  # folder → (try at, delay)
    waiting: int = 0
    made: int = 0
    refusal: str = ""

    def due(self, spool_dir: Path, now: float) -> list[Path]:
        """Folders to work on now, the longest waiting first."""
        ready = {path: _ended(path) for path in spool.ready(spool_dir)}
        self.waiting = len(ready)
        self.delays = {path: at for path, at in self.delays.items() if path in ready}
        return sorted((p for p in ready if self.delays.get(p, (now, 0))[0] <= now), key=lambda p: ready[p])

    def refused(self, folder: Path, now: float, why: str) -> None:
        """Try again later, less and less often."""
        delay = min(RETRY_S_MAX, 2 * self.delays.get(folder, (0.0, RETRY_S_MIN / 2))[1])
        self.delays[folder] = (now + delay, delay)
        self.refusal = why

    def done(self, folder: Path) -> None:
        """One folder less."""
        self.delays.pop(folder, None)
        self.waiting = max(0, self.waiting - 1)
        self.made += 1
        if not self.delays:
            self.refusal = ""


@click.command()
@click.pass_obj
def recorder(data: Path) -> None:
    """Make recordings of finished calls (started by `callbench up`)."""
    settings = load(data)
    log.setup("recorder", settings.log_level)
    os.umask(0o027)
    db = engine.connect(settings)
    clock = SystemClock()
    stop = heartbeat.stop_event()
    queue = Queue()

    def detail() -> dict[str, object]:
        return {"waiting": queue.waiting, "made": queue.made, "refusal": queue.refusal}

    with _only_one(settings, clock, stop.wait), heartbeat.announced(db, clock, "recorder", detail):
        spool.sweep(settings.spool_dir)
        journal: feed.Journal | None = None
        while not stop.is_set():
            try:
                journal = journal or _open_journal(settings, clock)
                work(Recorder(settings, db, clock, journal), queue, settings.spool_dir, clock, stop.is_set)
            except Unavailable as error:  # the journal's disk is full
                _log.warning("recorder waits", extra={"reason": str(error)})
                queue.refusal = str(error)
                stop.wait(RETRY_S_MIN)
            stop.wait(SCAN_S)
        if journal:
            journal.close()


def work(made_by: Recorder, queue: Queue, spool_dir: Path, clock: Clock, stopping: Callable[[], bool]) -> None:
    """One round over the spool. What is refused waits; what fails for an unknown reason is logged and waits too."""
    refusals = 0
    for folder in queue.due(spool_dir, clock.monotonic()):
        if stopping() or refusals >= REFUSALS_MAX:
            return
        try:
            made_by.process(folder)
            queue.done(folder)
        except Unavailable as error:
            refusals += 1
            queue.refused(folder, clock.monotonic(), str(error))
            _log.warning("recording waits", extra={"folder": folder.name, "reason": str(error)})
        except Exception as error:  # noqa: BLE001  outer loop: one bad folder must not stop the others
            refusals += 1
            queue.refused(folder, clock.monotonic(), repr(error))
            _log.exception("recording failed", extra={"folder": folder.name})


def _open_journal(settings: Settings, clock: Clock) -> feed.Journal:
    """A fresh segment, after ending those a killed predecessor left: the spool still holds what they lack."""
    for orphan in feed.orphans(settings.journal_dir, PRODUCER):
        orphan.close(clock)
    return feed.Journal(settings.journal_dir, PRODUCER, clock)


@contextmanager
def _only_one(settings: Settings, clock: Clock, wait: Callable[[float], bool]) -> Iterator[None]:
    """Hold the recorder's lock; ConfigError when another recorder keeps it."""
    with (settings.data / "recorder.lock").open("w") as file:
        deadline = clock.monotonic() + PREDECESSOR_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if clock.monotonic() > deadline or wait(SCAN_S):
                    raise ConfigError(
                        f"Another recorder works on {settings.data}; this one was not started. Stop the other first."
                    ) from None
        yield


def _ended(folder: Path) -> float:
    try:
        return (folder / "ended.json").stat().st_mtime
    except FileNotFoundError:
        return 0.0
