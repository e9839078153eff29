"""The API of the default world with a token per tenant, and a control socket where a worker would listen."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from pbx_core import control
from pbx_core.api.app import build
from pbx_core.api.context import Context, Doorman
from pbx_core.media.control import ControlSocket, Reply
from pbx_core.store import services, tokens
from pbx_core.store.directory import Tenant
from pbx_core.store.schema import live_call
from pbx_core.store.tokens import Right
from tests.conftest import World

ALL = (Right.READ, Right.CONTROL, Right.MODEL)


@dataclass
class Listener:
    """A worker's control socket; `answer` is what it says, `asked` what it was asked."""

    answer: dict[str, Any] = field(default_factory=lambda: {"ok": True})
    asked: list[dict[str, Any]] = field(default_factory=list)

    def handle(self, request: dict[str, Any], reply: Reply) -> None:
        self.asked.append(request)
        reply(self.answer)


@dataclass(frozen=True)
class Office:
    """The world with the API before it. `client(token, address)`: a program."""

    world: World
    context: Context
    application: Any
    acme: str
    birch: str
    operator: str

    def client(self, token: str = "", address: str = "192.0.2.7") -> TestClient:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return TestClient(self.application, base_url="https://api.test", client=(address, 40000), headers=headers)

    def live_call(self, tenant: Tenant, call_id: str, **more: object) -> None:
        row = {
            "worker": "worker-0",
            "state": "talking",
            "extensions": '["101","102"]',
            "slot": "",
            "detail": '{"caller":"101"}',
            "changed_at": self.context.now(),
            **more,
        }
        with self.world.db.begin() as connection:
            connection.execute(sa.insert(live_call).values(tenant_id=tenant.tenant_id, call_id=call_id, **row))


@pytest.fixture
def office(world: World) -> Office:
    def token(tenant_id: str, rights: tuple[Right, ...] = ALL) -> str:
        return tokens.add(world.db, world.clock, tenant_id, "test", rights)[1]

    ask = functools.partial(control.ask, world.settings)
    context = Context(world.settings, world.db, world.clock, ask, Doorman(world.settings, world.clock))
    return Office(
        world,
        context,
        build(context),
        token(world.acme.tenant_id),
        token(world.birch.tenant_id),
        token(tokens.OPERATOR, (Right.READ,)),
    )


@pytest.fixture
def worker(world: World) -> Iterator[Callable[[str], Listener]]:
    """`worker("worker-0")` starts one on the board with a control socket."""
    stop = threading.Event()
    threads = []

    def start(name: str, calls: int = 0) -> Listener:
        listener = Listener()
        end = ControlSocket(world.settings, name, listener.handle)
        detail = {"sip_port": 1, "capacity_calls": 4, "calls": calls}
        services.beat(world.db, world.clock, name, time.time(), detail)

        def serve() -> None:
            while not stop.wait(0.005):
                end.poll()
            end.close()

        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        return listener

    yield start
    stop.set()
    for thread in threads:
        thread.join(5)
