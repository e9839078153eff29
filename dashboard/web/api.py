"""The REST interface under /api: the calls, one call with everything known of it, comments; edits,
transcripts and the search stand in modules of their own. JSON, behind the login."""

from __future__ import annotations

import math
from typing import Annotated, Any

import pandas as pd
from fastapi import FastAPI, Header, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from analytics import queries
from analytics.queries import CallDetail
from analytics.redact import visible_text
from dashboard.formatting import QUEUE
from dashboard.web import (
    access,
    edits,
    exports,
    filters,
    health,
    live,
    meanings,
    plain,
    progress,
    redacted,
    reported,
    searches,
    transcribing,
    transcripts,
)
from dashboard.web.answers import Signed, Writing, answer, no_call, problem
from dashboard.web.context import Context
from dashboard.web.naming import names
from pbx_core.domain import records
from pbx_core.errors import InputError, Unavailable
from pbx_core.store import audit, comments, directory, jobs
from pbx_core.store.sessions import Session

PAGE_MAX = 200


class NewComment(BaseModel):
    """What a reviewer sends."""

    text: str = Field(max_length=comments.TEXT_CHARS_MAX * 2)
    at_s: float | None = None


def build(context: Context) -> FastAPI:
    """The application; documentation pages are off because they load scripts from elsewhere."""
    api = FastAPI(title="Callbench", docs_url=None, redoc_url=None, openapi_url="/openapi.json")
    _errors(api)
    _reading(api, context)
    _comments(api, context)
    edits.routes(api, context)
    transcripts.routes(api, context)
    searches.routes(api, context)
    live.routes(api, context)
    transcribing.routes(api, context)
    health.routes(api, context)
    exports.routes(api, context)
    reported.routes(api, context)
    return api


def _errors(api: FastAPI) -> None:
    @api.exception_handler(InputError)
    def _input(_: Request, error: InputError) -> JSONResponse:
        return problem(error.status, error.error_id, str(error))

    @api.exception_handler(Unavailable)
    def _unavailable(_: Request, error: Unavailable) -> JSONResponse:
        return problem(503, "unavailable", str(error), {"Retry-After": "5"})

    @api.exception_handler(RequestValidationError)
    def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        places = ", ".join(".".join(map(str, e["loc"])) for e in error.errors())
        return problem(422, "bad_request", f"These parts of the request do not fit: {places}. Nothing was changed.")


def _reading(api: FastAPI, context: Context) -> None:
    @api.get("/me")
    def me(session: Signed) -> JSONResponse:
        return answer(about(context, session))

    @api.get("/calls")
    def calls(
        request: Request,
        session: Signed,
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 50,
    ) -> JSONResponse:
        flt = filters.read(request.query_params, tenant_of(context, session).time_zone)
        page = queries.calls(context.reader(), access.scope(session), flt, cursor, limit)
        return answer(
            {
                "calls": listed(context, page.frame),
                "next_cursor": page.next_cursor,
                "previous_cursor": page.previous_cursor,
            }
        )

    @api.get("/calls/{call_id}")
    def call(request: Request, session: Signed, call_id: str, recording: str | None = None) -> JSONResponse:
        reader, scope = context.reader(), access.scope(session)
        detail = queries.call(reader, scope, call_id, recording)
        if detail is None:
            return no_call()
        flt = filters.read(request.query_params, tenant_of(context, session).time_zone)
        newer, older = queries.neighbours(reader, scope, call_id, flt)
        return answer({**_opened(context, session, detail), "newer": newer, "older": older})


def _opened(context: Context, session: Session, detail: CallDetail) -> dict[str, Any]:
    """One call as the review page shows it. That somebody reads what is hidden from others is written down."""
    known = names(context, session)
    state = progress.of(context.db, context.clock, detail)
    redaction = redacted.as_json(context, session, detail)
    if redaction["state"] == "original" and detail.recording is not None:
        of = (session.tenant_id, session.person_id, "read_original", detail.recording.recording_id)
        audit.note_once(context.db, context.clock, *of, session.token_sha256)
    told = comments.of_call(context.db, session.tenant_id, detail.cdr.call_id)
    return {
        "cdr": records.to_json(detail.cdr),
        "recording": records.to_json(detail.recording),
        "recordings": records.to_json(detail.recordings),
        "gone": records.to_json(detail.gone),
        "recording_fault": plain.explain((detail.recording and detail.recording.quality_reason) or ""),
        "turns": records.to_json(detail.turns),
        "transcript": transcripts.as_json(context, session, detail),
        "meaning": meanings.as_json(detail.meaning, transcripts.standing(context, session, detail)),
        "redaction": redaction,
        "events": records.to_json(detail.events),
        "comments": [as_json(c, session) for c in told],
        "transcription": {
            "state": str(state.stage),
            "position": state.position,
            "message": " ".join(filter(None, (state.sentence, "" if state.pending else redaction["message"]))),
            "pending": state.pending,
            "again": state.again and access.may_hurry(session),
        },
        "names": {n: known[n] for n in _numbers(detail) if n in known},
    }


def _comments(api: FastAPI, context: Context) -> None:
    @api.post("/calls/{call_id}/comments")
    def add(
        session: Writing, call_id: str, body: NewComment, idempotency_key: Annotated[str, Header()] = ""
    ) -> JSONResponse:
        detail = queries.call(context.reader(), access.scope(session), call_id)
        if detail is None:
            return no_call()
        if not access.may_comment(session):
            return problem(403, "may_not_comment", "Your role reads comments; owners and managers write them.")
        length_s = detail.recording.duration_s if detail.recording else 0.0
        if body.at_s is not None and not (math.isfinite(body.at_s) and 0 <= body.at_s <= length_s + 1):
            return problem(400, "bad_time", "That second lies outside the recording; nothing was kept.")
        made = comments.add(
            context.db,
            context.clock,
            session.tenant_id,
            session.person_id,
            call_id,
            body.text,
            body.at_s,
            idempotency_key,
        )
        audit.note_once(
            context.db,
            context.clock,
            session.tenant_id,
            session.person_id,
            "commented",
            made.comment_id,
            session.token_sha256,
        )
        return answer(as_json(made, session), 201)

    @api.delete("/comments/{comment_id}")
    def delete(session: Writing, comment_id: str) -> JSONResponse:
        found = comments.find(context.db, session.tenant_id, comment_id)
        visible = found and queries.call(context.reader(), access.scope(session), found.call_id)
        if not found or not visible:
            return problem(404, "not_found", "There is no such comment.")
        author = None if access.may_delete_any(session) else session.person_id
        if not access.may_comment(session) or not comments.remove(
            context.db, context.clock, session.tenant_id, comment_id, author_id=author
        ):
            return problem(403, "not_yours", "Only its author or the owner may delete a comment; it is kept.")
        audit.note(
            context.db,
            context.clock,
            session.tenant_id,
            session.person_id,
            "comment_deleted",
            comment_id,
            session.token_sha256,
        )
        return answer({"deleted": comment_id})


def about(context: Context, session: Session) -> dict[str, Any]:
    """Who is signed in, and the CSRF token that his writes need."""
    tenant = tenant_of(context, session)
    return {
        "person_id": session.person_id,
        "name": session.name,
        "email": session.email,
        "role": session.role,
        "extension": session.extension,
        "may_comment": access.may_comment(session),
        "tenant": {"tenant_id": tenant.tenant_id, "name": tenant.name, "time_zone": tenant.time_zone},
        "csrf": session.csrf,
    }


def tenant_of(context: Context, session: Session) -> directory.Tenant:
    """The tenant of the person signed in."""
    tenant = directory.tenant_by_id(context.db, session.tenant_id)
    if tenant is None:
        raise InputError("Your tenant no longer exists.", error_id="no_tenant", status=403)
    return tenant


def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as JSON-ready dicts; what is missing becomes null, times become ISO 8601 UTC."""

    def cell(value: Any) -> Any:
        if isinstance(value, pd.Timestamp):
            return records.iso(value.to_pydatetime())
        if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
            return None
        return value.item() if hasattr(value, "item") else value

    return [{k: cell(v) for k, v in row.items()} for row in frame.to_dict("records")]


def listed(context: Context, frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a page of calls. A transcription that was given up leaves no transcript, only its job: it is shown
    as failed too."""
    found = rows(frame)
    waiting = [r["recording_id"] for r in found if r["recording_id"] and r["transcript_status"] is None]
    failed = jobs.failed(context.db, "transcribe", waiting)
    for row in found:
        if row["recording_id"] in failed:
            row["transcript_status"] = "failed"
    return found


def as_json(comment: comments.Comment, session: Session) -> dict[str, Any]:
    """A comment as the player shows it."""
    return {
        "comment_id": comment.comment_id,
        "author": comment.author,
        "at_s": comment.at_s,
        "text": comment.text if session.hide is None else visible_text(comment.text, session.hide, False),
        "created_at": comment.created_at,
        "mine": comment.author_id == session.person_id,
        "may_delete": access.may_delete_any(session)
        or (access.may_comment(session) and comment.author_id == session.person_id),
    }


def _numbers(detail: queries.CallDetail) -> set[str]:
    """Every number that appears on the page of a call, and its queue."""
    cdr = detail.cdr
    sides = {n for r in detail.recordings for n in (r.caller_number, r.callee_number)}
    legs = (leg.number for leg in cdr.legs)
    return {cdr.caller_number, cdr.callee_number, cdr.answered_by, f"{QUEUE}{cdr.queue}", *legs, *sides}
