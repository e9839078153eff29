"""Opens the operational database; every process keeps one engine."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from pbx_core.errors import Unavailable
from pbx_core.settings import Settings

BUSY_TIMEOUT_MS = 10_000  # a writer waits so long for another; beyond it "database is locked" reaches the caller


def connect(settings: Settings) -> sa.Engine:
    """An engine on the migrated database. Unavailable when it does not exist yet (`callbench up` makes it)."""
    path = settings.data / "callbench.sqlite"
    if not path.exists():
        raise Unavailable(f"There is no database at {path}. Start `callbench up` with this data directory first.")
    return open_engine(settings.database_url)


def open_engine(url: str) -> sa.Engine:
    """An engine on any URL; on SQLite with WAL, full synchronisation and foreign keys."""
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})

    @sa.event.listens_for(engine, "connect")
    def _pragmas(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    return engine


def migrate(settings: Settings) -> sa.Engine:
    """Create or upgrade the database to the newest schema, then open it. Repeating it is harmless."""
    from alembic import command
    from alembic.config import Config

    settings.data.mkdir(parents=True, exist_ok=True)
    file = settings.data / "callbench.sqlite"
    file.touch(mode=0o600)  # before anything is in it: SQLite gives its -wal and -shm the same mode
    file.chmod(0o600)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("sqlalchemy.url", settings.database_url.replace("%", "%%"))
    command.upgrade(config, "head")
    return open_engine(settings.database_url)
