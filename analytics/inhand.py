"""What a transcription process has in hand: how far each job is, and the leases that make them its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from pbx_core import log
from pbx_core.clock import Clock
from pbx_core.store import jobs
from pbx_core.store.jobs import Job

JOIN_S = 15.0  # longer than a locked database lets a renewal wait

_log = log.get(__name__)


@dataclass
class Board:
    """What the service row says; written by the loop, read by the heartbeat's thread. jobs: share done by id."""

    state: str = "starting"
    jobs: dict[str, float] = field(default_factory=dict)
    done: int = 0

    def detail(self) -> dict[str, Any]:
        shares = dict(self.jobs)
        return {
            "state": self.state,
            "recordings": len(shares),
            "progress": round(sum(shares.values()) / len(shares), 3) if shares else 0.0,
            "done": self.done,
            "jobs": {job_id: round(share, 3) for job_id, share in shares.items()},
        }


class Leases:
    """The leases of some jobs, each kept until it is let go of or lost."""

    def __init__(self, db: sa.Engine, clock: Clock, owner: str, lease_s: float, held: Sequence[Job]) -> None:
        self._db = db
        self._clock = clock
        self._owner = owner
        self._lease_s = lease_s
        self._held = {job.job_id: job for job in held}
        self._lost: set[str] = set()

    def lost(self, job: Job) -> bool:
        """Whether the job was seen to be another's, or cancelled."""
        return job.job_id in self._lost

    def all_lost(self) -> bool:
        """Whether nothing is left to work for."""
        return not self._held

    def let_go(self, job: Job) -> None:
        """The work on it ended; its lease is renewed no more."""
        self._held.pop(job.job_id, None)

    def renew(self, job: Job) -> bool:
        """Prolong one now; False when it is lost."""
        if jobs.renew(self._db, self._clock, job, self._owner, self._lease_s):
            return True
        if self._held.pop(job.job_id, None):
            self._lost.add(job.job_id)
        return False

    @contextmanager
    def kept(self) -> Iterator[None]:
        """A thread renews them all as long as this lasts."""
        done = threading.Event()
        thread = threading.Thread(target=self._keep, args=(done,), name="leases", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join(timeout=JOIN_S)

    def _keep(self, done: threading.Event) -> None:
        while not done.wait(self._lease_s / 3):
            for job in list(self._held.values()):
                try:
                    self.renew(job)
                except sa.exc.OperationalError as error:  # locked for long: the next round may do
                    _log.warning("lease not renewed", extra={"reason": str(error.orig)})
