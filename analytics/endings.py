"""How the work on a job ends: done, put back, tried again later, or given up with its reason. Whatever is wrong with
one recording hurts it alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa

from analytics import transcript
from analytics.inhand import Board, Leases
from analytics.models import Model as Weights
from analytics.transcript import Subject
from pbx_core import log
from pbx_core.clock import Clock
from pbx_core.domain.records import TranscriptRecord
from pbx_core.errors import InputError, Unavailable
from pbx_core.feed import Journal
from pbx_core.store import jobs
from pbx_core.store.jobs import Job

DISK_RETRY_S = 10.0  # a journal that could not be written is tried again after so long

_log = log.get(__name__)

T = TypeVar("T")


class Dropped(Exception):
    """The work on a job ends without a result: the process stops, or the lease is gone."""


class NoRoom(Exception):
    """The journal cannot take a record now; the work is repeated later and the try does not count."""


class Endings:
    """Ends the jobs of one process. weights: those in use, for the records of failures."""

    def __init__(self, db: sa.Engine, clock: Clock, journal: Journal, owner: str, board: Board) -> None:
        self.weights: Weights | None = None
        self._db = db
        self._clock = clock
        self._journal = journal
        self._owner = owner
        self._board = board

    def guard(self, job: Job, leases: Leases, work: Callable[[], T | None]) -> T | None:
        """Do a part of one job. None: the job has ended, well or not, and its lease is let go of."""
        about = {"recording_id": job.job_id, "tenant_id": job.tenant_id}
        try:
            if (found := work()) is not None:
                return found
        except Dropped as why:
            _log.info("transcription dropped", extra={**about, "reason": str(why)})
            jobs.release(self._db, self._clock, job, self._owner)
        except InputError as error:
            _log.warning("recording cannot be transcribed", extra={**about, "reason": str(error)})
            self._give_up(job, str(error))
        except NoRoom as error:
            _log.error("transcription waits", extra={**about, "reason": str(error)})
            jobs.release(self._db, self._clock, job, self._owner, DISK_RETRY_S)
        except Unavailable as error:
            _log.error("transcription delayed", extra={**about, "reason": str(error)})
            self._again(job, str(error), error.retryable)
        except Exception as error:  # noqa: BLE001  the loop's outermost guard: one bad recording must not stop the next
            _log.exception("transcription failed", extra={**about, "tries": job.tries})
            self._again(job, f"{type(error).__name__}: {error}")
        leases.let_go(job)
        self._board.jobs.pop(job.job_id, None)
        return None

    def append(self, kind: str, record: Any) -> None:
        """Write a record to the journal; NoRoom when that is not possible now."""
        try:
            self._journal.append(kind, record.recording_id, record.tenant_id, record)
        except Unavailable as error:
            raise NoRoom(str(error)) from error

    def done(self, job: Job, heard: TranscriptRecord, **more: Any) -> None:
        """Everything is written."""
        jobs.finish(self._db, self._clock, job)
        self._board.done += 1
        told = {name: getattr(heard, name) for name in ("status", "language", "audio_s", "cpu_s")}
        _log.info("transcribed", extra={"recording_id": job.job_id, "tenant_id": job.tenant_id, **told, **more})

    def _again(self, job: Job, reason: str, retryable: bool = True) -> None:
        """Try later, or give up when that is pointless or has been done TRIES_MAX times."""
        if retryable and job.tries < jobs.TRIES_MAX:
            jobs.retry_later(self._db, self._clock, job, reason)
        else:
            self._give_up(job, f"The transcription failed (try {job.tries}): {reason}")

    def _give_up(self, job: Job, reason: str) -> None:
        """Fail for good: the transcript says why, and so does the job."""
        name, sha256 = (self.weights.name, self.weights.sha256) if self.weights else ("", "")
        try:
            self.append("transcript", transcript.failed(subject(job), reason, name, sha256))
        except NoRoom as error:
            _log.error("failure not recorded yet", extra={"recording_id": job.job_id, "reason": str(error)})
            jobs.release(self._db, self._clock, job, self._owner, DISK_RETRY_S)
        else:
            jobs.finish(self._db, self._clock, job, reason)


def subject(job: Job) -> Subject:
    """Which recording a job is about."""
    return Subject(job.job_id, str(job.payload.get("call_id", "")), job.tenant_id)
