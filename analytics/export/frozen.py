"""One state of the warehouse, put aside for an export: the rows of a table, or all that is known of many calls.

Queries run on a connection of their own, which spills to the export's folder instead of filling memory, can be
interrupted, and is asked again when maintenance changed files under it (as analytics.queries.reader does).
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pandas as pd

from analytics.export.subjects import Subject
from analytics.queries import reader
from ingest import places, tables, warehouse
from ingest.maintenance import Epoch
from pbx_core.errors import CallbenchError, Unavailable
from pbx_core.settings import Settings

ROW_GROUP_ROWS = 20_000  # of the put-aside file: what is in memory at once while it is read
TRIES_MAX = 5
MEMORY = "320MB"  # of a query; a million calls need 230 MB, what is more goes to the disk
# What analytics.queries.detail reads of a call. The other tables are there too, empty: the macros name them.
_OF_CALLS = frozenset(
    ("call", "leg", "call_event", "recording", "recording_gone", "turns", "party_turns", "transcript", "utterance",
     "meaning", "party_meaning", "tracker_hit", "item_heard", "extract", "redaction", "redacted_span")
)  # fmt: skip

T = TypeVar("T")


class Stopped(CallbenchError):
    """Whoever wanted the export wants it no more."""


class Halt:
    """Ends an export from another thread: the query that runs is interrupted, whatever follows is not begun."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._set = False
        self._con: duckdb.DuckDBPyConnection | None = None

    def set(self) -> None:
        """Stop."""
        with self._lock:
            self._set = True
            if self._con is not None:
                self._con.interrupt()

    def check(self) -> None:
        """Stopped when it was set."""
        if self._set:
            raise Stopped("The export was stopped.")

    @contextmanager
    def over(self, con: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """While inside, `set` interrupts this connection."""
        with self._lock:
            self._con = con
        try:
            self.check()
            yield
        except duckdb.InterruptException:
            raise Stopped("The export was stopped.") from None
        finally:
            with self._lock:
                self._con = None


def rows(settings: Settings, folder: Path, subject: Subject, values: dict[str, Any], halt: Halt) -> tuple[Path, int]:
    """Put a subject's rows into a Parquet file of the folder: times as UTC instants, lists as lists. The file and how
    many rows it has."""
    path = folder / f"{subject.name}.parquet"
    target = _quoted(path)
    reader.check_text(values)
    sql = f"COPY ({subject.sql}) TO {target} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP_ROWS})"

    def put(con: duckdb.DuckDBPyConnection) -> int:
        found = con.execute(sql, values).fetchone()
        return int(found[0]) if found else 0

    return path, _consistent(settings, folder, halt, put)


class Calls:
    """All that is known of the calls of a filter, put aside. Answers the questions of analytics.queries.detail, which
    ask nothing but `rows`."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con
        self.count = int(con.execute("SELECT count(*) FROM lk.main.picked").fetchall()[0][0])

    def ids(self) -> Iterator[str]:
        """The calls, newest first."""
        cursor = self._con.cursor()
        cursor.execute("SELECT call_id FROM lk.main.picked ORDER BY started_at DESC, call_id DESC")
        while batch := cursor.fetchmany(ROW_GROUP_ROWS):
            yield from (call_id for (call_id,) in batch)

    def rows(self, sql: str, values: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """All rows of a query as dicts."""
        found = self._con.cursor().execute(sql, values)
        names = [d[0] for d in found.description or []]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def frame(self, sql: str, values: dict[str, Any] | None = None) -> pd.DataFrame:
        """The result of a query as a frame."""
        return pd.DataFrame.from_records(self.rows(sql, values))

    def close(self) -> None:
        """Let go of the file."""
        self._con.close()


def calls(settings: Settings, folder: Path, values: dict[str, Any], halt: Halt) -> Calls:
    """Put aside everything known of the calls of a filter (values: analytics.export.subjects.call_values)."""
    path = folder / "calls.duckdb"
    reader.check_text(values)

    def put(con: duckdb.DuckDBPyConnection) -> None:
        path.unlink(missing_ok=True)
        con.execute(f"ATTACH {_quoted(path)} AS aside")
        try:
            _copy(con, values)
        finally:
            con.execute("DETACH aside")

    _consistent(settings, folder, halt, put)
    con = duckdb.connect()
    con.execute("SET TimeZone='UTC'")
    con.execute("SET memory_limit='256MB'")
    con.execute("SET threads=1")  # questions about one call are small
    con.execute(f"ATTACH {_quoted(path)} AS lk (READ_ONLY)")
    reader.equip(con)
    return Calls(con)


def _copy(con: duckdb.DuckDBPyConnection, values: dict[str, Any]) -> None:
    """In one transaction, so of one snapshot; sorted by call, so that what belongs to one lies together."""
    con.execute("BEGIN")
    con.execute(
        """
        CREATE TABLE aside.main.picked AS SELECT call_id, started_at
        FROM chosen($tenant_id, $extension, $since, $until, $number, $disposition, $min_talk_s, $recorded, $said, $tag,
                    $alert, $originals, $wishes)
        """,
        values,
    )
    for table in tables.TABLES:
        if table.name in _OF_CALLS:
            con.execute(
                f"CREATE TABLE aside.main.{table.name} AS SELECT t.* FROM lk.main.{table.name} AS t "  # noqa: S608 - ours
                "SEMI JOIN aside.main.picked USING (call_id) WHERE t.tenant_id = $tenant ORDER BY t.call_id",
                {"tenant": values["tenant_id"]},
            )
        else:
            columns = ", ".join(f'"{c.name}" {c.type}' for c in table.columns)
            con.execute(f"CREATE TABLE aside.main.{table.name} ({columns})")
    con.execute("COMMIT")


def _consistent(settings: Settings, folder: Path, halt: Halt, put: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
    """Run `put` over one state of the warehouse; again while files were merged under it."""
    epoch = Epoch(settings) if places.of(settings).torn else None
    problem = ""
    for _ in range(TRIES_MAX):
        con = _connection(settings, folder)
        try:
            with halt.over(con):
                before = _state(con, epoch)
                done = put(con)
                if _state(con, epoch) == before:
                    return done
        except duckdb.OutOfMemoryException as error:
            raise Unavailable(f"This export needs more memory or disk than there is ({_line(error)}).") from error
        except duckdb.Error as error:  # a file gone under the query
            problem = f" ({_line(error)})"
        finally:
            con.close()
    raise Unavailable(f"The warehouse could not be read in one piece{problem}. Try again in a minute.")


def _connection(settings: Settings, folder: Path) -> duckdb.DuckDBPyConnection:
    con = warehouse.open_reader(settings)
    reader.equip(con)
    con.execute("SET memory_limit=?", [MEMORY])
    con.execute("SET threads=1")  # half the memory, and a processor is left for calls
    con.execute("SET temp_directory=?", [str(folder / "spill")])
    warehouse.restrict(con, settings, folder)
    return con


def _state(con: duckdb.DuckDBPyConnection, epoch: Epoch | None) -> tuple[int, int]:
    """What must be equal before and after (see Reader._state)."""
    count = epoch.read() if epoch else 0
    if count % 2 == 0:
        return count, 0
    return count, int(con.execute(reader.SNAPSHOT).fetchall()[0][0])


def _quoted(path: Path | str) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0][:300]


def remove(folder: Path) -> None:
    """Forget what was put aside."""
    shutil.rmtree(folder, ignore_errors=True)
