"""Opens the operational database; every process keeps one engine.

SQLite has one writer at a time: from its first write on, a transaction holds a lock until it ends. All of `store` is
written for that. On PostgreSQL the same lock is taken by hand, so that what is right on the one is right on the other;
readers wait for nobody on either.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from pbx_core.errors import ConfigError, Unavailable
from pbx_core.settings import Settings

BUSY_TIMEOUT_MS = 10_000  # a writer waits so long for another; beyond it "database is locked" reaches the caller
CONNECT_TIMEOUT_S = 10
WRITERS = 0x43616C6C  # id of the lock that PostgreSQL's writers take in turn
MIGRATION = 0x4D696772  # and of the one that whoever changes the schema holds
_TURN = "writers_turn"  # in a connection's notes: it holds the lock until its transaction ends


def connect(settings: Settings) -> sa.Engine:
    """An engine on the migrated database. Unavailable when it does not exist yet (`callbench up` makes it), or its
    server cannot be reached."""
    if settings.database_url.startswith("sqlite"):
        path = settings.data / "callbench.sqlite"
        if not path.exists():
            raise Unavailable(f"There is no database at {path}. Start `callbench up` with this data directory first.")
        return open_engine(settings.database_url)
    engine = open_engine(settings.database_url)
    try:
        made = sa.inspect(engine).has_table("alembic_version")
    except sa.exc.OperationalError as error:
        raise _unreachable(engine, error) from None
    if not made:
        raise Unavailable(f"There is nothing in {engine.url!r} yet. Start `callbench up` with these settings first.")
    return engine


def open_engine(url: str) -> sa.Engine:
    """An engine on any URL; on SQLite with WAL, full synchronisation and foreign keys. ConfigError when the driver or
    the URL is no good."""
    if url.startswith("sqlite"):
        return _sqlite(url)
    try:
        return _postgresql(url)
    except (ModuleNotFoundError, sa.exc.ArgumentError, sa.exc.NoSuchModuleError) as error:
        raise ConfigError(
            "The setting database cannot be used: it has the form postgresql+psycopg://user:password@host/name, and "
            f"needs pip install 'callbench[postgres]' ({type(error).__name__}).",
            error_id="bad_database",
        ) from None  # the URL, which its message shows, may hold a password


def take_turn(connection: sa.Connection) -> None:
    """Hold the writers' lock from now until the transaction ends: what it reads stays true until it commits."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    elif not connection.info.get(_TURN):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITERS})")
        connection.info[_TURN] = True


def migrate(settings: Settings) -> sa.Engine:
    """Create or upgrade the database to the newest schema, then open it. Repeating it is harmless, and so are several
    at once."""
    from alembic import command
    from alembic.config import Config

    settings.data.mkdir(parents=True, exist_ok=True)
    if settings.database_url.startswith("sqlite"):
        file = settings.data / "callbench.sqlite"
        file.touch(mode=0o600)  # before anything is in it: SQLite gives its -wal and -shm the same mode
        file.chmod(0o600)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("sqlalchemy.url", settings.database_url.replace("%", "%%"))
    engine = open_engine(settings.database_url)
    try:
        command.upgrade(config, "head")
    except sa.exc.OperationalError as error:
        if engine.dialect.name == "sqlite":
            raise
        raise _unreachable(engine, error) from None
    return engine


def _sqlite(url: str) -> sa.Engine:
    engine = sa.create_engine(url, module=_library(), connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})

    @sa.event.listens_for(engine, "connect")
    def _pragmas(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    return engine


def _library() -> Any:
    """SQLite as the package carries it. The system's is older than 3.51.3 nearly everywhere: with many processes its
    checkpoints may take pages for written that are not, and rows are lost. Only where there is no wheel it is used."""
    try:
        from pysqlite3 import dbapi2
    except ImportError:
        from sqlite3 import dbapi2
    return dbapi2


def _postgresql(url: str) -> sa.Engine:
    engine = sa.create_engine(
        url,
        pool_pre_ping=True,  # the server may have been started anew
        connect_args={"connect_timeout": CONNECT_TIMEOUT_S, "options": f"-c lock_timeout={BUSY_TIMEOUT_MS}"},
    )

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.info[_TURN] = False

    @sa.event.listens_for(engine, "before_cursor_execute")
    def _first_write(
        connection: sa.Connection, _cursor: Any, _statement: str, _values: Any, context: Any, _many: bool
    ) -> None:
        if context is not None and (context.isinsert or context.isupdate or context.isdelete):
            take_turn(connection)

    return engine


def _unreachable(engine: sa.Engine, error: sa.exc.OperationalError) -> Unavailable:
    why = str(error.orig).strip().splitlines()[0][:200]
    return Unavailable(f"The database {engine.url!r} cannot be reached ({why}). Nothing is lost; try again.")
