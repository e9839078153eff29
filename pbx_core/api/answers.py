"""The shapes of what the API answers, and how every refusal looks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from pbx_core import log
from pbx_core.domain.modelfile import ModelError
from pbx_core.errors import InputError, Unavailable

RETRY_S = 5
FAULT = "Something went wrong here and has been logged; whether it was done is not known. Look, then try again."
MODEL = "The model does not hold together; nothing was changed. Correct the places and send it again."
DATABASE = "The database does not answer now; nothing was done. Try again in a moment."

_log = log.get(__name__)


class Problem(BaseModel):
    """Every refusal: a stable id for programs, a sentence for people (what happened, what is kept, what to do)."""

    error_id: str
    message: str
    places: list[str] = Field(default_factory=list, description="the parts of the request or model that do not fit")


PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": text}
    for status, text in (
        (400, "The request does not fit."),
        (401, "No living token."),
        (403, "The token lacks the right."),
        (404, "Unknown here; another tenant's looks the same."),
        (409, "In conflict with what was done before."),
        (413, "Too large."),
        (422, "Parts of the request do not fit; `places` names them."),
        (429, "Too many wrong tokens from this address."),
        (503, "Not to be had now; try again."),
    )
}


class NotFitting(InputError):
    """Input with several mistakes, each with its place."""

    def __init__(self, message: str, places: list[str], *, error_id: str = "does_not_fit") -> None:
        super().__init__(message, error_id=error_id, status=422)
        self.places = places


def when(at: float | None) -> datetime | None:
    """UTC epoch seconds as a timestamp."""
    return None if at is None else datetime.fromtimestamp(at, UTC)


def problem(
    status: int, error_id: str, message: str, places: list[str] | None = None, headers: dict[str, str] | None = None
) -> JSONResponse:
    """A refusal."""
    body: dict[str, Any] = {"error_id": error_id, "message": message}
    if places:
        body["places"] = places
    return JSONResponse(body, status_code=status, headers=headers)


def not_found() -> InputError:
    """The one answer to every id that is unknown here, whoever it belongs to."""
    return InputError(
        "There is nothing with this id here; nothing was done. Look at the list for the ids that there are.",
        error_id="not_found",
        status=404,
    )


def install(api: FastAPI) -> None:
    """Make every error answer in the one shape."""

    @api.exception_handler(InputError)
    def _input(_: Request, error: InputError) -> JSONResponse:
        headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None
        if isinstance(error, ModelError):
            places = [f"{m.place}: {m.text}" if m.place else m.text for m in error.mistakes]
            return problem(error.status, error.error_id, MODEL, places)
        places = error.places if isinstance(error, NotFitting) else []
        return problem(error.status, error.error_id, str(error), places, headers)

    @api.exception_handler(Unavailable)
    def _unavailable(_: Request, error: Unavailable) -> JSONResponse:
        return problem(503, "unavailable", str(error), headers={"Retry-After": str(RETRY_S)})

    @api.exception_handler(sa.exc.OperationalError)
    def _database(_: Request, error: sa.exc.OperationalError) -> JSONResponse:
        _log.error("database does not answer", extra={"reason": str(error.orig)})
        return problem(503, "unavailable", DATABASE, headers={"Retry-After": str(RETRY_S)})

    @api.exception_handler(Exception)
    def _fault(_: Request, error: Exception) -> JSONResponse:
        return problem(500, "fault", FAULT)  # logged by the doors, which it reaches too

    @api.exception_handler(RequestValidationError)
    def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        places = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        return problem(422, "does_not_fit", "Parts of the request do not fit; nothing was done. Correct them.", places)

    @api.exception_handler(HTTPException)
    def _http(_: Request, error: HTTPException) -> JSONResponse:
        known = {404: ("no_such_path", "There is no such path; nothing was done. /openapi.json lists them.")}
        error_id, message = known.get(
            error.status_code, ("refused", "This request is not possible here; nothing was done. See /openapi.json.")
        )
        return problem(error.status_code, error_id, message, headers=dict(error.headers or {}))
