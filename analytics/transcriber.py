"""Takes transcription jobs and turns each recording into its turns, its transcript and what is made of that.

Several short recordings are heard together, which costs less. All records go to this process's journal, the turns
first: they are ready before the words. A job belongs to whoever holds its lease; work whose lease is lost is dropped.
Doing a job twice is harmless: the records carry the recording's id, and the later replaces the earlier. Whatever is
wrong with a recording hurts it alone: one that was interrupted before is heard alone, and when several cannot be
heard together, each is heard by itself.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import sqlalchemy as sa

from analytics import after, models, transcript
from analytics.asr import Recogniser
from analytics.endings import Dropped, Endings, subject
from analytics.inhand import Board, Leases
from analytics.opening import Decode, Opened, Opener
from analytics.transcript import Prepared
from pbx_core import log
from pbx_core.clock import Clock
from pbx_core.domain.records import TranscriptRecord, TurnsRecord
from pbx_core.errors import ConfigError
from pbx_core.feed import Journal
from pbx_core.settings import Settings
from pbx_core.store import jobs

KIND = "transcribe"
MODEL_RETRY_S = 10.0  # a missing model is looked for again after so long
TOGETHER_MAX = 16  # recordings heard together
TOGETHER_S_MAX = 120.0  # of sound in them: about 10 s of work, so that the first does not wait long for the last
LISTENED = 0.05  # share of the work done when it is known who speaks when
HEARD = ("done", "empty", "unsupported")  # statuses after which there is something to be made of it

_log = log.get(__name__)


def load_recogniser(settings: Settings) -> Recogniser:
    """The speech model of these settings; ConfigError when there is none that fits."""
    return Recogniser(models.ensure(settings))


Load = Callable[[Settings], Recogniser]


@dataclass(frozen=True)
class Listened:
    """A recording of which only the words are missing."""

    opened: Opened
    prepared: Prepared
    turns: TurnsRecord

    @property
    def job(self) -> jobs.Job:
        """Whose recording it is."""
        return self.opened.job


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
        steps: Sequence[after.Step] = after.STEPS,
        load: Load = load_recogniser,
    ) -> None:
        self.board = Board()
        self._settings = settings
        self._db = db
        self._clock = clock
        self._owner = f"{name}/{os.getpid()}"
        self._endings = Endings(db, clock, journal, self._owner, self.board)
        self._opener = Opener(settings, db, decode)
        self._stop = stop
        self._steps = steps
        self._load = load
        self._recogniser: Recogniser | None = None
        self._model_retry_at = float("-inf")
        freed = jobs.release_dead(db, clock, KIND, name)
        if freed:
            _log.info("jobs of a dead predecessor taken back", extra={"jobs": freed})

    def step(self) -> bool:
        """Take the next jobs and end them; False when there are none, or no model to do them with."""
        recogniser = self._ready()
        if recogniser is None:
            return False
        lease_s, sharers = self._settings.lease_s, max(1, self._settings.transcribers)
        taken = jobs.lease_some(self._db, self._clock, KIND, self._owner, lease_s, together, sharers)
        if not taken:
            return False
        leases = Leases(self._db, self._clock, self._owner, lease_s, taken)
        self.board.state, self.board.jobs = "working", {job.job_id: 0.0 for job in taken}
        try:
            with leases.kept():
                self._all(taken, recogniser, leases)
        finally:
            self.board.state, self.board.jobs = "idle", {}
        return True

    def _ready(self) -> Recogniser | None:
        """The loaded model; None while there is none, and the board says why."""
        if self._recogniser is None and self._clock.monotonic() >= self._model_retry_at:
            try:
                self._recogniser = self._load(self._settings)
                self._endings.weights = self._recogniser.model
                self.board.state = "idle"
                _log.info("speech model loaded", extra={"model": self._recogniser.model.name})
            except ConfigError as error:
                self._model_retry_at = self._clock.monotonic() + MODEL_RETRY_S
                state = f"no model: {error}"
                if state != self.board.state:
                    _log.error(str(error))
                self.board.state = state
        return self._recogniser

    def _all(self, taken: Sequence[jobs.Job], recogniser: Recogniser, leases: Leases) -> None:
        guard = self._endings.guard
        listened = [guard(job, leases, partial(self._listen, job, leases)) for job in taken]
        waiting = [one for one in listened if one is not None]
        heard = self._together(waiting, recogniser, leases) if len(waiting) > 1 else {}
        for one in waiting:
            guard(one.job, leases, partial(self._end, one, heard.get(one.job.job_id), recogniser, leases))

    def _listen(self, job: jobs.Job, leases: Leases) -> Listened | None:
        """Who speaks when; None when that is all that shall be known."""
        self._check(job, leases)
        about = subject(job)
        opened = self._opener.open(job)
        speech = transcript.listen(opened.samples)
        self._progress(job, LISTENED)
        self._check(job, leases)
        turns = transcript.turns_record(about, speech)
        self._endings.append("turns", turns)
        if why := self._opener.why_off(opened):
            off = replace(transcript.failed(about, why), status="off", audio_s=round(speech.duration_s, 3))
            self._endings.append("transcript", off)
            self._endings.done(job, off)
            return None
        glossary = opened.model.speech.glossary
        return Listened(opened, transcript.prepare(about, opened.samples, speech, opened.languages, glossary), turns)

    def _together(
        self, ready: Sequence[Listened], recogniser: Recogniser, leases: Leases
    ) -> dict[str, TranscriptRecord]:
        """The transcripts by recording; empty when these cannot be heard together."""

        def progress(share: float) -> None:
            if self._stop.is_set() or leases.all_lost():
                raise Dropped
            for one in ready:
                self._progress(one.job, share)

        try:
            found = transcript.transcribe_all([one.prepared for one in ready], recogniser, progress)
        except Dropped:
            return {}
        except Exception:  # noqa: BLE001  one of them is bad: heard alone, it shows which
            _log.exception("recordings cannot be heard together", extra={"recordings": len(ready)})
            return {}
        return {record.recording_id: record for record in found}

    def _end(self, one: Listened, heard: TranscriptRecord | None, recogniser: Recogniser, leases: Leases) -> None:
        """The words, unless they are there already, and all that is made of them."""

        def progress(share: float) -> None:
            self._progress(one.job, share)
            self._check(one.job, leases)

        if heard is None:
            self._check(one.job, leases)
            (heard,) = transcript.transcribe_all([one.prepared], recogniser, progress)
        if not leases.renew(one.job):
            raise Dropped("another process has the job, or it was cancelled")
        if why := self._opener.why_off(one.opened):  # switched off while it was heard
            heard = replace(transcript.failed(subject(one.job), why), status="off", audio_s=heard.audio_s)
        self._endings.append("transcript", heard)
        if heard.status in HEARD:
            self._make(one, heard)
        self._endings.done(one.job, heard, second_looks=recogniser.second_looks)

    def _make(self, one: Listened, heard: TranscriptRecord) -> None:
        """Call every step; one that fails is left out."""
        opened = one.opened
        agent, direction = opened.sides
        told = after.Conversation(
            heard, one.turns, opened.samples, opened.model, agent, direction, opened.queue, opened.pauses
        )
        for step in self._steps:
            try:
                made = list(step(told))
            except Exception:  # noqa: BLE001  a transcript is worth more than what is made of it
                _log.exception("step after the transcript failed", extra={"recording_id": one.job.job_id})
                continue
            for kind, record in made:
                self._endings.append(kind, record)

    def _check(self, job: jobs.Job, leases: Leases) -> None:
        if self._stop.is_set():
            raise Dropped("the process is stopping")
        if leases.lost(job):
            raise Dropped("another process has the job, or it was cancelled")

    def _progress(self, job: jobs.Job, share: float) -> None:
        if job.job_id in self.board.jobs:
            self.board.jobs[job.job_id] = share


def together(taken: Sequence[jobs.Job], another: jobs.Job) -> bool:
    """Whether another job is heard together with these: a few short recordings that wait equally urgently. One that
    was begun before may be what ended it, and is heard alone."""
    if not taken:
        return True
    each = [*taken, another]
    known = all(isinstance(job.payload.get("duration_s"), float | int) for job in each)
    return (
        known
        and len(each) <= TOGETHER_MAX
        and sum(float(job.payload["duration_s"]) for job in each) <= TOGETHER_S_MAX
        and all(job.tries == 1 and job.priority == another.priority for job in each)
    )
