"""Makes again what is made of a transcript once people have put it right: trackers, scripts, rules.

The change itself is kept before, by the dashboard; this follows within seconds, and doing it twice is harmless.
"""

from __future__ import annotations

import os
from functools import partial

import sqlalchemy as sa

from analytics import queries
from analytics.meaning.again import again
from analytics.queries import Scope
from analytics.queries.heard import each, one
from pbx_core import log
from pbx_core.clock import Clock
from pbx_core.domain.records import MeaningRecord, TranscriptEditRecord
from pbx_core.errors import Unavailable
from pbx_core.feed import Journal
from pbx_core.settings import Settings
from pbx_core.store import edits, jobs, models

KIND = "meaning"  # job_id: of the change

_log = log.get(__name__)


class Remaker:
    """Does the jobs of KIND, one at a time."""

    def __init__(self, settings: Settings, db: sa.Engine, clock: Clock, journal: Journal, name: str) -> None:
        self._settings = settings
        self._db = db
        self._clock = clock
        self._journal = journal
        self._owner = f"{name}/{os.getpid()}"
        self._reader: queries.Reader | None = None
        jobs.release_dead(db, clock, KIND, name)

    def step(self) -> bool:
        """Take the next job and end it; False when there is none."""
        job = jobs.lease(self._db, self._clock, KIND, self._owner, self._settings.lease_s)
        if job is None:
            return False
        try:
            self._remake(job)
        except Unavailable as error:  # no warehouse, it changes too fast, the disk is full
            _log.warning("not made again yet", extra={"job": job.job_id, "reason": str(error)})
            jobs.retry_later(self._db, self._clock, job, str(error))
        except Exception as error:  # noqa: BLE001  one bad transcript must not stop the next
            _log.exception("not made again", extra={"job": job.job_id})
            jobs.finish(self._db, self._clock, job, f"{type(error).__name__}: {error}"[:300])
        else:
            jobs.finish(self._db, self._clock, job)
        return True

    def close(self) -> None:
        """Let go of the warehouse."""
        if self._reader is not None:
            self._reader.close()

    def _remake(self, job: jobs.Job) -> None:
        if self._reader is None:
            self._reader = queries.open_reader(self._settings)
        scope = Scope(job.tenant_id)
        found = one(self._reader, scope, str(job.payload["call_id"]), str(job.payload["recording_id"]))
        _, model = models.active(self._db, job.tenant_id)

        def write(record: MeaningRecord) -> None:
            self._journal.append("meaning", record.recording_id, record.tenant_id, record)

        again(each(self._reader, scope, found), model, write, partial(changes, self._db))


def changes(db: sa.Engine, tenant_id: str, recording_id: str) -> list[TranscriptEditRecord]:
    """What people put right in one transcript, in order."""
    return [edit.record for edit in edits.of_recording(db, tenant_id, recording_id)]
