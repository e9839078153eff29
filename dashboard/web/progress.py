"""How far a call's recording and transcript have come, in one word for programs and one sentence for people."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa

from analytics.queries import CallDetail
from dashboard.web import plain
from pbx_core.clock import Clock
from pbx_core.store import jobs


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
    FAILED = "failed"


LATE_S = 600.0  # an hour of sound is prepared in well under a minute
PREPARED = "The recording is being prepared. This page refreshes by itself."
LATE = (
    "The recording has not arrived yet, though the call ended more than ten minutes ago. It waits for the recorder or "
    "for space on the disk, or it was put aside as damaged: the log of `callbench recorder` says which."
)
PENDING = frozenset({Stage.PREPARING, Stage.QUEUED, Stage.RUNNING})


@dataclass(frozen=True)
class Progress:
    """`sentence` may quote a reason from elsewhere: show it as plain text only."""

    stage: Stage
    sentence: str
    position: int | None = None  # in the transcription queue, 1 is next

    @property
    def pending(self) -> bool:
        """Whether looking again later will show more."""
        return self.stage in PENDING


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
    if detail.transcript is not None:
        return _of_transcript(detail)
    job = jobs.look(db, clock, "transcribe", recording_id)
    if detail.recording is None and job is None:
        late = (clock.now() - cdr.ended_at).total_seconds() > LATE_S
        return Progress(Stage.PREPARING, LATE if late else PREPARED)
    if job is None:
        return Progress(Stage.QUEUED, "The transcription has not been queued yet. This page refreshes by itself.")
    if job.state == "failed":
        return Progress(Stage.FAILED, f"The transcription failed: {job.reason or 'no reason given'}.")
    if job.state == "ready":
        again = f" An earlier attempt failed: {job.reason}." if job.reason else ""
        place = "it is next" if job.position == 1 else f"{(job.position or 1) - 1} before it"
        return Progress(Stage.QUEUED, f"The transcription is queued, {place}.{again}", job.position)
    if job.state == "leased":
        return Progress(Stage.RUNNING, "The transcription is running. This page refreshes by itself.")
    return Progress(Stage.RUNNING, "The transcription is finished and is being filed.")


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
        case _:
            return Progress(Stage.FAILED, f"The transcription failed: {transcript.reason or 'no reason given'}.")
