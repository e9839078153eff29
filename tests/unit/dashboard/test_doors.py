"""Who gets through the doors of the web process, and with which identity."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from dashboard.web import middleware
from dashboard.web.context import Context
from pbx_core.store import sessions

HTML = {"Accept": "text/html"}


def test_without_a_session_pages_lead_to_the_sign_in_form(browser) -> None:
    answer = browser().get("/review?call=abc&said=x", headers=HTML)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/auth/login?next=%2Freview%3Fcall%3Dabc%26said%3Dx"


@pytest.mark.parametrize(
    "path",
    [
        "/api/me",
        "/api/calls",
        "/media/" + "a" * 32,
        "/assets/1/player.css",
        "/static/js/index.js",
        "/_stcore/health",
        "/_stcore/upload_file/x/y",
        "/component/x/y.js",
        "/auth/logout",
        "/auth/login/",
        "/healthz/",
        "/auth/static/../../api/me",
    ],
)
def test_without_a_session_everything_else_is_refused(browser, path: str) -> None:
    assert browser().get(path).status_code == 401


def test_a_made_up_cookie_is_no_session(browser) -> None:
    client = browser()
    client.cookies.set(middleware.COOKIE, "x" * 43)
    assert client.get("/api/me").status_code == 401


def test_health_and_the_form_are_open_and_tell_nothing(browser) -> None:
    client = browser()
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/auth/login").status_code == 200
    assert client.get("/auth/static/login.css").status_code == 200
    assert client.get("/auth/static/login.html").status_code == 404


def test_identity_headers_of_the_client_are_dropped(browser) -> None:
    forged = {"X-Callbench-Session": "f" * 64, "x-callbench-person": "root"}
    assert browser().get("/", headers=forged).status_code == 401
    seen = browser("agent@acme.test").get("/elsewhere", headers=forged).json()["headers"]
    values = [v for k, v in seen if k.startswith("x-callbench")]
    assert len(values) == 1 and values[0] != "f" * 64


def test_the_websocket_needs_a_session_too(browser) -> None:
    with pytest.raises(WebSocketDisconnect), browser().websocket_connect("/_stcore/stream"):
        pass
    forged = {"X-Callbench-Session": "f" * 64}
    with pytest.raises(WebSocketDisconnect), browser().websocket_connect("/_stcore/stream", headers=forged):
        pass


def test_the_websocket_carries_the_identity(browser) -> None:
    client = browser("owner@acme.test")
    with client.websocket_connect("/_stcore/stream", headers={"X-Callbench-Session": "f" * 64}) as socket:
        seen = [v for k, v in json.loads(socket.receive_text()) if k == middleware.SESSION_HEADER]
    assert seen == [sessions.digest(client.cookies[middleware.COOKIE])]


@pytest.mark.parametrize("origin", ["http://evil.test", "https://testserver.evil.test", "null", "http://testserver:81"])
def test_a_foreign_page_is_refused_even_with_a_valid_cookie(browser, origin: str) -> None:
    client = browser("owner@acme.test")
    assert client.get("/api/me", headers={"Origin": origin}).status_code == 403
    assert client.post("/auth/logout", headers={"Origin": origin}).status_code == 403
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/_stcore/stream", headers={"Origin": origin}):
        pass
    assert client.get("/api/me", headers={"Origin": "http://testserver"}).status_code == 200


def test_every_answer_carries_the_security_headers(browser) -> None:
    for client, path in ((browser(), "/"), (browser(), "/auth/login"), (browser("owner@acme.test"), "/")):
        headers = client.get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "img-src 'self' data:" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
    own = browser().get("/auth/login").headers["content-security-policy"]
    assert "unsafe-inline" not in own and "default-src 'none'" in own


def test_what_is_too_large_is_not_read(browser) -> None:
    client = browser("owner@acme.test")
    assert client.post("/api/calls/x/comments", content=b"x" * 70_000).status_code == 413
    assert client.post("/api/calls/x/comments", content=iter([b"x"])).status_code == 411


def test_signing_out_kills_the_session_everywhere(browser, context: Context) -> None:
    client = browser("owner@acme.test")
    cookie = client.cookies[middleware.COOKIE]
    csrf = client.get("/api/me").json()["csrf"]
    assert client.post("/auth/logout").status_code == 403
    assert client.post("/auth/logout", data={"csrf": "x" * 43}).status_code == 403
    assert client.get("/api/me").status_code == 200
    assert client.post("/auth/logout", data={"csrf": csrf}).status_code == 303
    client.cookies.set(middleware.COOKIE, cookie)
    assert client.get("/api/me").status_code == 401
    assert client.get("/", headers=HTML).status_code == 303


def test_an_open_websocket_ends_with_its_session(browser, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "RECHECK_S", 0.0)
    client: TestClient = browser("owner@acme.test")
    with client.websocket_connect("/_stcore/stream") as socket:
        socket.receive_text()
        socket.send_text("still there?")
        assert socket.receive_text() == "still there?"
        sessions.end(context.db, context.clock, sessions.digest(client.cookies[middleware.COOKIE]))
        socket.send_text("and now?")
        with pytest.raises(WebSocketDisconnect) as ended:
            socket.receive_text()
    assert ended.value.code == 1008


def test_an_idle_session_ends_and_a_used_one_does_not(browser, context: Context, clock) -> None:
    client = browser("owner@acme.test")
    nearly = timedelta(seconds=context.settings.session_idle_s - 60)
    for _ in range(3):
        clock.ahead += nearly
        assert client.get("/api/me").status_code == 200
    clock.ahead += timedelta(seconds=context.settings.session_idle_s + 1)
    assert client.get("/api/me").status_code == 401
