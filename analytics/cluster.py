"""Transcription by the processors of a Ray cluster: for each of them a thread that does what a transcription process
does, except that the words come from a worker on the cluster (remote.py).

The job table stays the truth and the journals stay on this machine: here jobs are leased, sound is decoded, who speaks
when is found, and results are written. So this process may be killed like any transcription process, and a worker or
a node may vanish: what it had in hand is done again, and nothing else.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to Ray's makers; read when it is imported

import ray
import sqlalchemy as sa
from ray.exceptions import RayError

from analytics import models
from analytics.remote import RemoteRecogniser
from analytics.transcriber import Decode, Transcriber
from pbx_core import log
from pbx_core.clock import Clock
from pbx_core.errors import ConfigError, Unavailable
from pbx_core.feed import Journal
from pbx_core.settings import Settings

HANDS_MAX = 16  # workers fed by one process: listening for so many takes most of its own processor
POLL_S = 0.5  # between looks for work
GROW_S = 5.0  # between looks for new processors
ENDED_S = 60.0  # a hand ends within: batches are short

_log = log.get(__name__)


def connect(address: str) -> None:
    """Join the cluster as a driver; ConfigError when it cannot be reached. Sets handlers of signals of its own."""
    try:
        ray.init(address=address, log_to_driver=False, configure_logging=False)
    except (ConnectionError, ValueError, RuntimeError, RayError) as error:  # RayError: the token is missing or wrong
        raise ConfigError(
            f"The Ray cluster {address} cannot be reached ({error}). This machine must be one of its nodes: run "
            f"`ray start --address={address} --num-cpus=0` here first.",
            error_id="no_cluster",
        ) from error


def _done(beside: Callable[[], bool]) -> bool:
    try:
        return beside()
    except sa.exc.OperationalError as error:  # the database is locked or its disk full
        _log.error("job table not reachable", extra={"reason": str(error.orig)})
        return False


class Hand:
    """One worker's worth of work, in a thread."""

    def __init__(
        self, settings: Settings, db: sa.Engine, clock: Clock, name: str, decode: Decode, stop: threading.Event
    ) -> None:
        self.remote = RemoteRecogniser(models.ensure(settings), clock)
        self._stop = stop
        self._journal = Journal(settings.journal_dir, name, clock)
        self.transcriber = Transcriber(
            settings, db, clock, self._journal, name, decode, stop, load=lambda _: self.remote
        )
        self.thread = threading.Thread(target=self._run, name=name)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    worked = self.remote.ready() and self.transcriber.step()
                except sa.exc.OperationalError as error:  # the database is locked or its disk full
                    _log.error("job table not reachable", extra={"reason": str(error.orig)})
                    worked = False
                if not worked:
                    self._stop.wait(POLL_S)
        except Exception:  # noqa: BLE001  the loop's outermost guard: the process ends when it sees this thread gone
            _log.exception("hand broke")
        finally:
            self.remote.close()
            self._journal.close()


class Cluster:
    """All hands of this process: as many as the cluster has processors."""

    def __init__(self, settings: Settings, db: sa.Engine, clock: Clock, name: str, decode: Decode) -> None:
        self._settings = settings
        self._db = db
        self._clock = clock
        self._name = name
        self._decode = decode
        self._hands: list[Hand] = []

    def run(self, stop: threading.Event, beside: Callable[[], bool]) -> None:
        """Work until `stop`; `beside` is what else this process does, called until it says False. Unavailable when a
        hand broke: the process shall end then and be started again."""
        try:
            while not stop.is_set():
                self._grow(stop)
                broken = [hand.thread.name for hand in self._hands if not hand.thread.is_alive()]
                if broken and not stop.is_set():
                    raise Unavailable(f"{', '.join(broken)} ended unexpectedly; the log says why. Start it again.")
                while not stop.is_set() and _done(beside):
                    pass
                stop.wait(GROW_S)
        finally:
            stop.set()
            for hand in self._hands:
                hand.thread.join(ENDED_S)

    def detail(self) -> dict[str, Any]:
        """For the board: what a transcription process says, of all hands together, and where the workers are."""
        each = [(hand.remote, hand.transcriber.board.detail()) for hand in list(self._hands)]
        jobs = {job_id: share for _, said in each for job_id, share in said["jobs"].items()}
        placed = [(remote, said) for remote, said in each if remote.place]
        refusals = [remote.refusal for remote, _ in each if remote.refusal]
        idle = "idle" if placed else (refusals or ["waiting for nodes with free processors"])[0]
        return {
            "state": "working" if jobs else idle,
            "recordings": len(jobs),
            "progress": round(sum(jobs.values()) / len(jobs), 3) if jobs else 0.0,
            "done": sum(said["done"] for _, said in each),
            "jobs": jobs,
            "workers": {remote.place: sorted(said["jobs"]) for remote, said in placed},
        }

    def _grow(self, stop: threading.Event) -> None:
        """A hand for each processor. None is taken away: without a place for its worker it takes no jobs."""
        wanted = min(HANDS_MAX, int(ray.cluster_resources().get("CPU", 0)))
        shared = self._settings.model_copy(update={"transcribers": max(wanted, self._settings.transcribers)})
        while len(self._hands) < wanted:
            name = f"{self._name}-{len(self._hands)}"
            self._hands.append(Hand(shared, self._db, self._clock, name, self._decode, stop))
            self._hands[-1].thread.start()
