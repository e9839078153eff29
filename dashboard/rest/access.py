"""As whom a program reads: as an analyst of its token's tenant, without the right to originals."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from dashboard.web.context import Context
from pbx_core.api.answers import not_found
from pbx_core.domain.redaction import wishes_of
from pbx_core.errors import InputError
from pbx_core.store import directory, models
from pbx_core.store.sessions import Session
from pbx_core.store.tokens import Right, Token


def _context(request: Request) -> Context:
    context: Context = request.app.state.reading
    return context


There = Annotated[Context, Depends(_context)]


def _session(request: Request, context: There) -> Session:
    """The token, which the gate before every route has found living, as somebody who reads; audited by its id."""
    token: Token = request.state.token
    hide = wishes_of(models.active(context.db, token.tenant_id)[1])
    at = token.created_at
    session = Session(
        token.token_id, "", at, at, token.tenant_id, "", token.name, email="", role="analyst", extension=None, hide=hide
    )
    request.state.session = session
    return session


Program = Annotated[Session, Depends(_session)]


def time_zone(context: Context, session: Session) -> str:
    """The tenant's, in which days are meant."""
    tenant = directory.tenant_by_id(context.db, session.tenant_id)
    if tenant is None:
        raise not_found()
    return tenant.time_zone


def must_listen(request: Request) -> None:
    """InputError 403 when this token may not know what was said."""
    token: Token = request.state.token
    if Right.LISTEN not in token.rights:
        raise InputError(
            "Searching in what was said needs the right listen; nothing was done. Make a token with "
            "`callbench token add --rights read,listen`.",
            error_id="no_right",
            status=403,
        )
