"""Who asks: the token in the Authorization header decides the tenant and the rights; nothing else in a request does."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from fastapi import Depends, Request, Security, params
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from pbx_core.api.context import Context
from pbx_core.errors import InputError
from pbx_core.store import tokens
from pbx_core.store.tokens import Right, Token

_bearer = HTTPBearer(auto_error=False, description="A token made with `callbench token add`.")
ACCOUNT_CHARS = 16  # of a token's hash: whose guesses are counted together


def address_of(request: Request) -> str:
    """Where the connection comes from; headers that claim another address are not believed. Of an IPv6 address the
    network: whoever has one has all of it."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        return host
    return str(address.ipv4_mapped or ipaddress.IPv6Network((address, 64), strict=False))


def context_of(request: Request) -> Context:
    """The context of the application."""
    context: Context = request.app.state.context
    return context


def _bearer_of(
    request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)] = None
) -> Token:
    context = context_of(request)
    text = given.credentials if given else ""
    account = tokens.digest(text)[:ACCOUNT_CHARS]
    address = address_of(request)
    context.doorman.admit(address, account)
    found = tokens.find(context.db, text) if text else None
    if found is None:
        if text:
            context.doorman.wrong(address, account)
        raise InputError(
            "The token is missing, unknown or revoked; nothing was done. Send `Authorization: Bearer <token>`.",
            error_id="bad_token",
            status=401,
        )
    context.doorman.right(address, account)
    return found


Bearer = Annotated[Token, Depends(_bearer_of)]


def _reading(token: Bearer) -> Token:
    return _with(token, Right.READ)


def _own(token: Bearer) -> Token:
    return _of_tenant(_with(token, Right.READ))


def _controlling(token: Bearer) -> Token:
    return _of_tenant(_with(token, Right.CONTROL))


def _modelling(token: Bearer) -> Token:
    return _of_tenant(_with(token, Right.MODEL))


def gate(right: Right, *, operator: bool = False) -> params.Depends:
    """For routers that come from other packages: lets in tenants' tokens with this right, and the operator's where
    that is wanted; the token is then in request.state.token."""

    def keep(request: Request, token: Bearer) -> None:
        _with(token, right)
        request.state.token = token if operator else _of_tenant(token)

    found: params.Depends = Depends(keep)
    return found


def _operating(token: Bearer) -> Token:
    if token.tenant_id != tokens.OPERATOR:
        raise InputError(
            "This is for the operator of the service; nothing was done. Use a token made with --tenant operator.",
            error_id="operator_only",
            status=403,
        )
    return token


def _with(token: Token, right: Right) -> Token:
    if right not in token.rights:
        raise InputError(
            f"This token may {', '.join(sorted(token.rights))}, not {right}; nothing was done. Make one with "
            f"`callbench token add --rights {right}`.",
            error_id="no_right",
            status=403,
        )
    return token


def _of_tenant(token: Token) -> Token:
    if token.tenant_id == tokens.OPERATOR:
        raise InputError(
            "This belongs to a tenant; nothing was done. Use a token of that tenant.",
            error_id="tenant_only",
            status=403,
        )
    return token


Reading = Annotated[Token, Depends(_reading)]  # a tenant's, or the operator's
OwnReading = Annotated[Token, Depends(_own)]  # a tenant's
Controlling = Annotated[Token, Depends(_controlling)]
Modelling = Annotated[Token, Depends(_modelling)]
Operating = Annotated[Token, Depends(_operating)]
Here = Annotated[Context, Depends(context_of)]
