"""POST /v1/explain: where a call would go now, or at another time, and why, step by step. Nobody is called."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, Field

from pbx_core.api.access import Here, OwnReading
from pbx_core.api.answers import NotFitting
from pbx_core.domain import dialplan, records
from pbx_core.domain.nodes import Origin, Wish
from pbx_core.store import directory, facts, models

router = APIRouter(prefix="/v1/explain", tags=["model"])


class Question(BaseModel):
    """A call to think through."""

    caller: str = Field(pattern=r"^(\+?[0-9]{1,20}|anonymous)$", description="an extension, or a number outside")
    dialled: str = Field(pattern=r"^\+?[0-9*#]{1,32}$", description="as the caller dials it; from outside one of ours")
    at: AwareDatetime | None = Field(default=None, description="for another moment's business hours; null: now")


class Reason(BaseModel):
    """One step of the reasoning."""

    place: str = Field(description="in the model")
    text: str


class Explained(BaseModel):
    """Where it goes."""

    kind: str = Field(description="ring, queue, menu, announce, voicemail, hangup, …")
    node: dict[str, object] = Field(description="everything that is done there")
    visited: list[str] = Field(description="destinations passed on the way")
    steps: list[Reason]
    at: datetime


@router.post("")
def explain(token: OwnReading, here: Here, asked: Question) -> Explained:
    """Ask the dialplan in force."""
    model = models.active(here.db, token.tenant_id)[1]
    owner = directory.tenant_by_id(here.db, token.tenant_id)
    inside = asked.caller in model.book.extensions
    if not inside and not (asked.caller.startswith("+") or asked.caller == "anonymous"):
        raise NotFitting(
            f"{asked.caller} is no extension, and numbers outside begin with +; nothing was asked.", ["caller"]
        )
    origin = (
        Origin("extension", asked.caller, model.book.extensions[asked.caller].name, asked.caller)
        if inside
        else Origin("trunk", asked.caller, did=asked.dialled)
    )
    known = facts.gather(here.db, here.clock, token.tenant_id, home=owner.domain if owner else "", at=asked.at)
    routed = dialplan.resolve(model, known, Wish(origin, dialled=asked.dialled))
    return Explained(
        kind=routed.node.kind,
        node={k: v for k, v in records.to_json(routed.node).items() if k != "pin"},
        visited=list(routed.visited),
        steps=[Reason(place=s.place, text=s.text) for s in routed.steps],
        at=known.at,
    )
