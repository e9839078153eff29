"""How the data are, for programs: /api/health for the pages, /v1/health in the API, where the operator sees all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response, params
from fastapi.responses import JSONResponse

from analytics.health import gather, tell
from analytics.health.types import Health
from dashboard.rest.access import There
from dashboard.web.answers import Signed, answer, problem
from dashboard.web.context import Context
from pbx_core.errors import ConfigError, Unavailable
from pbx_core.store.sessions import Session
from pbx_core.store.tokens import OPERATOR, Right, Token

router = APIRouter(prefix="/v1/health", tags=["monitoring"])


def may_see(session: Session) -> bool:
    """Agents see their own calls; how all data are is not theirs."""
    return session.role != "agent"


def of(context: Context, tenant_id: str | None) -> Health:
    """The health of a tenant's part; None: of all. A warehouse that cannot be read is one of the findings."""
    try:
        return gather.gather(context.settings, context.db, context.clock, context.reader(), tenant_id)
    except (Unavailable, ConfigError):
        return gather.gather(context.settings, context.db, context.clock, None, tenant_id)


def routes(api: FastAPI, context: Context) -> None:
    """For the pages."""

    @api.get("/health")
    def health(session: Signed) -> JSONResponse:
        if not may_see(session):
            return problem(403, "not_yours", "Owners, managers and analysts see how the data are.")
        return answer(tell.as_json(of(context, session.tenant_id)))

    @api.get("/health/rejected.csv", response_class=Response)
    def rejected_lines(session: Signed) -> Response:
        if not may_see(session):
            return problem(403, "not_yours", "Owners, managers and analysts see how the data are.")
        return _lines(context, session.tenant_id)


def install(api: FastAPI, gate: Callable[..., params.Depends]) -> None:
    """For programs; an entry point of `callbench.routers`. The operator's token is let in as well."""
    api.include_router(router, dependencies=[gate(Right.READ, operator=True)])


def _tenant_of(request: Request) -> str | None:
    """The token's tenant, None for the operator."""
    token: Token = request.state.token
    return None if token.tenant_id == OPERATOR else token.tenant_id


Whose = Annotated[str | None, Depends(_tenant_of)]


@router.get("")
def health(whose: Whose, context: There) -> dict[str, Any]:
    """How the data are. `status`: ok, warn or bad, with `reasons`; a tenant's token sees its own part."""
    return tell.as_json(of(context, whose))


@router.get("/rejected.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
def rejected(whose: Whose, context: There) -> Response:
    """Every line that could not be loaded: file, line number, reason. A tenant's token: those of its imports."""
    return _lines(context, whose)


def _lines(context: Context, tenant_id: str | None) -> Response:
    headers = {"Content-Disposition": "attachment; filename=rejected.csv", "Cache-Control": "no-store"}
    content = tell.rejects_csv(context.reader(), tenant_id)
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)
