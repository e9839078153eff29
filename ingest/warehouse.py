"""Opens the warehouse: DuckLake, its catalog in SQLite, its rows in Parquet files. One writer, many readers.

DuckDB's extensions come from pip packages and are loaded from there; nothing is downloaded.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path

import duckdb

from ingest import renewal, tables
from pbx_core.clock import Clock
from pbx_core.domain import records
from pbx_core.errors import ConfigError, Unavailable
from pbx_core.settings import Settings

LAKE = "lk"  # the name under which the warehouse is attached
BUSY_TIMEOUT_MS = 10_000  # how long one connection waits for another's lock on the catalog
READER_MEMORY = "512MB"  # a query beyond it fails instead of starving the telephony beside it
# Small commits become files like large ones: rows kept in the catalog would need ducklake_flush_inlined_data, which in
# 1.5.5 has corrupted the writer's memory and leaves readers with names of tables that are gone.
INLINE_ROWS = 0
WRITER_MEMORY = "1GB"  # a round holds at most about 32 MB of journal

_TYPES = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}  # as DuckDB lists them

OTHER_VERSION = (
    "The warehouse was made by another version of Callbench. `callbench up` (or `callbench ingest`) makes it anew by "
    "itself and keeps the old one; nothing is lost"
)

REMEDY = (
    "Nothing is lost: the journals hold every record. Stop `callbench up`, run `callbench ingest --rebuild` with the "
    "same data directory, and start again."
)


def is_locked(error: BaseException) -> bool:
    """Whether an error of DuckDB means that another process holds the catalog now."""
    return "database is locked" in str(error)


def open_writer(settings: Settings, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> duckdb.DuckDBPyConnection:
    """The writing connection, tables made if need be; hold `exclusive` first. Unavailable when the catalog is locked,
    ConfigError when it is damaged."""
    settings.lake_dir.mkdir(parents=True, exist_ok=True)
    con = attach(settings, busy_timeout_ms, read_only=False)
    try:
        if not _columns(con):
            con.execute("BEGIN")
            for statement in tables.ddl(f"{LAKE}.main"):
                con.execute(statement)
            con.execute("COMMIT")
        elif found := differences(con):
            con.close()
            raise ConfigError(f"{OTHER_VERSION} ({found[0]}).", error_id="warehouse_of_another_version")
    except duckdb.Error as error:
        con.close()
        raise _explained(settings, error) from error
    return con


def open_reader(settings: Settings) -> duckdb.DuckDBPyConnection:
    """A connection that can only read the warehouse's own files; use `.cursor()` per thread. Unavailable when there
    is no warehouse yet or it is made anew right now, ConfigError when it is damaged."""
    if (under_way := renewal.read(settings)) is not None:
        raise Unavailable(under_way.sentence)
    if not settings.lake_catalog.exists():
        raise Unavailable(
            f"There is no warehouse in {settings.data} yet. It appears when `callbench up` (or `callbench ingest`) "
            "has run there; then try again."
        )
    con = attach(settings, read_only=True)
    try:
        if not _columns(con):
            con.close()
            raise Unavailable("The warehouse is being made right now. Try again in a few seconds.")
        if found := differences(con):
            con.close()
            raise Unavailable(f"{OTHER_VERSION} ({found[0]}).")
    except duckdb.Error as error:
        con.close()
        raise _explained(settings, error) from error
    return con


def restrict(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Shut a reader's door to every other file and freeze its configuration; for all cursors, for good."""
    con.execute(f"SET allowed_directories=[{_quoted(f'{settings.lake_dir}/')}]")
    con.execute("SET enable_external_access=false")
    con.execute("SET lock_configuration=true")


def attach(settings: Settings, busy_timeout_ms: int = BUSY_TIMEOUT_MS, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """The warehouse as it is, whatever tables it has. Unavailable when the catalog is locked, ConfigError when it is
    damaged."""
    con = duckdb.connect()
    for name in ("sqlite_scanner", "ducklake"):
        con.execute(f"LOAD {_quoted(extension(name))}")
    con.execute("SET TimeZone='UTC'")
    with suppress(OSError):
        settings.run_dir.mkdir(parents=True, exist_ok=True)
    con.execute("SET temp_directory=?", [str(settings.spill_dir)])  # else what does not fit goes where we were started
    with suppress(duckdb.InvalidInputException):  # refused in a notebook, where no bar is drawn anyway
        con.execute("SET enable_progress_bar=false")  # it would write to stdout on a slow machine
    if settings.query_threads and read_only:
        con.execute("SET threads=?", [settings.query_threads])
    con.execute("SET memory_limit=?", [READER_MEMORY if read_only else WRITER_MEMORY])
    options = f"DATA_PATH {_quoted(f'{settings.lake_dir}/')}, META_BUSY_TIMEOUT {int(busy_timeout_ms)}"
    if read_only:
        options += ", READ_ONLY"
    else:
        options += f", META_JOURNAL_MODE 'WAL', DATA_INLINING_ROW_LIMIT {INLINE_ROWS}"
    try:
        con.execute(f"ATTACH {_quoted(f'ducklake:sqlite:{settings.lake_catalog}')} AS {LAKE} ({options})")
    except duckdb.Error as error:
        con.close()
        raise _explained(settings, error) from error
    return con


def extension(name: str) -> str:
    """Path of an extension's binary in its pip package; ConfigError when the versions do not fit."""
    path = files(f"duckdb_extension_{name}") / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
    if not path.is_file():
        raise ConfigError(
            f"The package duckdb-extension-{name.replace('_', '-')} does not fit duckdb {duckdb.__version__}. "
            "Install the versions of constraints.txt."
        )
    return str(path)


def differences(con: duckdb.DuckDBPyConnection) -> list[str]:
    """In which points the tables are not those of this version; empty when they are, or when none is made yet."""
    found = _columns(con)
    if not found:
        return []
    wanted = {t.name: [(c.name, _TYPES.get(c.type, c.type)) for c in t.columns] for t in tables.TABLES}
    out = [f"no table {name}" for name in wanted if name not in found]
    out += [f"an unknown table {name}" for name in found if name not in wanted]
    for name, columns in wanted.items():
        if name in found and found[name] != columns:
            changed = {c for c, _ in set(columns) ^ set(found[name])}
            out.append(f"table {name} differs in {', '.join(sorted(changed)) or 'the order of its columns'}")
    return out


def _columns(con: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[str, str]]]:
    """Of every table that is there: names and types of its columns, in order."""
    rows = con.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE database_name = ? AND schema_name = 'main' ORDER BY table_name, column_index",
        [LAKE],
    ).fetchall()
    out: dict[str, list[tuple[str, str]]] = {}
    for table, column, type_ in rows:
        out.setdefault(table, []).append((column, type_))
    return out


def _explained(settings: Settings, error: duckdb.Error) -> Exception:
    if is_locked(error):
        return Unavailable(f"The catalog {settings.lake_catalog} is locked by another process; trying again helps.")
    return ConfigError(
        f"The warehouse at {settings.lake_catalog} cannot be opened ({_first_line(error)}). {REMEDY}",
        error_id="warehouse_damaged",
    )


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0][:300]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def exclusive(settings: Settings, clock: Clock) -> Iterator[None]:
    """Hold <data>/ingest.lock: there is one writer. Unavailable names the process that holds it."""
    path = settings.data / "ingest.lock"
    settings.data.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(fd, 200, 0).decode(errors="replace")
            raise Unavailable(
                f"Another ingest writes this warehouse already: {holder.strip() or 'unknown'} ({path}). "
                "Nothing was changed; stop that one first."
            ) from None
        os.ftruncate(fd, 0)
        os.pwrite(fd, json.dumps({"pid": os.getpid(), "since": records.iso(clock.now())}).encode(), 0)
        yield
    finally:
        os.close(fd)


def present(settings: Settings) -> list[Path]:
    """Catalog and files, as far as they are there."""
    catalog = settings.lake_catalog
    return [p for p in (*catalog.parent.glob(f"{catalog.name}*"), settings.lake_dir) if p.exists()]


def move_to(settings: Settings, target: Path) -> Path:
    """Rename catalog and files out of the way, into the folder target; may be repeated. Hold `exclusive`."""
    target.mkdir(exist_ok=True)
    for path in present(settings):
        path.rename(target / path.name)
    return target


def move_aside(settings: Settings, clock: Clock) -> str | None:
    """Move them to <data>/warehouse-<time>/; the path, or None when there was nothing. Hold `exclusive`. Files are
    kept: a person deletes them when all is well."""
    if not present(settings):
        return None
    return str(move_to(settings, settings.data / f"warehouse-{clock.now():%Y%m%dT%H%M%S%f}"))
