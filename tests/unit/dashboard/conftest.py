"""Two furnished tenants behind the doors of the web process, with an echo where Streamlit would be."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from dashboard import asgi
from dashboard.web.context import Context
from dashboard.web.middleware import cookie_name
from pbx_core.clock import SystemClock
from pbx_core.settings import Settings, load
from pbx_core.store import directory, engine, sessions
from tests.support import office


class MovableClock:
    """The machine's clock with an offset that a test may change."""

    def __init__(self) -> None:
        self.ahead = timedelta()
        self.machine = SystemClock()

    def now(self) -> datetime:
        return self.machine.now() + self.ahead

    def monotonic(self) -> float:
        return self.machine.monotonic()

    def new_id(self) -> str:
        return self.machine.new_id()


@dataclass(frozen=True)
class Town:
    """Both tenants with their calls. People sign in as `<role>@<domain>` with `correct horse <role>`."""

    settings: Settings
    db: sa.Engine
    acme: directory.Tenant
    birch: directory.Tenant
    acme_office: office.Office
    birch_office: office.Office


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    settings = load(tmp_path_factory.mktemp("town") / "data")
    db = engine.migrate(settings)
    clock = SystemClock()
    tenants, offices = [], []
    for name, domain, zone in (("Acme Ltd", "acme.test", "Asia/Bishkek"), ("Birch & Sons", "birch.test", "UTC")):
        tenant = directory.add_tenant(db, clock, name, domain, time_zone=zone)
        for role in (*directory.ROLES, "second"):
            directory.add_person(
                db,
                clock,
                tenant.tenant_id,
                f"{role}@{domain}",
                f"{role.title()} of {name}",
                "manager" if role == "second" else role,
                f"correct horse {role}",
                own_extension="101" if role == "agent" else None,
            )
        tenants.append(tenant)
        offices.append(office.furnish(settings, clock, tenant, count=8))
    yield Town(settings, db, *tenants, *offices)
    db.dispose()


class Echo:
    """Stands where Streamlit is: tells which headers it was given, and echoes messages."""

    def __init__(self) -> None:
        self.app = Starlette(routes=[WebSocketRoute("/{path:path}", self.socket), Route("/{path:path}", self.page)])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)

    async def page(self, request: Request) -> JSONResponse:
        return JSONResponse({"headers": request.headers.items()})

    async def socket(self, websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(json.dumps(websocket.headers.items()))
        try:
            while True:
                await websocket.send_text(await websocket.receive_text())
        except WebSocketDisconnect:
            pass


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def context(town: Town, clock: MovableClock) -> Iterator[Context]:
    with town.db.begin() as connection:  # every test starts with a clean record of sign-ins
        for table in ("login_attempt", "web_session", "audit", "comment", "job"):
            connection.execute(sa.text(f"DELETE FROM {table}"))  # noqa: S608
    yield Context(town.settings, town.db, clock)


def application(context: Context) -> Starlette:
    """The doors and our own routes, with the echo behind them."""
    return Starlette(routes=[Mount("/", app=Echo())], middleware=asgi.doors(context))


Browser = Callable[..., TestClient]


@pytest.fixture
def browser(context: Context) -> Browser:
    """A client as a browser is: own cookies, no redirects followed. `browser("owner@acme.test")` is signed in."""

    apps: dict[bool, Starlette] = {}

    def start(email: str | None = None, https: bool = False, address: str = "192.0.2.7") -> TestClient:
        used = context
        if https:
            used = replace(context, settings=context.settings.model_copy(update={"web_https": True}))
        if https not in apps:
            apps[https] = application(used)
        client = TestClient(
            apps[https],
            base_url=f"http{'s' if https else ''}://testserver",
            follow_redirects=False,
            client=(address, 40000),
        )
        if email:
            person = directory.person_by_email(used.db, email)
            assert person
            opened = sessions.open_session(used.db, used.clock, person.tenant_id, person.person_id)
            client.cookies.set(cookie_name(https), opened.token)
        return client

    return start
