"""Opens the warehouse: DuckLake, where the settings say it is (`ingest.places`); its tables, its writer, its readers.

DuckDB's extensions come from pip packages and are loaded from there; nothing is downloaded.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from ingest import layout, places, spill, tables
from ingest.places.base import LAKE, extension, quoted
from ingest.places.base import is_locked as is_locked  # for those who write
from ingest.places.local import REMEDY as REMEDY  # for those who read files beside the data
from pbx_core.clock import Clock
from pbx_core.domain import records
from pbx_core.errors import ConfigError, Unavailable
from pbx_core.settings import Settings

BUSY_TIMEOUT_MS = 10_000  # how long one connection waits for another's lock on the catalog
READER_MEMORY = "512MB"  # a query beyond it fails instead of starving the telephony beside it
WRITER_MEMORY = "600MB"  # more makes no import faster; a round holds at most about 32 MB of journal

_TYPES = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}  # as DuckDB lists them


def open_writer(settings: Settings, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> duckdb.DuckDBPyConnection:
    """The writing connection, tables made if need be; hold `exclusive` and the place's turn first. Unavailable when the
    catalog is locked or away, ConfigError when it is damaged or another version's."""
    place = places.of(settings)
    con = attach(settings, busy_timeout_ms, read_only=False)
    try:
        if not _columns(con):
            con.execute("BEGIN")
            for statement in tables.ddl(f"{LAKE}.main"):
                con.execute(statement)
            layout.lay_out(con)
            con.execute("COMMIT")
        elif found := differences(con):
            con.close()
            raise ConfigError(f"{place.other_version} ({found[0]}).", error_id="warehouse_of_another_version")
        elif not layout.is_laid_out(con):
            con.execute("BEGIN")
            layout.lay_out(con)
            con.execute("COMMIT")
        layout.finish(con)
    except duckdb.Error as error:
        con.close()
        raise place.explained(error) from error
    return con


def open_reader(settings: Settings) -> duckdb.DuckDBPyConnection:
    """A connection that can only read the warehouse's own files; use `.cursor()` per thread. Unavailable when there
    is no warehouse yet, it is made anew right now or cannot be reached, ConfigError when it is damaged."""
    place = places.of(settings)
    place.check_readable()
    con = attach(settings, read_only=True)
    try:
        if not _columns(con) or layout.is_unfinished(con):
            con.close()
            raise Unavailable("The warehouse is being made right now. Try again in a few seconds.")
        if found := differences(con):
            con.close()
            raise Unavailable(f"{place.other_version} ({found[0]}).")
    except duckdb.Error as error:
        con.close()
        raise place.explained(error) from error
    return con


def made(settings: Settings) -> bool:
    """Whether there is one; what cannot be reached counts, because then there is more to say than that none is."""
    try:
        return places.of(settings).made()
    except Unavailable:
        return True


def restrict(con: duckdb.DuckDBPyConnection, settings: Settings, *folders: Path) -> None:
    """Shut a reader's door to every file but the warehouse's and those of the folders, and freeze its configuration;
    for all cursors, for good."""
    allowed = (places.of(settings).folder, *(f"{folder}/" for folder in folders))
    con.execute(f"SET allowed_directories=[{', '.join(map(quoted, allowed))}]")
    con.execute("SET enable_external_access=false")
    con.execute("SET lock_configuration=true")


def attach(settings: Settings, busy_timeout_ms: int = BUSY_TIMEOUT_MS, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """The warehouse as it is, whatever tables it has. Unavailable when the catalog is locked, ConfigError when it is
    damaged."""
    place = places.of(settings)
    con = _with_extensions([extension(name) for name in place.extensions])
    con.execute("SET TimeZone='UTC'")
    con.execute("SET temp_directory=?", [_spill_folder(settings)])  # else it is where we were started
    with suppress(duckdb.InvalidInputException):  # refused in a notebook, where no bar is drawn anyway
        con.execute("SET enable_progress_bar=false")  # it would write to stdout on a slow machine
    if settings.query_threads and read_only:
        con.execute("SET threads=?", [settings.query_threads])
    con.execute("SET memory_limit=?", [READER_MEMORY if read_only else WRITER_MEMORY])
    try:
        place.attach(con, busy_timeout_ms, read_only=read_only)
    except duckdb.Error as error:
        con.close()
        raise place.explained(error) from error
    return con


_verified: set[str] = set()  # extensions whose signature was found good in this process


def _with_extensions(paths: Sequence[str]) -> duckdb.DuckDBPyConnection:
    """A connection that has loaded these extensions. DuckDB hashes each for its signature, 0.15 CPU-s, on every
    connection; the code is in the process since the first one and is not read again. So only that one looks."""
    good = _verified.issuperset(paths)
    con = duckdb.connect(config={"allow_unsigned_extensions": good})
    for path in paths:
        con.execute(f"LOAD {quoted(path)}")
    if good:
        con.execute("SET allow_unsigned_extensions=false")
    _verified.update(paths)
    return con


def _spill_folder(settings: Settings) -> str:
    """None where none can be made, on a full disk: what fits into memory can still be asked."""
    try:
        return str(spill.folder(settings.spill_dir))
    except OSError:
        return ""


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
