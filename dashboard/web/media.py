"""Recordings, only to who may hear them: the file with Range, its waveform, and M4A made on demand.

Where something is hidden, who has no right to originals gets a copy without it; while that is being made he is told so,
and where nobody knows what would have to be hidden he gets nothing. An unknown id, another tenant's id, an id out of an
agent's scope and a missing file get the same answer.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from analytics import queries
from analytics.redact import Verdict
from dashboard.web import access, redacted
from dashboard.web.context import Context
from ingest import audio
from pbx_core.domain.records import RecordingRecord
from pbx_core.errors import Unavailable
from pbx_core.store import audit, jobs, kept, objects
from pbx_core.store.sessions import Session

_ID = re.compile(r"^[0-9a-f]{32}$")
_TYPES = {  # imported recordings stay as they were
    ".wav": "audio/wav", ".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".opus": "audio/ogg", ".flac": "audio/flac",
    ".m4a": "audio/mp4",
}  # fmt: skip
PRIVATE = {"Cache-Control": "private, no-store"}
PREPARED = "The recording is being prepared: what must not be heard is being cut out."
WORDS_AWAITED = "The recording is being prepared: its words are not known yet."


class Media:
    """The routes /media/{recording_id} and /media/{recording_id}/peaks; run in worker threads."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._copies = redacted.Copies(context)

    def sound(self, request: Request) -> Response:
        """The stereo file (WebM/Opus; `?format=m4a`: AAC, made once and kept); byte ranges as the player asks."""
        session: Session = request.state.session
        found = self._find(session, request.path_params["recording_id"])
        form = request.query_params.get("format", "webm")
        if found is None or form not in ("webm", "m4a"):
            return _nothing()
        record, path = found
        verdict = redacted.verdict(self.context, session, record)
        as_recorded = verdict.open or access.may_see_originals(session)
        if not as_recorded:
            if not verdict.known:
                return self._unknown(record, verdict)
            copy = self._copies.of(record, path, verdict.stretches)
            if copy is None:
                return _prepared(PREPARED)
            path = copy
        if request.method == "GET":
            self._note(session, "listened", record)
            if not verdict.open and as_recorded:
                self._note(session, "listened_original", record)
        if form == "m4a":
            path = audio.as_m4a(path, self._m4a_path(record) if as_recorded else path.with_suffix(".m4a"))
            return FileResponse(path, media_type="audio/mp4", headers=PRIVATE)
        return FileResponse(path, media_type=_TYPES.get(path.suffix, "audio/webm"), headers=PRIVATE)

    def peaks(self, request: Request) -> Response:
        """The waveform: {"version", "per_s", "caller": [0..127], "callee": [...]}."""
        session: Session = request.state.session
        found = self._find(session, request.path_params["recording_id"])
        if found is None:
            return _nothing()
        record = found[0]
        peaks = self.inside(record.tenant_id, record.peaks_path)
        if peaks is None:
            return _nothing()
        verdict = redacted.verdict(self.context, session, record)
        if verdict.open or access.may_see_originals(session):
            return FileResponse(peaks, media_type="application/json", headers=PRIVATE)
        if not verdict.known:
            return self._unknown(record, verdict)
        return JSONResponse(redacted.flattened(json.loads(peaks.read_bytes()), verdict.stretches), headers=PRIVATE)

    def _unknown(self, record: RecordingRecord, verdict: Verdict) -> Response:
        """Nothing is played: it may be that the words are still being recognised."""
        job = jobs.look(self.context.db, self.context.clock, "transcribe", record.recording_id)
        if job is not None and job.state in ("ready", "leased"):
            return _prepared(WORDS_AWAITED)
        message = f"{verdict.reason}. Only people with the right to originals hear it."
        return JSONResponse({"error": "not_redacted", "message": message}, status_code=403, headers=PRIVATE)

    def _note(self, session: Session, action: str, record: RecordingRecord) -> None:
        audit.note_once(
            self.context.db,
            self.context.clock,
            session.tenant_id,
            session.person_id,
            action,
            record.recording_id,
            session.token_sha256,
        )

    def _find(self, session: Session, recording_id: str) -> tuple[RecordingRecord, Path] | None:
        if not _ID.match(recording_id):
            return None
        try:
            record = queries.recording(self.context.reader(), access.scope(session), recording_id)
        except Unavailable:  # no warehouse yet: nothing is known
            return None
        if record is None:
            return None
        path = self.inside(record.tenant_id, record.path) or self.fetched(record)
        return None if path is None else (record, path)

    def fetched(self, record: RecordingRecord) -> Path | None:
        """The sound, brought back from the object store when only that has it."""
        store = objects.configured(self.context.settings)
        if store is None or not kept.is_remote(self.context.db, record.tenant_id, record.recording_id):
            return None
        store.get(record.path, self.context.settings.recordings_dir / record.path)
        kept.fetched(self.context.db, record.tenant_id, record.recording_id)
        return self.inside(record.tenant_id, record.path)

    def inside(self, tenant_id: str, relative: str) -> Path | None:
        """The file, if it exists and lies, links followed, in the tenant's own folder."""
        root = self.context.settings.recordings_dir
        path = (root / relative).resolve()
        return path if path.is_relative_to((root / tenant_id).resolve()) and path.is_file() else None

    def _m4a_path(self, record: RecordingRecord) -> Path:
        return self.context.settings.m4a_dir / record.tenant_id / f"{record.recording_id}.m4a"


def _prepared(why: str) -> Response:
    headers = {**PRIVATE, "Retry-After": "5"}
    return JSONResponse({"error": "being_prepared", "message": why}, status_code=503, headers=headers)


def _nothing() -> Response:
    return JSONResponse({"error": "not_found", "message": "There is no such recording."}, status_code=404)
