"""The supervisor's loop: keeps every process running, adds workers as calls come, stops all in order."""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable
from typing import IO

import sqlalchemy as sa

from pbx_core import log
from pbx_core.clock import Clock
from pbx_core.errors import ConfigError
from pbx_core.settings import Settings
from pbx_core.store import endpoints, following, services
from pbx_core.supervisor import plan
from pbx_core.supervisor.child import Child

TICK_S = 0.1  # how often deaths are looked for
BOARD_S = 0.5  # how often the board is read
STOP_STAGE_S = 15.0  # a stage of stopping may take so long, then it is killed (and recovered at the next start)

_log = log.get(__name__)


def lock(settings: Settings) -> IO[str]:
    """One supervisor per data directory; ConfigError names the pid of the other. Keep the file open."""
    path = settings.data / "up.lock"
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        raise ConfigError(
            f"Callbench runs already on {settings.data} (process {holder}). "
            f"Stop it first, or use another directory with --data."
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


class Supervisor:
    """Owns the children of one data directory."""

    def __init__(
        self, settings: Settings, db: sa.Engine, clock: Clock, say: Callable[[str], None], environment: dict[str, str]
    ) -> None:
        self._settings = settings
        self._db = db
        self._clock = clock
        self._say = say
        self._environment = environment
        self._children: list[Child] = []
        self._workers = 0
        self._board_read = 0.0
        self._disk_low = False
        self._told: dict[str, str] = {}  # by process: the sentence of its row that was said last

    def run(self, stop: threading.Event) -> None:
        """Start everything, tend it until `stop` is set, then stop everything."""
        _forget_dead(self._db, self._clock)
        for spec in plan.fixed_processes(self._settings.transcribers, reports=bool(self._settings.smtp_host)):
            self._add(spec)
        self._grow()
        try:
            while not stop.wait(TICK_S):
                self._tend()
        finally:
            self.stop()

    def detail(self) -> dict[str, object]:
        """For the board: the supervisor's own row."""
        return {"processes": len(self._children), "restarts": sum(c.restarts for c in self._children)}

    def stop(self) -> None:
        """Stop all, stage by stage; a process that does not end in time is killed, its work recovered next time."""
        for stage in sorted({c.spec.stop_stage for c in self._children}):
            members = [c for c in self._children if c.spec.stop_stage == stage]
            for child in members:
                child.terminate()
            deadline = time.monotonic() + STOP_STAGE_S
            for child in members:
                if not child.wait_or_kill(deadline):
                    self._say(f"{child.spec.name} did not end within {STOP_STAGE_S:g} s and was killed.")

    def _tend(self) -> None:
        for child in self._children:
            sentence = child.tend()
            if sentence:
                _log.warning("process died", extra={"process": child.spec.name, "detail": sentence})
                self._say(sentence)
        self._children = [c for c in self._children if not c.done]
        if time.monotonic() - self._board_read >= BOARD_S:
            self._board_read = time.monotonic()
            self._grow()
            self._listen()
            self._tell()
            self._watch_disk()

    def _grow(self) -> None:
        try:
            board = services.all_services(self._db)
        except sa.exc.OperationalError as error:
            _log.warning("board not read", extra={"reason": str(error.orig)})
            board = []
        self._relay(board)
        wanted = plan.workers_wanted(
            self._workers,
            board,
            self._clock.now().timestamp(),
            spare=self._settings.spare_calls_min,
            least=self._settings.workers_min,
            most=self._settings.workers_max,
            cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        )
        while self._workers < wanted:
            self._add(plan.worker(self._workers))
            self._workers += 1

    def _relay(self, board: Iterable[services.Service]) -> None:
        """Say once what a process has to say to whoever watches the terminal (`says` of its row)."""
        for row in board:
            sentence = str(row.detail.get("says") or "")
            if sentence != self._told.get(row.name, ""):
                self._told[row.name] = sentence
                if sentence:
                    self._say(sentence)

    def _listen(self) -> None:
        """Running calls are listened to while somebody reads along."""
        if not self._settings.live_calls_max or any(c.spec is plan.LISTENER for c in self._children):
            return
        try:
            if following.anybody(self._db, self._clock.now().timestamp()):
                self._add(plan.LISTENER)
        except sa.exc.OperationalError as error:
            _log.warning("not known whether somebody reads along", extra={"reason": str(error.orig)})

    def _tell(self) -> None:
        """Webhooks are sent while there is an endpoint."""
        if any(c.spec is plan.TELLER for c in self._children):
            return
        try:
            if endpoints.any_active(self._db):
                self._add(plan.TELLER)
        except sa.exc.OperationalError as error:
            _log.warning("not known whether there are webhooks", extra={"reason": str(error.orig)})

    def _watch_disk(self) -> None:
        """Say once when space runs low, and once when there is enough again."""
        usage = shutil.disk_usage(self._settings.data)
        low = usage.free < self._settings.disk_warn_share * usage.total
        if low is not self._disk_low:
            self._disk_low = low
            sentence = plan.disk_sentence(usage.free / usage.total, self._settings.disk_stop_share, low=low)
            _log.warning("disk", extra={"detail": sentence, "alarm": low})
            self._say(sentence)

    def _add(self, spec: plan.ProcessSpec) -> None:
        child = Child(spec, self._settings, self._environment)
        child.start()
        self._children.append(child)


def _forget_dead(db: sa.Engine, clock: Clock) -> None:
    """Take rows of processes that no longer exist off the board."""
    now = clock.now().timestamp()
    for row in services.all_services(db):
        if not row.alive(now):
            services.gone(db, row.name, row.pid)


def default_environment() -> dict[str, str]:
    """What children inherit beyond our own environment: one thread per numeric library, output unbuffered."""
    return {"PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "0"}
