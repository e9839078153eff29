"""/v1/model: the declarative model of the tenant's exchange, read, checked, put in force, taken back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from pbx_core.api.access import Here, Modelling, OwnReading
from pbx_core.api.modelschema import model_schema
from pbx_core.domain import modelfile
from pbx_core.domain.model import Model
from pbx_core.store import audit, models
from pbx_core.store.tokens import Token

router = APIRouter(prefix="/v1/model", tags=["model"])

COMMENT = Query(max_length=models.COMMENT_CHARS_MAX, description="why, for the history")
BASED_ON = Query(ge=0, description="the version you began from; 409 when another came since")
REMOVING = Query(description="extensions that the model does not have may go, with their passwords; else 409")
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": model_schema(Model)},
            "application/toml": {"schema": {"type": "string"}},
        },
    }
}


class InForce(BaseModel):
    """The model in force."""

    version: int = Field(description="0: none was applied yet, all is default")
    model: dict[str, Any] = Field(description="defaults are left out; the schema is that of PUT")


class Applied(BaseModel):
    """What a change did."""

    version: int
    added: list[str] = Field(description="new extensions")
    removed: list[str] = Field(description="extensions that are gone")
    passwords: dict[str, str] = Field(description="SIP passwords of the new extensions; told now and never again")


class Fits(BaseModel):
    """The model holds together."""

    ok: bool = True


class Version(BaseModel):
    """One entry of the history."""

    version: int
    author: str
    comment: str
    created_at: datetime
    undoes: int | None = Field(description="the version that it took back")


class History(BaseModel):
    """Newest first."""

    versions: list[Version]


async def _document(request: Request) -> Model:
    """The body as a model; ModelError with every mistake. TOML when the Content-Type says so, else JSON."""
    text = (await request.body()).decode("utf-8", "replace")
    toml = "toml" in request.headers.get("content-type", "")
    return await run_in_threadpool(modelfile.read_toml if toml else modelfile.read_json, text)


Document = Annotated[Model, Depends(_document)]


@router.get("")
def read(token: OwnReading, here: Here) -> InForce:
    """The model in force."""
    version, model = models.active(here.db, token.tenant_id)
    return InForce(version=version, model=modelfile.to_document(model))


@router.put("", openapi_extra=BODY)
def put(
    token: Modelling,
    here: Here,
    model: Document,
    comment: Annotated[str, COMMENT] = "",
    based_on: Annotated[int | None, BASED_ON] = None,
    remove_extensions: Annotated[bool, REMOVING] = False,
) -> Applied:
    """Put a model in force, if it holds together; else 422 with every place, and nothing is changed."""
    done = models.apply(
        here.db,
        here.clock,
        token.tenant_id,
        model,
        _author(token),
        comment,
        based_on=based_on,
        may_remove=remove_extensions,
    )
    audit.note(here.db, here.clock, token.tenant_id, None, "model_applied", str(done.version), token.token_id)
    return _applied(done)


@router.post("/check", openapi_extra=BODY)
def check(token: OwnReading, model: Document) -> Fits:
    """Whether a model holds together; changes nothing."""
    return Fits()


@router.post("/undo")
def undo(token: Modelling, here: Here, comment: Annotated[str, COMMENT] = "") -> Applied:
    """Take the last change back."""
    done = models.undo(here.db, here.clock, token.tenant_id, _author(token), comment)
    audit.note(here.db, here.clock, token.tenant_id, None, "model_undone", str(done.version), token.token_id)
    return _applied(done)


@router.get("/history")
def history(token: OwnReading, here: Here) -> History:
    """Every version: who, when, why."""
    return History(
        versions=[
            Version(version=v.version, author=v.author, comment=v.comment, created_at=v.created_at, undoes=v.undoes)
            for v in models.history(here.db, token.tenant_id)
        ]
    )


def _author(token: Token) -> str:
    return f"api {token.token_id} {token.name}"


def _applied(done: models.Applied) -> Applied:
    return Applied(version=done.version, added=list(done.added), removed=list(done.removed), passwords=done.passwords)
