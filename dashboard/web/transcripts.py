"""The text of a call as this person may read it, and its way out as a file.

`standing` is the ONE place where the pages, the files and the search get words from: what must stay hidden from
somebody is to be hidden there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fastapi import FastAPI
from starlette.responses import Response

from analytics import exports, queries
from analytics.corrected import Corrected, correct
from analytics.redact import judge, visible_corrected, visible_text
from dashboard.web import access, redacted
from dashboard.web.answers import Signed, no_call, problem
from dashboard.web.context import Context
from pbx_core.domain import records
from pbx_core.domain.records import Party, TranscriptEditRecord
from pbx_core.store import audit, directory, edits
from pbx_core.store.edits import Edit
from pbx_core.store.sessions import Session

_ID = re.compile(r"[0-9a-f]{32}")


def standing(
    context: Context, session: Session, detail: queries.CallDetail, changes: Sequence[Edit] | None = None
) -> Corrected | None:
    """The transcript with what people put right in it, without what is hidden from this person; None when there is
    none. changes: of its recording, fetched when they are not given."""
    if detail.transcript is None:
        return None
    if changes is None:
        changes = edits.of_recording(context.db, session.tenant_id, detail.transcript.recording_id)
    text = correct(detail.transcript, [c.record for c in changes])
    if access.may_see_originals(session):
        return text
    wanted = redacted.wishes(context, session)
    verdict = judge(detail.transcript, detail.redaction, wanted, text)
    names = {party: visible_text(name, wanted, False) for party, name in text.names.items()}
    return replace(visible_corrected(text, verdict, False), names=names)


def as_json(context: Context, session: Session, detail: queries.CallDetail) -> dict[str, Any] | None:
    """The transcript for the review page: as the record, and with each utterance what was changed and by whom."""
    if detail.transcript is None:
        return None
    changes = edits.of_recording(context.db, session.tenant_id, detail.transcript.recording_id)
    text = standing(context, session, detail, changes)
    assert text is not None
    authors = {c.record.edit_id: c.author for c in changes}

    def made(edit: TranscriptEditRecord | None) -> dict[str, str] | None:
        return edit and {"author": authors[edit.edit_id], "at": records.iso(edit.created_at)}

    def seen(kind: str, place: str) -> str:
        last = text.latest.get((kind, place))
        return last.edit_id if last else ""

    rest = {k: v for k, v in records.to_json(text.heard).items() if k != "utterances"}
    utterances = [
        {
            **{k: records.to_json(getattr(u.heard, k)) for k in ("utterance_id", "start_s", "end_s", "confidence")},
            "party": u.party,
            "text": u.text,
            "words": records.to_json(u.words),
            "reference": u.reference,
            "edited": {"text": made(u.text_edit), "party": made(u.party_edit)},
            "seen": {"text": seen("text", u.reference), "party": seen("party", u.reference)},
        }
        for u in text.utterances
    ]
    return {
        **rest,
        "utterances": utterances,
        "names": {p: text.names.get(p, "") for p in Party},
        "seen_names": {p: seen("name", p) for p in Party},
        "may_edit": access.may_edit(session),
    }


def readable(context: Context, session: Session, edit: Edit) -> Edit:
    """A change without what is hidden from this person in its text."""
    wanted = redacted.wishes(context, session)
    if edit.record.text is None or not wanted.any or access.may_see_originals(session):
        return edit
    return replace(edit, record=replace(edit.record, text=visible_text(edit.record.text, wanted, False)))


def speakers(context: Context, detail: queries.CallDetail, text: Corrected) -> dict[Party, str]:
    """Who speaks: the name given in this recording, else the extension's with its number, else the number."""
    known = {e.number: e.display_name for e in directory.extensions(context.db, detail.cdr.tenant_id)}
    kept = detail.recording
    numbers = {
        Party.CALLER: (kept and kept.caller_number) or detail.cdr.caller_number,
        Party.CALLEE: (kept and kept.callee_number) or detail.cdr.answered_by or detail.cdr.callee_number,
    }

    def named(party: Party) -> str:
        number = numbers[party]
        own = text.names.get(party) or known.get(number)
        return f"{own} ({number})" if own and number else own or number or party.capitalize()

    return {party: named(party) for party in Party}


def as_file(
    context: Context, session: Session, detail: queries.CallDetail, text: Corrected, form: exports.Format
) -> Response:
    """What `standing` gave as a file; that it went out is written down."""
    audit.note_once(
        context.db,
        context.clock,
        session.tenant_id,
        session.person_id,
        "exported_transcript",
        text.heard.recording_id,
        session.token_sha256,
    )
    zone = directory.tenant_by_id(context.db, session.tenant_id)
    about = exports.About(detail.cdr, speakers(context, detail, text), zone.time_zone if zone else "UTC")
    name = f"transcript-{detail.cdr.started_at:%Y%m%dT%H%M%SZ}-{text.heard.recording_id[:8]}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return Response(exports.write(form, text, about), media_type=exports.TYPES[form], headers=headers)


def routes(api: FastAPI, context: Context) -> None:
    """GET /api/calls/{call_id}/transcript."""

    @api.get("/calls/{call_id}/transcript")
    def transcript(session: Signed, call_id: str, format: str = "txt", recording: str | None = None) -> Response:
        detail = queries.call(context.reader(), access.scope(session), call_id, recording)
        if detail is None or not _ID.fullmatch(call_id):
            return no_call()
        if format not in set(exports.Format):
            return problem(400, "bad_format", f"A transcript comes as one of {', '.join(exports.Format)}.")
        text = standing(context, session, detail) if detail.recording else None
        if text is None or (recording and text.heard.recording_id != recording):
            return problem(404, "no_transcript", "There is no such transcript.")
        return as_file(context, session, detail, text, exports.Format(format))
