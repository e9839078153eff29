"""The doors of the web process: who asks (Identity), what answers carry (SecurityHeaders), how much may be sent.

Pure ASGI, so that HTTP and WebSocket pass the same check. The identity reaches Streamlit as request headers that
`server.trustedUserHeaders` turns into `st.user`; headers of these names sent by the client are dropped first.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote, urlsplit

import anyio.to_thread
from google.protobuf.message import DecodeError
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg

from dashboard.web import front
from dashboard.web.context import Context
from pbx_core.serving import refused_body, with_headers
from pbx_core.store import sessions
from pbx_core.store.sessions import Session

HEADER_PREFIX = b"x-callbench-"
SESSION_HEADER = "x-callbench-session"
USER_HEADERS = {SESSION_HEADER: "session"}  # header → key of st.user
OPEN_PATHS = frozenset({"/auth/login", "/healthz"})
OPEN_PREFIX = "/auth/static/"
BODY_BYTES_MAX = 64 * 1024  # the largest thing anyone sends us is a comment
POLLED = "/api/live"  # asked for by a page that refreshes itself: nobody need sit before it, so it is no use
RECHECK_S = 2.0  # an open WebSocket's session is looked at again at most so often
COOKIE = "callbench_session"


def cookie_name(https: bool) -> str:
    """`__Host-` binds the cookie to this host and to TLS; browsers refuse it without."""
    return f"__Host-{COOKIE}" if https else COOKIE


class SecurityHeaders:
    """Adds the security headers to every answer; an answer's own Content-Security-Policy is kept."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.policy = page_policy()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        await self.app(scope, receive, with_headers(send, self._add))

    def _add(self, headers: MutableHeaders) -> None:
        headers.setdefault("Content-Security-Policy", self.policy)
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "same-origin"
        headers["X-Frame-Options"] = "DENY"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=()"


def page_policy() -> str:
    """The policy of Streamlit's pages. Components of version 2 arrive as blob: modules; its styles are inline; the
    document's own scripts are allowed by their hashes. Nothing may be fetched from elsewhere."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for text in re.findall(r"<script>(.*?)</script>", front.document(), re.S)
    )
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' blob: {hashes}".rstrip(),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data:",
            "media-src 'self'",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "frame-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


class BodyLimit:
    """Refuses what is too large before anything reads it: 413; a body of unknown length: 411."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            refused = refused_body(Headers(scope=scope), BODY_BYTES_MAX)
            if refused is not None:
                await Response(status_code=refused)(scope, receive, send)
                return
        await self.app(scope, receive, send)


class Identity:
    """Lets through only who has a live session; puts it into `scope["state"]["session"]` and into st.user's header."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self.app = app
        self.context = context
        self.cookie = cookie_name(context.settings.web_https)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        scope = dict(scope)
        scope["headers"] = [(k, v) for k, v in scope["headers"] if not k.lower().startswith(HEADER_PREFIX)]
        headers = Headers(scope=scope)
        if _foreign(headers):
            await self._refuse(scope, receive, send, 403)
            return
        session = await self._session(headers)
        scope["state"] = {**scope.get("state", {}), "session": session}
        if session is None and not _is_open(scope):
            await self._refuse(scope, receive, send, 401)
            return
        if session is not None:
            scope["headers"].append((SESSION_HEADER.encode(), session.token_sha256.encode()))
            if not scope["path"].startswith(POLLED):
                await anyio.to_thread.run_sync(sessions.touch, self.context.db, self.context.clock, session)
            if scope["type"] == "websocket":
                receive = self._watched(receive, send, session)
        await self.app(scope, receive, send)

    async def _session(self, headers: Headers) -> Session | None:
        token = _cookie(headers, self.cookie)
        if not token:
            return None
        return await self._look(sessions.digest(token))

    async def _look(self, token_sha256: str) -> Session | None:
        return await anyio.to_thread.run_sync(
            sessions.look, self.context.db, self.context.clock, token_sha256, self.context.settings.session_idle_s
        )

    def _watched(self, receive: Receive, send: Send, session: Session) -> Receive:
        """Every message of a browser proves again that its session lives; being used keeps it alive."""
        checked = time.monotonic()

        async def watched() -> Message:
            nonlocal checked
            message = await receive()
            if message["type"] != "websocket.receive" or time.monotonic() - checked < RECHECK_S:
                return message
            checked = time.monotonic()
            now = await self._look(session.token_sha256)
            if now is None:
                await send({"type": "websocket.close", "code": 1008, "reason": "signed out"})
                return {"type": "websocket.disconnect", "code": 1008}
            if not _by_itself(message):
                await anyio.to_thread.run_sync(sessions.touch, self.context.db, self.context.clock, now)
            return message

        return watched

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, status: int) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # before accept: HTTP 403
            return
        headers = Headers(scope=scope)
        wants_page = scope["method"] in ("GET", "HEAD") and "text/html" in headers.get("accept", "")
        response: Response
        if status == 401 and wants_page and _is_page(scope["path"]):
            query = scope.get("query_string", b"").decode("latin-1")
            wanted = scope["path"] + (f"?{query}" if query else "")
            response = RedirectResponse(f"/auth/login?next={quote(wanted, safe='')}", status_code=303)
        elif status == 401:
            response = JSONResponse({"error": "not_signed_in", "message": "Sign in at /auth/login."}, status_code=401)
        else:
            response = JSONResponse({"error": "foreign_origin", "message": "Refused."}, status_code=status)
        response.headers["Cache-Control"] = "no-store"
        await response(scope, receive, send)


def _is_open(scope: Scope) -> bool:
    return scope["type"] == "http" and (scope["path"] in OPEN_PATHS or scope["path"].startswith(OPEN_PREFIX))


def _is_page(path: str) -> bool:
    return not path.startswith(("/api/", "/media/", "/static/", "/_stcore/", "/assets/", "/component/"))


def _by_itself(message: Message) -> bool:
    """Whether a page that refreshes itself sent this: nobody need sit before it, so it does not count as use."""
    try:
        return bool(BackMsg.FromString(message.get("bytes") or b"").rerun_script.is_auto_rerun)
    except DecodeError:
        return False


def _cookie(headers: Headers, name: str) -> str | None:
    try:
        jar = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return None
    return jar[name].value if name in jar else None


def _foreign(headers: Headers) -> bool:
    """Whether the request says that another site's page makes it. Requests without Origin are not a page's."""
    origin = headers.get("origin")
    if origin is None:
        return False
    return urlsplit(origin).netloc.lower() != headers.get("host", "").lower()
