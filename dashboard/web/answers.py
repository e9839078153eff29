"""What every REST route needs: who asks, the token that writing takes, and the forms of answers."""

from __future__ import annotations

import hmac
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from fastapi.responses import JSONResponse

from pbx_core.errors import InputError
from pbx_core.store.sessions import Session


def _session(request: Request) -> Session:
    session: Session = request.state.session
    return session


Signed = Annotated[Session, Depends(_session)]


def _checked(session: Signed, x_csrf_token: Annotated[str, Header()] = "") -> Session:
    """For everything that writes: the CSRF token of the session must come along."""
    if not hmac.compare_digest(x_csrf_token.encode("utf-8", "replace"), session.csrf.encode()):
        raise InputError("The CSRF token is missing or old; nothing was changed. Reload.", error_id="csrf", status=403)
    return session


Writing = Annotated[Session, Depends(_checked)]


def problem(status: int, error_id: str, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """A refusal: a word for programs, a sentence for people."""
    return JSONResponse({"error": error_id, "message": message}, status_code=status, headers=headers)


def answer(content: Any, status: int = 200) -> JSONResponse:
    """JSON that is not kept on its way."""
    return JSONResponse(content, status_code=status, headers={"Cache-Control": "no-store"})


def no_call() -> JSONResponse:
    """Unknown, another tenant's and out of scope look the same."""
    return problem(404, "not_found", "There is no such call.")
