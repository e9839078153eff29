"""Two furnished tenants behind the API, with a token of every kind. What a tenant hides is set by the tests."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from pbx_core import control
from pbx_core.api.app import build
from pbx_core.api.context import Context, Doorman
from pbx_core.clock import SystemClock
from pbx_core.settings import Settings, load
from pbx_core.store import directory, engine, tokens
from pbx_core.store.tokens import Right
from tests.support import office


@dataclass(frozen=True)
class Town:
    """acme and birch with their calls, and clients that hold tokens."""

    settings: Settings
    db: sa.Engine
    acme: directory.Tenant
    birch: directory.Tenant
    acme_office: office.Office
    birch_office: office.Office
    application: Any

    def client(self, tenant: directory.Tenant | None, *rights: Right, address: str = "192.0.2.7") -> TestClient:
        """A program with a fresh token; without a tenant the operator's."""
        owner = tenant.tenant_id if tenant else tokens.OPERATOR
        text = tokens.add(self.db, SystemClock(), owner, "test", rights or (Right.READ,))[1]
        return self.bearing(text, address)

    def bearing(self, text: str, address: str = "192.0.2.7") -> TestClient:
        headers = {"Authorization": f"Bearer {text}"} if text else {}
        return TestClient(self.application, base_url="https://api.test", client=(address, 40000), headers=headers)


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    settings = load(tmp_path_factory.mktemp("rest") / "data")
    db = engine.migrate(settings)
    clock = SystemClock()
    acme = directory.add_tenant(db, clock, "Acme Ltd", "acme.test", time_zone="Asia/Bishkek")
    birch = directory.add_tenant(db, clock, "Birch & Sons", "birch.test")
    offices = [office.furnish(settings, clock, tenant, count=11) for tenant in (acme, birch)]
    context = Context(settings, db, clock, functools.partial(control.ask, settings), Doorman(settings, clock))
    yield Town(settings, db, acme, birch, *offices, build(context))
    db.dispose()


@pytest.fixture(scope="session")
def reads(town: Town) -> TestClient:
    """A program of acme that may read and listen."""
    return town.client(town.acme, Right.READ, Right.LISTEN)
