"""The operational database on a real PostgreSQL: the same tests as on SQLite, and a server that dies. Any other test
runs on it with CALLBENCH_TEST_POSTGRES=1."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from pbx_core.clock import SystemClock
from pbx_core.errors import ConfigError, Unavailable
from pbx_core.settings import Settings
from pbx_core.store import engine, jobs
from tests.support import postgres
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
SAME = ("test_migrations", "test_jobs", "test_bindings")

pytestmark = pytest.mark.skipif(
    postgres.programs() is None, reason="PostgreSQL is not installed (tests/support/install-tools.sh does it)"
)


@pytest.fixture
def shared(settings: Settings) -> Settings:
    return settings.model_copy(update={"database": SecretStr(postgres.database())})


def again(tmp_path: Path, *tests: str) -> str:
    """These tests once more, on PostgreSQL; what pytest said."""
    arguments = ["-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'again'}", *tests]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=ROOT, env={**environment, "CALLBENCH_TEST_POSTGRES": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout


def test_jobs_bindings_and_migrations_are_the_same(tmp_path: Path) -> None:
    said = again(tmp_path, *(f"tests/unit/store/{name}.py" for name in SAME))
    assert "skipped" not in said


def test_what_was_committed_survives_the_servers_death_and_work_goes_on(shared: Settings) -> None:
    db, clock = engine.migrate(shared), SystemClock()
    jobs.enqueue(db, clock, "transcribe", "kept", "t", {})
    postgres.server().kill()
    try:
        with pytest.raises(sa.exc.OperationalError):  # what every loop of the system waits and tries again for
            jobs.enqueue(db, clock, "transcribe", "lost", "t", {})
        with pytest.raises(Unavailable, match="cannot be reached"):
            engine.connect(shared)
    finally:
        postgres.server().start()
    until(lambda: jobs.lease(db, clock, "transcribe", "w/1", 30.0), what="the job")
    assert jobs.counts(db, "transcribe") == {"leased": 1}
    db.dispose()


def test_a_transaction_that_reads_first_and_writes_then_holds_its_turn(shared: Settings) -> None:
    db = engine.migrate(shared)
    table = sa.Table("audit", sa.MetaData(), autoload_with=db)
    with db.begin() as first:
        engine.take_turn(first)
        seen = first.scalar(sa.select(sa.func.count()).select_from(table))
        with pytest.raises(sa.exc.OperationalError, match="lock"), db.begin() as second:
            second.exec_driver_sql("SET LOCAL lock_timeout = '200ms'")
            second.execute(sa.insert(table).values(at=0, tenant_id="t", action="too early"))
        assert first.scalar(sa.select(sa.func.count()).select_from(table)) == seen
    with db.begin() as connection:
        connection.execute(sa.insert(table).values(at=0, tenant_id="t", action="in turn"))
    db.dispose()


def test_nothing_there_and_a_wrong_address_are_said_without_the_password(settings: Settings) -> None:
    empty = settings.model_copy(update={"database": SecretStr(postgres.database())})
    with pytest.raises(Unavailable, match="callbench up"):
        engine.connect(empty)
    nowhere = "postgresql+psycopg://callbench:s3cret-word@127.0.0.1:1/x"
    for wrong, error in ((nowhere, Unavailable), ("mysql+nothing://u:s3cret-word@h/x", ConfigError)):
        with pytest.raises(error) as told:
            engine.connect(settings.model_copy(update={"database": SecretStr(wrong)}))
        assert "s3cret-word" not in str(told.value)
    assert "s3cret-word" not in repr(settings.model_copy(update={"database": SecretStr(nowhere)}))
