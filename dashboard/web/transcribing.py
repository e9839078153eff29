"""REST of a transcript that somebody waits for: let it go first, or try again what failed."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.responses import JSONResponse

from analytics import queries
from dashboard.web import access
from dashboard.web.answers import Writing, answer, no_call, problem
from dashboard.web.context import Context
from pbx_core.store import audit, jobcontrol


def routes(api: FastAPI, context: Context) -> None:
    """POST /api/calls/{call_id}/transcribe."""

    @api.post("/calls/{call_id}/transcribe")
    def transcribe(session: Writing, call_id: str, recording: str | None = None) -> JSONResponse:
        detail = queries.call(context.reader(), access.scope(session), call_id, recording)
        if detail is None:
            return no_call()
        if not access.may_hurry(session):
            return problem(403, "may_not_hurry", "Your role reads transcripts; owners and managers ask for them.")
        if detail.recording is None:
            return problem(409, "no_recording", "There is no recording to transcribe; nothing was done.")
        ids = [detail.recording.recording_id]
        again = jobcontrol.retry(context.db, "transcribe", session.tenant_id, ids)
        first = jobcontrol.hurry(context.db, "transcribe", session.tenant_id, ids)
        if again:
            audit.note(
                context.db,
                context.clock,
                session.tenant_id,
                session.person_id,
                "transcription_retried",
                ids[0],
                session.token_sha256,
            )
        return answer({"again": again > 0, "first": first > 0})
