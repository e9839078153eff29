"""REST of what people put right in a transcript: change the text or the party of an utterance, name a speaker, and see
what was changed when by whom."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Header
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from analytics import queries
from analytics.queries import CallDetail
from analytics.redact import closed
from dashboard.web import access, transcripts
from dashboard.web.answers import Signed, Writing, answer, no_call, problem
from dashboard.web.context import Context
from pbx_core.domain import records
from pbx_core.domain.records import Party
from pbx_core.store import audit, edits, jobs
from pbx_core.store.edits import Edit, EditKind, Overtaken, Place
from pbx_core.store.sessions import Session


class NewEdit(BaseModel):
    """One change. text None puts back what the engine heard; for kind party any text means: these are the words of
    `party`. seen: the change that the person saw in force there, "" for none: when another is, nothing is kept."""

    recording_id: str = Field(max_length=32)
    kind: EditKind
    reference: str = Field("", max_length=64)  # of the utterance; "" for a name
    party: Party
    text: str | None = Field(None, max_length=edits.TEXT_CHARS_MAX * 2)
    seen: str = Field("", max_length=32)


def routes(api: FastAPI, context: Context) -> None:
    """POST and GET /api/calls/{call_id}/edits."""

    @api.post("/calls/{call_id}/edits")
    def add(
        session: Writing, call_id: str, body: NewEdit, idempotency_key: Annotated[str, Header()] = ""
    ) -> JSONResponse:
        detail = queries.call(context.reader(), access.scope(session), call_id, body.recording_id)
        if detail is None:
            return no_call()
        if (refused := _refusal(context, session, detail, body)) is not None:
            return refused
        reference = "" if body.kind is EditKind.NAME else body.reference
        place = Place(call_id, body.recording_id, body.kind, reference, body.party)
        by = (session.tenant_id, session.person_id)
        try:
            made = edits.add(context.db, context.clock, *by, place, body.text, body.seen, idempotency_key)
        except Overtaken as error:
            now = as_json(transcripts.readable(context, session, error.now)) if error.now else None
            return answer({"error": error.error_id, "message": str(error), "now": now}, error.status)
        again = {"call_id": call_id, "recording_id": body.recording_id}
        jobs.enqueue(context.db, context.clock, "meaning", made.record.edit_id, session.tenant_id, again, jobs.URGENT)
        what = ("edited_transcript", made.record.edit_id, session.token_sha256)
        audit.note_once(context.db, context.clock, *by, *what)
        return answer(as_json(made), 201)

    @api.get("/calls/{call_id}/edits")
    def history(session: Signed, call_id: str, recording: str | None = None) -> JSONResponse:
        detail = queries.call(context.reader(), access.scope(session), call_id, recording)
        if detail is None:
            return no_call()
        if detail.transcript is None or detail.recording is None:
            return answer({"edits": [], "heard": {}})
        return answer(_history(context, session, detail, detail.transcript.recording_id))


def _refusal(context: Context, session: Session, detail: CallDetail, body: NewEdit) -> JSONResponse | None:
    """Why this person's change of this text is not kept, or None."""
    if not access.may_edit(session):
        return problem(403, "may_not_edit", "Your role reads transcripts; owners and managers put them right.")
    text = transcripts.standing(context, session, detail)
    if detail.recording is None or text is None or text.heard.recording_id != body.recording_id:
        return problem(404, "no_transcript", "There is no such transcript; nothing was kept.")
    if body.kind is EditKind.NAME:
        return None
    if closed(body.reference):
        return problem(403, "hidden", "Words that are hidden from you you cannot put right; nothing was kept.")
    if body.reference not in {u.reference for u in text.utterances}:
        return problem(409, "heard_anew", "This recording has been transcribed again; look at the new text first.")
    return None


def _history(context: Context, session: Session, detail: CallDetail, recording_id: str) -> dict[str, Any]:
    """The changes of a text, and what the engine heard, as far as this person may read it."""
    changes = edits.of_recording(context.db, session.tenant_id, recording_id)
    text = transcripts.standing(context, session, detail, changes)
    assert text is not None
    open_ = [u for u in text.utterances if not closed(u.reference)]
    heard = {u.reference: {"party": u.heard.party, "text": u.heard.text} for u in open_}
    if session.hide is not None and (session.hide.any or len(open_) < len(text.utterances)):
        # an utterance in which something is hidden has no history either
        changes = [c for c in changes if c.record.kind == EditKind.NAME or c.record.utterance_id in heard]
    return {"edits": [as_json(transcripts.readable(context, session, c)) for c in changes], "heard": heard}


def as_json(edit: Edit) -> dict[str, Any]:
    """A change as the review page shows it."""
    record = edit.record
    return {
        "edit_id": record.edit_id,
        "reference": record.utterance_id,
        "kind": record.kind,
        "party": record.party,
        "text": record.text,
        "author": edit.author,
        "at": records.iso(record.created_at),
    }
