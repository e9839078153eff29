"""Fixtures for every kind of test. The default world has two tenants with the same extension numbers.

With CALLBENCH_TEST_POSTGRES=1 the operational database of these fixtures is a PostgreSQL (tests/support/postgres.py).
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from pbx_core.clock import SystemClock
from pbx_core.settings import Settings, load
from pbx_core.store import directory, engine
from tests.support import postgres

# Several suites' worth of processes share this machine: that a worker refuses calls for it is the subject of one test,
# which sets its own limit.
os.environ.setdefault("CALLBENCH_PROCESSOR_WAIT_SHARE_MAX", "1.0")
WAITING = {"e2e", "peers", "wire"}
WAITING_UNTIL = 0.85  # of all files
POSTGRES = os.environ.get("CALLBENCH_TEST_POSTGRES") == "1"


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of tests that wait for phones and processes between files that compute, so that several processes neither
    crowd the machine with phones at one time nor are left with the longest files at the end (with loadfile and
    --no-loadscope-reorder)."""
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    waiting = [f for f in files if WAITING.intersection(f.parts)]
    computing = [f for f in files if not WAITING.intersection(f.parts)]
    place = {f: (i + 0.5) / len(waiting) * WAITING_UNTIL for i, f in enumerate(waiting)}
    place |= {f: (i + 0.5) / len(computing) for i, f in enumerate(computing)}
    items[:] = [item for f in sorted(files, key=place.__getitem__) for item in files[f]]


@pytest.fixture(autouse=True)
def own_main() -> Iterator[None]:
    """Streamlit's AppTest leaves its page as `__main__`, which a process spawned by a later test would run."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before


@pytest.fixture
def settings(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Settings:
    if POSTGRES:
        model = request.getfixturevalue("populated") if "world" in request.fixturenames else ""
        monkeypatch.setenv("CALLBENCH_DATABASE", postgres.database(model))
    return load(tmp_path / "data")


@pytest.fixture(scope="session")
def populated(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The database of the default world, made once per run: hashing eight passwords takes seconds. Its file, or its
    name on PostgreSQL."""
    settings = load(tmp_path_factory.mktemp("world") / "data")
    if POSTGRES:
        settings = settings.model_copy(update={"database": SecretStr(postgres.database())})
    db = engine.migrate(settings)
    _populate(db)
    if not POSTGRES:
        with db.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")  # everything into the one file that is copied
    db.dispose()
    return str(db.url.database)


def _populate(db: sa.Engine) -> None:
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


@pytest.fixture
def world(settings: Settings, populated: str) -> Iterator[World]:
    settings.data.mkdir(parents=True, exist_ok=True)
    if not POSTGRES:
        shutil.copy(populated, settings.data)  # mode included
    db = engine.connect(settings)
    acme, birch = directory.tenants(db)
    yield World(settings, db, SystemClock(), acme, birch)
    db.dispose()
