"""Our own routes beside Streamlit's: sign-in, sound, REST, the player's files. They come before Streamlit's, so
that nothing of Streamlit's media storage can be reached under /media."""

from __future__ import annotations

import hashlib
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard.web import api
from dashboard.web.context import Context
from dashboard.web.login import Login
from dashboard.web.media import Media
from pbx_core.errors import InputError, Unavailable

PREFIXES = ("/auth/", "/media/", "/assets/", "/api/")
PATHS = frozenset({"/healthz", "/media", "/api", "/auth", "/assets", "/calls"})
AUTH_FILES = {"login.css": "text/css", "mark.svg": "image/svg+xml"}
ASSET_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
ASSETS = Path(__file__).parent.parent / "player" / "frontend"


def assets_version() -> str:
    """Changes with any of the player's files, so that browsers may keep them for ever."""
    content = b"".join(p.name.encode() + p.read_bytes() for p in sorted(ASSETS.iterdir()) if p.suffix in ASSET_TYPES)
    return hashlib.sha256(content).hexdigest()[:16]


class OwnRoutes:
    """Answers what is ours; everything else goes on to Streamlit."""

    def __init__(self, app: ASGIApp, own: ASGIApp) -> None:
        self.app = app
        self.own = own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ours = scope["type"] == "http" and (scope["path"] in PATHS or scope["path"].startswith(PREFIXES))
        await (self.own if ours else self.app)(scope, receive, send)


def build(context: Context) -> Starlette:
    """The application of our own routes; Identity stands before it and sets request.state.session."""
    login = Login(context)
    media = Media(context)
    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/calls", first_page),
            Route("/auth/login", login.login, methods=["GET", "POST"]),
            Route("/auth/logout", login.logout, methods=["GET", "POST"]),
            Route("/auth/static/{name}", auth_file),
            Route("/media/{recording_id}", media.sound),
            Route("/media/{recording_id}/peaks", media.peaks),
            Route("/assets/{version}/{name}", asset),
            Mount("/api", app=api.build(context)),
        ],
        exception_handlers={InputError: refused, Unavailable: unavailable},
    )


async def healthz(_: Request) -> Response:
    """For the supervisor and load balancers; says nothing but that the process answers."""
    return JSONResponse({"status": "ok"})


async def refused(_: Request, error: Exception) -> Response:
    """Something of ours cannot be used as it is, such as a damaged recording."""
    assert isinstance(error, InputError)
    return JSONResponse({"error": error.error_id, "message": str(error)}, status_code=error.status)


async def unavailable(_: Request, error: Exception) -> Response:
    """Something cannot be had now; trying again may help."""
    return JSONResponse({"error": "unavailable", "message": str(error)}, status_code=503, headers={"Retry-After": "5"})


async def first_page(request: Request) -> Response:
    """The list of calls is the first page; Streamlit knows that one under / only."""
    query = request.url.query
    return RedirectResponse(f"/?{query}" if query else "/", status_code=307)


async def auth_file(request: Request) -> Response:
    """What the sign-in page needs before anybody is signed in: one style sheet and the mark."""
    name = request.path_params["name"]
    if name not in AUTH_FILES:
        return Response(status_code=404)
    return FileResponse(
        Path(__file__).parent / "static" / name,
        media_type=AUTH_FILES[name],
        headers={"Cache-Control": "public, max-age=3600"},
    )


async def asset(request: Request) -> Response:
    """A file of the player; the version in its address changes with its content."""
    path = ASSETS / request.path_params["name"]
    if path.parent != ASSETS or path.suffix not in ASSET_TYPES or not path.is_file():
        return Response(status_code=404)
    return FileResponse(
        path,
        media_type=ASSET_TYPES[path.suffix],
        headers={"Cache-Control": "private, max-age=31536000, immutable"},
    )
