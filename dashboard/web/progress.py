"""How far a call's recording and transcript have come, in one word for programs and one sentence for people."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import sqlalchemy as sa

from analytics.queries import CallDetail
from dashboard.web import plain
from pbx_core.clock import Clock
from pbx_core.store import jobcontrol, jobs, services


class Stage(StrEnum):
    """Where the way from the end of a call to its text stands."""

    NOT_RECORDED = "not_recorded"  # there is no sound, and the reason is known
    DELETED = "deleted"  # there was; its time was over
    PREPARING = "preparing"  # the sound is being joined and compressed
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    EMPTY = "empty"  # nobody speaks
    UNSUPPORTED = "unsupported"  # a language the model does not know
    OFF = "off"  # somebody wished that nobody reads this call
    CANCELLED = "cancelled"  # given up by a person, until one wants it again
    FAILED = "failed"


WITH_MEANING = (Stage.DONE, Stage.EMPTY, Stage.UNSUPPORTED)  # the record follows the transcript in the same job
LATE_S = 600.0  # an hour of sound is prepared in well under a minute
PREPARED = "The recording is being prepared. This page refreshes by itself."
LATE = (
    "The recording has not arrived yet, though the call ended more than ten minutes ago. It waits for the recorder or "
    "for space on the disk, or it was put aside as damaged: the log of `callbench recorder` says which."
)
WITHOUT_WORDS = ("failed", "off")  # a person may want these tried again
PENDING = frozenset({Stage.PREPARING, Stage.QUEUED, Stage.RUNNING})


@dataclass(frozen=True)
class Progress:
    """`sentence` may quote a reason from elsewhere: show it as plain text only."""

    stage: Stage
    sentence: str
    position: int | None = None  # in the transcription queue, 1 is next
    meant: bool = True  # what the tenant looks for in the text has been looked for, or will not be

    @property
    def again(self) -> bool:
        """Whether trying again may help."""
        return self.stage in (Stage.FAILED, Stage.CANCELLED)

    @property
    def pending(self) -> bool:
        """Whether looking again later will show more."""
        return self.stage in PENDING or not self.meant


def of(db: sa.Engine, clock: Clock, detail: CallDetail) -> Progress:
    """The state of a call's recording and transcript, from the warehouse and the job table."""
    cdr = detail.cdr
    recording_id = detail.recording.recording_id if detail.recording else cdr.recording_id
    if detail.gone and detail.recording is None:
        last = detail.gone[-1]
        return Progress(Stage.DELETED, f"The recording was deleted on {last.deleted_at:%d %B %Y} ({last.reason}).")
    if recording_id is None:
        reason = cdr.recording_reason or "the call was not answered"
        meaning = plain.explain(reason)
        return Progress(Stage.NOT_RECORDED, f"{meaning} ({reason})" if meaning else f"There is no recording: {reason}.")
    job = jobs.look(db, clock, "transcribe", recording_id)
    if detail.transcript is not None:
        anew = job is not None and job.state in ("ready", "leased") and detail.transcript.status in WITHOUT_WORDS
        if job and anew:
            return _of_job(db, recording_id, job)
        state, age_s = _of_transcript(detail), (clock.now() - cdr.ended_at).total_seconds()
        awaited = detail.meaning is None and state.stage in WITH_MEANING and age_s < LATE_S
        return replace(state, meant=not awaited)
    if detail.recording is None and job is None:
        late = (clock.now() - cdr.ended_at).total_seconds() > LATE_S
        return Progress(Stage.PREPARING, LATE if late else PREPARED)
    if job is None:
        return Progress(Stage.QUEUED, "The transcription has not been queued yet. This page refreshes by itself.")
    return _of_job(db, recording_id, job)


def of_interest(db: sa.Engine, tenant_id: str, detail: CallDetail) -> None:
    """Somebody waits for this transcript: it goes before all that nobody waits for."""
    if detail.recording is not None:
        jobcontrol.hurry(db, "transcribe", tenant_id, [detail.recording.recording_id])


def _of_job(db: sa.Engine, recording_id: str, job: jobs.JobView) -> Progress:
    match job.state:
        case "failed":
            return Progress(Stage.FAILED, f"The transcription failed: {job.reason or 'no reason given'}.")
        case "cancelled":
            return Progress(Stage.CANCELLED, f"The transcription was given up: {job.reason or 'no reason given'}.")
        case "ready":
            again = f" An earlier attempt failed: {job.reason}." if job.reason else ""
            if job.paused:
                return Progress(Stage.QUEUED, f"The transcription waits: the operator has paused it.{again}")
            place = "it is next" if job.position == 1 else f"{(job.position or 1) - 1} before it"
            return Progress(Stage.QUEUED, f"The transcription is queued, {place}.{again}", job.position)
        case "leased":
            share = next(
                (s.detail["jobs"][recording_id] for s in services.all_services(db) if _has(s, recording_id)), 0
            )
            far = f", {share:.0%} done" if share else ""
            return Progress(Stage.RUNNING, f"The transcription is running{far}. This page refreshes by itself.")
        case _:
            return Progress(Stage.RUNNING, "The transcription is finished and is being filed.")


def _has(process: services.Service, recording_id: str) -> bool:
    return recording_id in process.detail.get("jobs", {})


def _of_transcript(detail: CallDetail) -> Progress:
    transcript = detail.transcript
    assert transcript is not None
    match transcript.status:
        case "done":
            return Progress(Stage.DONE, "")
        case "empty":
            return Progress(Stage.EMPTY, "Nobody speaks in this recording, so there is no text.")
        case "unsupported":
            reason = transcript.reason or "the language is not one the model was trained for"
            return Progress(Stage.UNSUPPORTED, f"No text: {reason}. The measurements of the conversation are complete.")
        case "off":
            reason = transcript.reason or "Transcription is switched off."
            return Progress(Stage.OFF, f"No text: {reason} The measurements of the conversation are complete.")
        case _:
            return Progress(Stage.FAILED, f"The transcription failed: {transcript.reason or 'no reason given'}.")
