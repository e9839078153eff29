"""Puts the API together: its routes, its description, its one shape of errors."""

from __future__ import annotations

from importlib.metadata import entry_points

from fastapi import FastAPI
from starlette.types import ASGIApp

from pbx_core import __version__
from pbx_core.api import answers, calls, explaining, live, metrics, model, provision, transcription
from pbx_core.api.access import gate
from pbx_core.api.context import Context
from pbx_core.api.doors import Doors

ROUTERS = "callbench.routers"  # functions (api, gate) of other packages that add routes; this one imports none of them


def build(context: Context) -> ASGIApp:
    """The application behind its doors. No CORS: browsers of other sites get nothing. The pages that would draw the
    description load scripts from elsewhere and are off; /openapi.json is there."""
    api = FastAPI(
        title="Callbench",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        responses=answers.PROBLEMS,
        redirect_slashes=False,
    )
    api.state.context = context
    answers.install(api)
    for part in (live, calls, transcription, model, explaining, metrics, provision):
        api.include_router(part.router)
    for point in sorted(entry_points(group=ROUTERS), key=lambda point: point.name):
        point.load()(api, gate)
    return Doors(api, context.settings.api_body_bytes_max)
