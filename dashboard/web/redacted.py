"""A recording as people without the right to originals hear it: a copy with the hidden stretches silent on both sides,
made once at the first request, kept apart from the originals, made anew when other stretches are to be hidden.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analytics.corrected import correct
from analytics.queries.detail import words
from analytics.queries.types import CallDetail
from analytics.redact import Verdict, judge
from dashboard.web.context import Context
from ingest import audio
from pbx_core import log
from pbx_core.domain.records import RecordingRecord, RedactionRecord, TranscriptRecord
from pbx_core.domain.redaction import Wishes, wishes_of
from pbx_core.errors import Unavailable
from pbx_core.store import edits, models
from pbx_core.store.sessions import Session

WAIT_S = 5.0  # a request waits so long for its copy: that of a call of minutes is made by then
PENDING_MAX = 200  # copies that wait to be made
ORIGINAL = "You read and hear what is hidden from others; that you did is written down."
CUT = "Something said here is hidden in text and sound."

_log = log.get(__name__)

Stretches = Sequence[tuple[float, float]]


def wishes(context: Context, session: Session) -> Wishes:
    """What the tenant wants hidden, also for somebody from whom nothing is."""
    return session.hide if session.hide is not None else wishes_of(models.active(context.db, session.tenant_id)[1])


def verdict(context: Context, session: Session, record: RecordingRecord) -> Verdict:
    """What is hidden in a recording, with people's corrections of its text."""
    return _judged(context, session, *words(context.reader(), record))


def of_call(context: Context, session: Session, detail: CallDetail) -> Verdict:
    """The same for the recording that a call's transcript belongs to."""
    return _judged(context, session, detail.transcript, detail.redaction)


def _judged(
    context: Context, session: Session, heard: TranscriptRecord | None, kept: RedactionRecord | None
) -> Verdict:
    wanted = wishes(context, session)
    corrected = None
    if heard is not None and wanted.any:
        changes = edits.of_recording(context.db, session.tenant_id, heard.recording_id)
        corrected = correct(heard, [change.record for change in changes])
    return judge(heard, kept, wanted, corrected)


def as_json(context: Context, session: Session, detail: CallDetail) -> dict[str, str]:
    """For the review page. state: open (nothing is hidden), original (something is, but not from this person), hidden,
    unknown (nobody knows what to hide: no sound, no text); and a sentence for people."""
    found = of_call(context, session, detail)
    if detail.recording is None or found.open:
        return {"state": "open", "message": ""}
    if session.hide is None:
        return {"state": "original", "message": ORIGINAL}
    if not found.known:
        return {"state": "unknown", "message": f"{found.reason}. Only people with the right to originals hear it."}
    return {"state": "hidden", "message": CUT}


@dataclass(frozen=True)
class Copies:
    """Makes the copies of one process, one at a time."""

    context: Context
    _worker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "redacted"))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _making: dict[Path, Future[None]] = field(default_factory=dict)

    def of(self, record: RecordingRecord, original: Path, stretches: Stretches) -> Path | None:
        """The copy; None while it is being made. InputError for a damaged original, Unavailable when the disk refuses
        or too many copies wait."""
        place = self._place(record, stretches)
        if place.is_file():
            return place
        with self._lock:
            making = self._making.get(place)
            if making is None:
                if len(self._making) >= PENDING_MAX:
                    raise Unavailable("Too many recordings are being prepared. Try again in a minute.")
                making = self._worker.submit(self._make, original, place, stretches)
                self._making[place] = making
        try:
            making.result(WAIT_S)
        except NotYet:
            return None
        finally:
            if making.done():
                with self._lock:
                    self._making.pop(place, None)
        return place if place.is_file() else None

    def _place(self, record: RecordingRecord, stretches: Stretches) -> Path:
        """Its name tells which stretches of which original are silent."""
        key = hashlib.sha256(json.dumps([record.sha256, list(stretches)]).encode()).hexdigest()[:16]
        return self.context.settings.redacted_dir / record.tenant_id / f"{record.recording_id}-{key}.webm"

    def _make(self, original: Path, place: Path, stretches: Stretches) -> None:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        if place.is_file():  # another process was faster
            return
        audio.without(original, stretches, place)
        place.chmod(0o640)
        recording_id = place.name.partition("-")[0]
        for old in place.parent.glob(f"{recording_id}-*"):
            if not old.name.startswith(place.stem):
                old.unlink(missing_ok=True)
        if not original.exists():  # deleted meanwhile, and its copies with it
            place.unlink(missing_ok=True)
        _log.info("redacted copy made", extra={"recording_id": recording_id, "stretches": len(stretches)})


def flattened(peaks: dict[str, Any], stretches: Stretches) -> dict[str, Any]:
    """A waveform without the hidden stretches."""
    out = {**peaks, **{side: list(peaks[side]) for side in ("caller", "callee")}}
    for start_s, end_s in stretches:
        first, last = int(start_s * peaks["per_s"]), int(end_s * peaks["per_s"]) + 1
        for side in ("caller", "callee"):
            points = out[side][first:last]
            out[side][first : first + len(points)] = [0] * len(points)
    return out
