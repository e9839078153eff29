"""Takes transcription jobs, one after another, and turns each recording into its turns and its transcript.

Both records go to this process's journal, the turns first: they are ready before the words. A job belongs to whoever
holds its lease; a helper thread renews it, and work whose lease is lost is dropped. Doing a job twice is harmless: the
records carry the recording's id, and the later replaces the earlier.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from analytics import models, transcript
from analytics.asr import Recogniser
from analytics.transcript import Subject
from pbx_core import log
from pbx_core.clock import Clock
from pbx_core.domain.records import TranscriptRecord, TurnsRecord
from pbx_core.errors import ConfigError, InputError, Unavailable
from pbx_core.feed import Journal
from pbx_core.settings import Settings
from pbx_core.store import directory, jobs

KIND = "transcribe"
MODEL_RETRY_S = 10.0  # a missing model is looked for again after so long
DISK_RETRY_S = 10.0  # a journal that could not be written is tried again after so long

_log = log.get(__name__)

Decode = Callable[[Path], NDArray[np.float32]]  # → shape (n, 2), 16 kHz; InputError: damaged; Unavailable: not now


class _Dropped(Exception):
    """The work on a job ends without a result: the process stops, or the lease is gone."""


class _NoRoom(Exception):
    """The journal cannot take a record now; the work is repeated later and the try does not count."""


@dataclass
class Board:
    """What the service row says; written by the loop, read by the heartbeat's thread."""

    state: str = "starting"
    recording_id: str | None = None
    progress: float = 0.0
    done: int = 0

    def detail(self) -> dict[str, Any]:
        return {
            "state": self.state,
            "recording_id": self.recording_id,
            "progress": round(self.progress, 3),
            "done": self.done,
        }


class Transcriber:
    """One process's loop body. `stop`: set when the process shall end; work in hand is then put back."""

    def __init__(
        self,
        settings: Settings,
        db: sa.Engine,
        clock: Clock,
        journal: Journal,
        name: str,
        decode: Decode,
        stop: threading.Event,
    ) -> None:
        self.board = Board()
        self._settings = settings
        self._db = db
        self._clock = clock
        self._journal = journal
        self._owner = f"{name}/{os.getpid()}"
        self._decode = decode
        self._stop = stop
        self._recogniser: Recogniser | None = None
        self._model_retry_at = float("-inf")
        freed = jobs.release_dead(db, KIND, name)
        if freed:
            _log.info("jobs of a dead predecessor taken back", extra={"jobs": freed})

    def step(self) -> bool:
        """Take one job and end it; False when there is none, or no model to do it with."""
        recogniser = self._ready()
        if recogniser is None:
            return False
        taken = jobs.lease(self._db, self._clock, KIND, self._owner, self._settings.lease_s)
        if taken is None:
            return False
        self.board.state, self.board.recording_id, self.board.progress = "working", taken.job_id, 0.0
        try:
            self._guarded(taken, recogniser)
        finally:
            self.board.state, self.board.recording_id, self.board.progress = "idle", None, 0.0
        return True

    def _ready(self) -> Recogniser | None:
        """The loaded model; None while there is none, and the board says why."""
        if self._recogniser is None and self._clock.monotonic() >= self._model_retry_at:
            try:
                self._recogniser = Recogniser(models.ensure(self._settings))
                self.board.state = "idle"
                _log.info("speech model loaded", extra={"model": self._recogniser.model.name})
            except ConfigError as error:
                self._model_retry_at = self._clock.monotonic() + MODEL_RETRY_S
                state = f"no model: {error}"
                if state != self.board.state:
                    _log.error(str(error))
                self.board.state = state
        return self._recogniser

    def _guarded(self, taken: jobs.Job, recogniser: Recogniser) -> None:
        """Do one job so that whatever is wrong with it hurts it alone."""
        about = {"recording_id": taken.job_id, "tenant_id": taken.tenant_id}
        try:
            with self._lease_kept(taken) as lost:
                self._work(taken, recogniser, lost)
        except _Dropped as why:
            _log.info("transcription dropped", extra={**about, "reason": str(why)})
            jobs.release(self._db, self._clock, taken, self._owner)
        except InputError as error:
            _log.warning("recording cannot be transcribed", extra={**about, "reason": str(error)})
            self._give_up(taken, str(error))
        except _NoRoom as error:
            _log.error("transcription waits", extra={**about, "reason": str(error)})
            jobs.release(self._db, self._clock, taken, self._owner, DISK_RETRY_S)
        except Unavailable as error:
            _log.error("transcription delayed", extra={**about, "reason": str(error)})
            self._again(taken, str(error), error.retryable)
        except Exception as error:  # noqa: BLE001  the loop's outermost guard: one bad recording must not stop the next
            _log.exception("transcription failed", extra={**about, "tries": taken.tries})
            self._again(taken, f"{type(error).__name__}: {error}")

    def _work(self, taken: jobs.Job, recogniser: Recogniser, lost: threading.Event) -> None:
        def progress(share: float) -> None:
            self.board.progress = share
            if self._stop.is_set():
                raise _Dropped("the process is stopping")
            if lost.is_set():
                raise _Dropped("another process has the job")

        subject = _subject(taken)
        tenant = directory.tenant_by_id(self._db, taken.tenant_id)
        if tenant is None:
            raise InputError(f"The tenant {taken.tenant_id} of this recording is unknown.", error_id="no_tenant")
        samples = self._decode(self._file(taken))
        speech = transcript.listen(samples)
        progress(0.05)
        self._append("turns", transcript.turns_record(subject, speech))
        heard = transcript.transcribe(subject, samples, speech, tenant.languages, recogniser, progress)
        if not jobs.renew(self._db, self._clock, taken, self._owner, self._settings.lease_s):
            raise _Dropped("another process has the job")
        self._append("transcript", heard)
        jobs.finish(self._db, self._clock, taken)
        self.board.done += 1
        _log.info(
            "transcribed",
            extra={
                "recording_id": subject.recording_id,
                "tenant_id": subject.tenant_id,
                "status": heard.status,
                "language": heard.language,
                "audio_s": heard.audio_s,
                "cpu_s": heard.cpu_s,
                "second_looks": recogniser.second_looks,
            },
        )

    def _file(self, taken: jobs.Job) -> Path:
        """The recording's file; InputError when it is missing or not inside the recordings directory."""
        root = self._settings.recordings_dir.resolve()
        path = (root / str(taken.payload.get("path", ""))).resolve()
        if not path.is_relative_to(root):
            raise InputError("The recording's path leads out of the recordings directory.", error_id="bad_path")
        if not path.is_file():
            raise InputError("The recording's file is missing; the call's other data are kept.", error_id="no_file")
        return path

    def _again(self, taken: jobs.Job, reason: str, retryable: bool = True) -> None:
        """Try later, or give up when that is pointless or has been done TRIES_MAX times."""
        if retryable and taken.tries < jobs.TRIES_MAX:
            jobs.retry_later(self._db, self._clock, taken, reason)
        else:
            self._give_up(taken, f"The transcription failed (try {taken.tries}): {reason}")

    def _give_up(self, taken: jobs.Job, reason: str) -> None:
        """Fail for good: the transcript says why, and so does the job."""
        model = self._recogniser.model if self._recogniser else None
        record = transcript.failed(_subject(taken), reason, model.name if model else "", model.sha256 if model else "")
        try:
            self._append("transcript", record)
        except _NoRoom as error:
            _log.error("failure not recorded yet", extra={"recording_id": taken.job_id, "reason": str(error)})
            jobs.release(self._db, self._clock, taken, self._owner, DISK_RETRY_S)
        else:
            jobs.finish(self._db, self._clock, taken, reason)

    def _append(self, kind: str, record: TurnsRecord | TranscriptRecord) -> None:
        try:
            self._journal.append(kind, record.recording_id, record.tenant_id, record)
        except Unavailable as error:
            raise _NoRoom(str(error)) from error

    @contextmanager
    def _lease_kept(self, taken: jobs.Job) -> Iterator[threading.Event]:
        """Renew the lease from a thread; the event it gives is set when the lease is lost."""
        lost, done = threading.Event(), threading.Event()

        def renew() -> None:
            while not done.wait(self._settings.lease_s / 3):
                try:
                    if not jobs.renew(self._db, self._clock, taken, self._owner, self._settings.lease_s):
                        lost.set()
                        return
                except sa.exc.OperationalError as error:  # locked for long: the next round may do
                    _log.warning("lease not renewed", extra={"reason": str(error.orig)})

        thread = threading.Thread(target=renew, name="lease", daemon=True)
        thread.start()
        try:
            yield lost
        finally:
            done.set()
            thread.join(timeout=15)


def _subject(taken: jobs.Job) -> Subject:
    return Subject(taken.job_id, str(taken.payload.get("call_id", "")), taken.tenant_id)
