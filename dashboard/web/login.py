"""Signing in and out: plain HTML forms, rendered here, that work without a script."""

from __future__ import annotations

import hmac
import html
import re
import secrets
from pathlib import Path
from string import Template
from urllib.parse import parse_qs, quote

import anyio
import anyio.to_thread
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from dashboard.web.context import Context
from dashboard.web.middleware import cookie_name
from pbx_core import log
from pbx_core.store import audit, directory, sessions

_log = log.get(__name__)

LOGIN_COOKIE = "callbench_login"
PASSWORD_CHARS_MAX = 1024
HASHERS_MAX = 4  # argon2 takes 64 MiB each
POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self' data:",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
WRONG = "That e-mail and password do not belong together. Check both and try again."
TOO_OFTEN = "Too many attempts. Nothing is locked for good: wait {minutes} minutes, then try again."
STALE = "This page was open for too long or opened twice. Please sign in again."
_TOKEN = re.compile(r"^[A-Za-z0-9_-]{43}$")
_HERE = Path(__file__).parent / "static"


class Login:
    """The routes /auth/login and /auth/logout."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.hasher = PasswordHasher()
        self.nobody = self.hasher.hash(secrets.token_urlsafe())  # unknown accounts cost the same work
        self.slots = anyio.CapacityLimiter(HASHERS_MAX)
        self.template = Template((_HERE / "login.html").read_text())
        self.logout_template = Template((_HERE / "logout.html").read_text())

    async def login(self, request: Request) -> Response:
        """GET: the form. POST: check it; 303 onwards, or the form again with one sentence."""
        target = _local(request.query_params.get("next", "/"))
        if request.method != "POST":
            if request.state.session is not None:
                return RedirectResponse(target, status_code=303)
            return self._form(request, target)
        fields = _fields(await request.body())
        email, password, csrf = (fields.get(k, [""])[0] for k in ("email", "password", "csrf"))
        if not _same(csrf, request.cookies.get(LOGIN_COOKIE, "")):
            return self._form(request, target, STALE, 403, email)
        address = request.client.host if request.client else ""
        settings = self.context.settings
        attempt = await anyio.to_thread.run_sync(
            sessions.begin_attempt,
            self.context.db,
            self.context.clock,
            address,
            email,
            settings.login_failures_max,
            settings.login_window_s,
        )
        if not attempt.allowed:
            _log.warning("sign-in refused: too many attempts", extra={"pii_address": address})
            minutes = max(1, round(settings.login_window_s / 60))
            return self._form(request, target, TOO_OFTEN.format(minutes=minutes), 429, email)
        person = await self._verified(email, password)
        if person is None:
            return self._form(request, target, WRONG, 401, email)
        opened = await anyio.to_thread.run_sync(self._open, request, person, attempt)
        response = RedirectResponse(target, status_code=303)
        response.set_cookie(
            cookie_name(settings.web_https),
            opened.token,
            path="/",
            httponly=True,
            samesite="lax",
            secure=settings.web_https,
        )
        response.delete_cookie(LOGIN_COOKIE, path="/auth")
        return response

    async def logout(self, request: Request) -> Response:
        """GET: a page with the button (no script needed). POST with the session's CSRF token: the session ends."""
        session = request.state.session
        if request.method != "POST":
            page = self.logout_template.substitute(csrf=html.escape(session.csrf), name=html.escape(session.name))
            return _own(HTMLResponse(page))
        fields = _fields(await request.body())
        given = request.headers.get("x-csrf-token") or fields.get("csrf", [""])[0]
        if not _same(given, session.csrf):
            return _own(HTMLResponse("Refused: the request does not come from our page.", status_code=403))
        await anyio.to_thread.run_sync(self._close, session)
        response = RedirectResponse("/auth/login", status_code=303)
        response.delete_cookie(cookie_name(self.context.settings.web_https), path="/")
        return response

    async def _verified(self, email: str, password: str) -> directory.Person | None:
        person = await anyio.to_thread.run_sync(directory.person_by_email, self.context.db, email)
        right = await anyio.to_thread.run_sync(
            self._matches, person.password_hash if person else self.nobody, password, limiter=self.slots
        )
        return person if right else None

    def _matches(self, hashed: str, password: str) -> bool:
        try:
            return (
                self.hasher.verify(hashed, password[: PASSWORD_CHARS_MAX + 1]) and len(password) <= PASSWORD_CHARS_MAX
            )
        except Argon2Error:
            return False

    def _open(self, request: Request, person: directory.Person, attempt: sessions.Attempt) -> sessions.Opened:
        context = self.context
        sessions.attempt_succeeded(context.db, attempt)
        if request.state.session is not None:
            sessions.end(context.db, context.clock, request.state.session.token_sha256)
        opened = sessions.open_session(context.db, context.clock, person.tenant_id, person.person_id)
        audit.note(
            context.db,
            context.clock,
            person.tenant_id,
            person.person_id,
            "signed_in",
            session=sessions.digest(opened.token),
        )
        return opened

    def _close(self, session: sessions.Session) -> None:
        context = self.context
        sessions.end(context.db, context.clock, session.token_sha256)
        audit.note(
            context.db,
            context.clock,
            session.tenant_id,
            session.person_id,
            "signed_out",
            session=session.token_sha256,
        )

    def _form(self, request: Request, target: str, problem: str = "", status: int = 200, email: str = "") -> Response:
        token = request.cookies.get(LOGIN_COOKIE, "")
        if not _TOKEN.match(token):
            token = secrets.token_urlsafe(32)
        page = self.template.substitute(
            csrf=html.escape(token),
            next=quote(target, safe=""),
            email=html.escape(email[:254]),
            problem=f'<p class="problem" role="alert">{html.escape(problem)}</p>' if problem else "",
        )
        response = _own(HTMLResponse(page, status_code=status))
        if status == 429:
            response.headers["Retry-After"] = str(self.context.settings.login_window_s)
        response.set_cookie(
            LOGIN_COOKIE, token, path="/auth", httponly=True, samesite="lax", secure=self.context.settings.web_https
        )
        return response


def _own(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cache-Control"] = "no-store"
    return response


def _fields(body: bytes) -> dict[str, list[str]]:
    try:
        return parse_qs(body.decode("utf-8", "replace"), max_num_fields=10)
    except ValueError:  # more fields than any form of ours has
        return {}


def _same(given: str, expected: str) -> bool:
    return bool(expected) and hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def _local(target: str) -> str:
    """A path on this host, or "/": never a way to send somebody elsewhere."""
    if re.fullmatch(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]{0,500}", target) and not target.startswith("/auth/"):
        return target
    return "/"
