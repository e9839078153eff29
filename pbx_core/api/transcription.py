"""POST /v1/calls/{call_id}/transcription-off …: whether words are taken from one call, and how soon. The recording and
its measurements are made all the same."""

from __future__ import annotations

import re

from fastapi import APIRouter
from pydantic import BaseModel, Field

from pbx_core.api.access import Controlling, Here
from pbx_core.api.answers import not_found
from pbx_core.api.context import Context
from pbx_core.media import spool
from pbx_core.store import audit, jobcontrol, live

router = APIRouter(prefix="/v1/calls", tags=["transcription"])

KIND = "transcribe"
_CALL_ID = re.compile(r"[0-9a-f]{32}")


class Switched(BaseModel):
    """Whether words are taken from the call from now on."""

    transcription: bool
    heard_before: list[str] = Field(
        default_factory=list,
        description="recordings of the call that were dealt with before this; they stay as they are",
    )


class Moved(BaseModel):
    """What waits for a person goes first."""

    first: int = Field(description="recordings that were moved to the front")
    again: int = Field(description="recordings that had failed or were given up, and are tried again")


@router.post("/{call_id}/transcription-off")
def switch_off(token: Controlling, here: Here, call_id: str) -> Switched:
    """Take no words from this call; it may still run, or have ended and wait for its transcript."""
    recordings = _known(here, token.tenant_id, call_id)
    jobcontrol.forbid(here.db, here.clock, token.tenant_id, call_id, f"api {token.token_id}")
    audit.note(here.db, here.clock, token.tenant_id, None, "transcription_off", call_id, token.token_id)
    return Switched(transcription=False, heard_before=jobcontrol.done(here.db, KIND, token.tenant_id, recordings))


@router.post("/{call_id}/transcription-on")
def switch_on(token: Controlling, here: Here, call_id: str) -> Switched:
    """Take that back. What was left out meanwhile stays so until `callbench jobs retry` names it."""
    recordings = _known(here, token.tenant_id, call_id)
    if jobcontrol.allow(here.db, token.tenant_id, call_id):
        audit.note(here.db, here.clock, token.tenant_id, None, "transcription_on", call_id, token.token_id)
    return Switched(transcription=True, heard_before=jobcontrol.done(here.db, KIND, token.tenant_id, recordings))


@router.post("/{call_id}/transcribe-now")
def transcribe_now(token: Controlling, here: Here, call_id: str) -> Moved:
    """Let the call's recordings go before everything that nobody waits for; what had failed is tried again."""
    recordings = _known(here, token.tenant_id, call_id)
    again = jobcontrol.retry(here.db, KIND, token.tenant_id, recordings)
    first = jobcontrol.hurry(here.db, KIND, token.tenant_id, recordings)
    audit.note(here.db, here.clock, token.tenant_id, None, "transcription_hurried", call_id, token.token_id)
    return Moved(first=first, again=again)


def _known(here: Context, tenant_id: str, call_id: str) -> list[str]:
    """The recordings of the call so far; a 404 when nothing is known of it."""
    if not _CALL_ID.fullmatch(call_id):
        raise not_found()
    recordings = jobcontrol.of_call(here.db, tenant_id, call_id)
    if recordings or live.call(here.db, tenant_id, call_id) or _in_spool(here, tenant_id, call_id):
        return recordings
    raise not_found()


def _in_spool(here: Context, tenant_id: str, call_id: str) -> bool:
    """Whether the call has ended and its recording is being prepared."""
    for place in (here.settings.spool_dir / tenant_id).glob("*/meta.json"):
        try:
            meta = spool.read_meta(place.parent)
        except ValueError:  # damaged: the recorder puts it aside
            continue
        if meta is not None and meta.call_id == call_id:
            return True
    return False
