"""The migrations lead to the tables that the code speaks of."""

from __future__ import annotations

import re
import threading

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from pbx_core.errors import Unavailable
from pbx_core.settings import Settings
from pbx_core.store import engine
from pbx_core.store.schema import metadata
from tests.conftest import POSTGRES
from tests.support import postgres


def _shape(db: sa.Engine) -> dict[str, object]:
    """Tables with columns, keys and indexes, as the database tells them."""
    look = sa.inspect(db)
    return {
        name: (
            [(c["name"], str(c["type"]), c["nullable"], _default(c["default"])) for c in look.get_columns(name)],
            look.get_pk_constraint(name)["constrained_columns"],
            sorted((f["constrained_columns"][0], f["referred_table"]) for f in look.get_foreign_keys(name)),
            sorted(str(u["column_names"]) for u in look.get_unique_constraints(name)),
            sorted((i["name"] or "", str(i["column_names"]), i["unique"]) for i in look.get_indexes(name)),
        )
        for name in look.get_table_names()
        if name != "alembic_version"
    }


def _default(text: object) -> str | None:
    return None if text is None else re.sub(r"['\"()]", "", str(text))


def test_an_empty_database_migrates_to_what_the_schema_says(settings: Settings) -> None:
    migrated = engine.migrate(settings)
    other = postgres.database() if POSTGRES else f"sqlite:///{settings.data / 'declared.sqlite'}"
    declared = engine.open_engine(other)
    metadata.create_all(declared)
    assert _shape(migrated) == _shape(declared)
    with migrated.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_migrating_again_keeps_what_is_there(settings: Settings) -> None:
    db = engine.migrate(settings)
    with db.begin() as connection:
        connection.execute(
            sa.insert(metadata.tables["tenant"]).values(tenant_id="t", name="T", domain="t", created_at=0)
        )
    again = engine.migrate(settings)
    with again.connect() as connection:
        assert connection.execute(sa.select(metadata.tables["tenant"].c.domain)).scalars().all() == ["t"]


def test_the_database_is_durable_keeps_references_and_is_nobody_elses_to_read(settings: Settings) -> None:
    db = engine.migrate(settings)
    with db.connect() as connection:
        if POSTGRES:
            shown = [connection.exec_driver_sql(f"SHOW {p}").scalar() for p in ("fsync", "synchronous_commit")]
            assert shown == ["on", "on"]
        else:
            pragmas = {p: connection.exec_driver_sql(f"PRAGMA {p}").scalar() for p in ("journal_mode", "synchronous")}
            assert pragmas == {"journal_mode": "wal", "synchronous": 2}
            files = list(settings.data.glob("callbench.sqlite*"))
            assert len(files) == 3, "the database, its log and its index"
            assert all(file.stat().st_mode & 0o077 == 0 for file in files)
    with pytest.raises(sa.exc.IntegrityError), db.begin() as connection:
        values = {"tenant_id": "nobody", "number": "101", "ha1_md5": "", "ha1_sha256": "", "created_at": 0}
        connection.execute(sa.insert(metadata.tables["extension"]).values(values))


def test_without_a_database_the_next_step_is_told(settings: Settings) -> None:
    with pytest.raises(Unavailable, match="callbench up"):
        engine.connect(settings)


def test_writers_wait_for_each_other(settings: Settings) -> None:
    db = engine.migrate(settings)
    table = metadata.tables["audit"]

    def write() -> None:
        for _ in range(25):
            with db.begin() as connection:
                connection.execute(sa.insert(table).values(at=0, tenant_id="t", action="noted"))

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with db.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 100
