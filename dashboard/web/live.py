"""Running calls: which there are, and the words of one that is being followed. A call is followed while somebody looks
at it: the page says so again and again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from dashboard.web import access
from dashboard.web.answers import Signed, Writing, answer, no_call, problem
from dashboard.web.context import Context
from dashboard.web.naming import names
from pbx_core.domain import records
from pbx_core.store import audit, following, jobcontrol, live, livetext, models
from pbx_core.store.live import Call
from pbx_core.store.livetext import LiveText
from pbx_core.store.sessions import Session

STARTING = "The speech recognition is starting. The first words come within some seconds."
SHOWN = ("caller", "caller_name", "callee", "direction", "since", "answered_by", "queue", "paused")
_ID = re.compile(r"[0-9a-f]{32}")


class Switch(BaseModel):
    """Whether words are taken from the call: while it runs and, for all of it, afterwards."""

    on: bool


@dataclass(frozen=True)
class Obstacle:
    """Why a running call has no words for this person: a word for programs, a sentence for people."""

    word: str
    sentence: str


def routes(api: FastAPI, context: Context) -> None:
    """Everything under /api/live."""

    @api.get("/live")
    def running(session: Signed) -> JSONResponse:
        found = [c for c in live.calls(context.db, session.tenant_id) if _visible(session, c)]
        found.sort(key=lambda call: (str(call.detail.get("since")), call.call_id))
        return answer(
            {
                "calls": [_as_json(context, session, call) for call in found],
                "names": names(context, session),
                "now": records.iso(context.clock.now()),
            }
        )

    @api.get("/live/{call_id}")
    def words(session: Signed, call_id: str, key: str = "", after: int = 0) -> JSONResponse:
        call = _find(context, session, call_id)
        if call is None:
            return no_call()
        about = {
            "call": _as_json(context, session, call),
            "now": records.iso(context.clock.now()),
            "may_switch": access.may_hurry(session),
        }
        if (why := obstacle(context, session, call)) is not None:
            return answer({**about, "state": why.word, "sentence": why.sentence, "key": "", "lines": []})
        text = livetext.read(context.settings.live_dir, session.tenant_id, call.detail["recording_id"])
        if text is None:
            return answer({**about, "state": "starting", "sentence": STARTING, "key": "", "lines": []})
        return answer({**about, **_since(text, key, after)})

    @api.post("/live/{call_id}/transcription")
    def switch(session: Writing, call_id: str, body: Switch) -> JSONResponse:
        if _find(context, session, call_id) is None:
            return no_call()
        if not access.may_hurry(session):
            return problem(403, "may_not_switch", "Your role reads along; owners and managers switch words off.")
        who = (session.tenant_id, session.person_id)
        if body.on:
            changed = jobcontrol.allow(context.db, session.tenant_id, call_id)
        else:
            changed = jobcontrol.forbid(context.db, context.clock, session.tenant_id, call_id, session.person_id)
        if changed:
            action = "transcription_on" if body.on else "transcription_off"
            audit.note(context.db, context.clock, *who, action, call_id, session.token_sha256)
        return answer({"transcription": body.on})

    @api.post("/live/{call_id}/look")
    def look(session: Writing, call_id: str) -> JSONResponse:
        call = _find(context, session, call_id)
        if call is None:
            return no_call()
        if (why := obstacle(context, session, call)) is not None:
            return problem(409, why.word, why.sentence)
        following.look(context.db, context.clock, session.tenant_id, call_id)
        who = (session.tenant_id, session.person_id)
        audit.note_once(context.db, context.clock, *who, "read_along", call_id, session.token_sha256)
        return answer({"for_s": following.LOOK_S})


def obstacle(context: Context, session: Session, call: Call) -> Obstacle | None:
    """What keeps this person from reading along with this call, the lasting reasons first."""
    _, model = models.active(context.db, session.tenant_id)
    if context.settings.live_calls_max == 0:
        return Obstacle("off", "Live transcripts are switched off on this system.")
    if not model.speech.transcribe:
        return Obstacle("off", "Transcription is off for your organisation.")
    if never := sorted({*call.extensions, *_numbers(call)} & set(model.speech.never)):
        return Obstacle("off", f"Transcription is off for extension {never[0]}.")
    if jobcontrol.forbidden(context.db, session.tenant_id, call.call_id):
        return Obstacle(
            "private", "Transcription was switched off for this call: no words are taken from it, now or later."
        )
    if session.hide is not None and session.hide.any:
        return Obstacle(
            "hidden",
            "Your organisation hides numbers or names in transcripts, which is not possible while somebody speaks. The "
            "transcript with everything hidden comes after the call.",
        )
    if not call.detail.get("recording_id"):
        if call.state != "talking":
            return Obstacle("waiting", "The words begin when two people talk and the recording runs.")
        return Obstacle("not_recorded", "This call is not recorded, so there is nothing to follow.")
    return None


def _find(context: Context, session: Session, call_id: str) -> Call | None:
    """Unknown, another tenant's and out of an agent's scope look the same."""
    call = live.call(context.db, session.tenant_id, call_id) if _ID.fullmatch(call_id) else None
    return call if call and _visible(session, call) else None


def _visible(session: Session, call: Call) -> bool:
    """An agent sees calls in which his own extension talks or rings. Not by the numbers shown: a caller from outside
    may have any."""
    scope = access.scope(session)
    return call.tenant_id == scope.tenant_id and (scope.extension is None or scope.extension in call.extensions)


def _as_json(context: Context, session: Session, call: Call) -> dict[str, Any]:
    return {
        "call_id": call.call_id,
        "state": call.state,
        "recorded": bool(call.detail.get("recording_id")),
        **{name: call.detail.get(name) for name in SHOWN},
    }


def _numbers(call: Call) -> set[str]:
    """Every number in the call, as people see it."""
    return {str(n) for n in (call.detail.get("legs") or {}).values()}


def _since(text: LiveText, key: str, after: int) -> dict[str, Any]:
    """The text, without the finished lines up to number `after` when the reader has those of the same key."""
    own = f"{text.recording_id}.{text.epoch}.{round(text.begins_s)}"
    known = after if key == own else 0
    return {
        "state": str(text.state),
        "sentence": text.sentence,
        "key": own,
        "language": text.language,
        "begins_s": text.begins_s,
        "behind_s": text.behind_s,
        "lines": [records.to_json(line) for line in text.lines if line.number == 0 or line.number > known],
    }
