"""Fixtures for every kind of test. The default world has two tenants with the same extension numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from pbx_core.clock import SystemClock
from pbx_core.settings import Settings, load
from pbx_core.store import directory, engine


@dataclass(frozen=True)
class World:
    """A migrated data directory with two tenants, acme.test and birch.test; both have extensions 101, 102, 103.
    The SIP password of an extension is `pw-<domain>-<number>`; people sign in with `correct horse <role>`."""

    settings: Settings
    db: sa.Engine
    clock: SystemClock
    acme: directory.Tenant
    birch: directory.Tenant

    def sip_password(self, domain: str, number: str) -> str:
        return f"pw-{domain}-{number}"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(tmp_path / "data")


@pytest.fixture
def world(settings: Settings) -> Iterator[World]:
    db = engine.migrate(settings)
    clock = SystemClock()
    tenants = [
        directory.add_tenant(db, clock, "Acme Ltd", "acme.test", time_zone="Asia/Bishkek", languages="en,ru"),
        directory.add_tenant(db, clock, "Birch & Sons", "birch.test"),
    ]
    for tenant in tenants:
        for number in ("101", "102", "103"):
            directory.add_extension(
                db, clock, tenant, number, f"pw-{tenant.domain}-{number}", display_name=f"Phone {number}"
            )
        for role in directory.ROLES:
            directory.add_person(
                db,
                clock,
                tenant.tenant_id,
                f"{role}@{tenant.domain}",
                f"{role.title()} of {tenant.name}",
                role,
                f"correct horse {role}",
                own_extension="101" if role == "agent" else None,
            )
    yield World(settings, db, clock, *tenants)
    db.dispose()
