"""GET /v1/recordings/{recording_id}, …/media, /v1/transcripts/{recording_id}: what was said, to tokens that may know
it, without what the tenant hides."""

from __future__ import annotations

import json
import re
from typing import Any, Literal

from fastapi import APIRouter, Request, Response

from analytics import exports, queries
from analytics.exports import Format
from dashboard.rest.access import Program, There
from dashboard.rest.shapes import RecordingDetail, Transcript
from dashboard.web import access, redacted, transcripts
from dashboard.web.media import Media
from pbx_core.api.answers import not_found, problem
from pbx_core.domain.records import RecordingRecord
from pbx_core.errors import InputError

about = APIRouter(prefix="/v1/recordings", tags=["recordings"])
words = APIRouter(prefix="/v1/transcripts", tags=["recordings"])
sound = APIRouter(prefix="/v1/recordings", tags=["recordings"])

_ID = re.compile(r"[0-9a-f]{32}")
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_SOUND: dict[int | str, dict[str, Any]] = {
    200: {"description": "The sound.", "content": {"audio/webm": _BINARY, "audio/mp4": _BINARY}},
    206: {"description": "The bytes of Range.", "content": {"audio/webm": _BINARY, "audio/mp4": _BINARY}},
    416: {"description": "The range lies outside the file."},
}
_FILES: dict[str, dict[str, Any]] = {
    exports.TYPES[form].partition(";")[0]: {"schema": {"type": "string"}} for form in Format if form != Format.JSON
}


@about.get("/{recording_id}")
def recording(session: Program, there: There, recording_id: str) -> RecordingDetail:
    """What is known of a recording."""
    found = _find(there, session, recording_id)
    verdict = redacted.verdict(there, session, found)
    hidden = "nothing" if verdict.open else "some" if verdict.known else "unknown"
    return RecordingDetail.model_validate({**vars(found), "hidden": hidden})


@sound.get("/{recording_id}/media", response_class=Response, responses=_SOUND)
def media(request: Request, session: Program, recording_id: str, format: Literal["webm", "m4a"] = "webm") -> Response:
    """The sound: stereo WebM/Opus, or AAC in M4A. Takes Range. 503 with Retry-After while a copy without the hidden
    parts is being made."""
    player: Media = request.app.state.media
    answer = player.sound(request)  # reads the id and the format from the request, the session that was put there
    if answer.status_code < 400 or not answer.body:
        return answer
    told = json.loads(bytes(answer.body))
    headers = {"Retry-After": answer.headers["Retry-After"]} if "Retry-After" in answer.headers else None
    return problem(answer.status_code, told["error"], told["message"], headers=headers)


@words.get(
    "/{recording_id}",
    response_model=Transcript,
    responses={200: {"description": "The transcript, in the form asked for.", "content": _FILES}},
)
def transcript(session: Program, there: There, recording_id: str, format: Format = Format.JSON) -> Response:
    """What was said, with what people have put right: JSON, text, WebVTT or SRT."""
    kept = _find(there, session, recording_id)
    detail = queries.call(there.reader(), access.scope(session), kept.call_id, recording_id)
    text = transcripts.standing(there, session, detail) if detail else None
    if detail is None or text is None or text.heard.recording_id != recording_id:
        raise InputError(
            "This recording has no transcript, or not yet; nothing was done. The event transcript.ready tells.",
            error_id="no_transcript",
            status=404,
        )
    return transcripts.as_file(there, session, detail, text, format)


def _find(there: There, session: Program, recording_id: str) -> RecordingRecord:
    found = (
        queries.recording(there.reader(), access.scope(session), recording_id) if _ID.fullmatch(recording_id) else None
    )
    if found is None:
        raise not_found()
    return found
