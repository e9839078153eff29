"""Recordings, only to who may hear them: the file with Range, its waveform, and M4A made on demand.

An unknown id, another tenant's id, an id out of an agent's scope and a missing file get the same answer.
"""

from __future__ import annotations

import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from analytics import queries
from dashboard.web import access
from dashboard.web.context import Context
from ingest import audio
from pbx_core.domain.records import RecordingRecord
from pbx_core.errors import Unavailable
from pbx_core.store import audit, kept, objects
from pbx_core.store.sessions import Session

_ID = re.compile(r"^[0-9a-f]{32}$")
PRIVATE = {"Cache-Control": "private, no-store"}


class Media:
    """The routes /media/{recording_id} and /media/{recording_id}/peaks; run in worker threads."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def sound(self, request: Request) -> Response:
        """The stereo file (WebM/Opus; `?format=m4a`: AAC, made once and kept); byte ranges as the player asks."""
        session: Session = request.state.session
        found = self._find(session, request.path_params["recording_id"])
        form = request.query_params.get("format", "webm")
        if found is None or form not in ("webm", "m4a"):
            return _nothing()
        record, path = found
        if request.method == "GET":
            audit.note_once(
                self.context.db,
                self.context.clock,
                session.tenant_id,
                session.person_id,
                "listened",
                record.recording_id,
                session.token_sha256,
            )
        if form == "m4a":
            path = audio.as_m4a(path, self._m4a_path(record))
            return FileResponse(path, media_type="audio/mp4", headers=PRIVATE)
        return FileResponse(path, media_type="audio/webm", headers=PRIVATE)

    def peaks(self, request: Request) -> Response:
        """The waveform: {"version", "per_s", "caller": [0..127], "callee": [...]}."""
        found = self._find(request.state.session, request.path_params["recording_id"])
        if found is None:
            return _nothing()
        peaks = self._inside(found[0].tenant_id, found[0].peaks_path)
        if peaks is None:
            return _nothing()
        return FileResponse(peaks, media_type="application/json", headers=PRIVATE)

    def _find(self, session: Session, recording_id: str) -> tuple[RecordingRecord, Path] | None:
        if not _ID.match(recording_id):
            return None
        try:
            record = queries.recording(self.context.reader(), access.scope(session), recording_id)
        except Unavailable:  # no warehouse yet: nothing is known
            return None
        if record is None:
            return None
        path = self._inside(record.tenant_id, record.path) or self._fetched(record)
        return None if path is None else (record, path)

    def _fetched(self, record: RecordingRecord) -> Path | None:
        """The sound, brought back from the object store when only that has it."""
        store = objects.configured(self.context.settings)
        if store is None or not kept.is_remote(self.context.db, record.tenant_id, record.recording_id):
            return None
        store.get(record.path, self.context.settings.recordings_dir / record.path)
        kept.fetched(self.context.db, record.tenant_id, record.recording_id)
        return self._inside(record.tenant_id, record.path)

    def _inside(self, tenant_id: str, relative: str) -> Path | None:
        """The file, if it exists and lies, links followed, in the tenant's own folder."""
        root = self.context.settings.recordings_dir
        path = (root / relative).resolve()
        return path if path.is_relative_to((root / tenant_id).resolve()) and path.is_file() else None

    def _m4a_path(self, record: RecordingRecord) -> Path:
        return self.context.settings.m4a_dir / record.tenant_id / f"{record.recording_id}.m4a"


def _nothing() -> Response:
    return JSONResponse({"error": "not_found", "message": "There is no such recording."}, status_code=404)
