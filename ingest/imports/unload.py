"""An undone import out of the warehouse, by SQL, inside the writer's transaction; what earlier imports say of the same
calls comes back in the same one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

import duckdb

from ingest import tables
from ingest.imports import load, staging
from ingest.imports.staging import Manifest, quoted
from ingest.imports.undone import Undone
from pbx_core.settings import Settings

# Rows that speech and meaning made of a call's recordings. Comments and corrections are people's: they stay, and are
# seen again when the calls are imported again.
_HEARD = tuple(
    child.name
    for kind in ("turns", "transcript", "meaning", "redaction")
    for child in (tables.FAMILIES[kind].table, *(c.table for c in tables.FAMILIES[kind].children))
)
# name → its column that is asked for, of the staged table
_IDS = {"call": "call_id", "ring": "call_id", "event": "event_id", "recording": "recording_id"}
_FILES = {"call": "call", "ring": "call_event", "event": "queue_event", "recording": "recording"}


def unload(con: duckdb.DuckDBPyConnection, settings: Settings, folder: Path, note: Undone) -> int:
    """Delete its rows, tell what changed into changed_call, changed_span and changed_queue; 0, no row is new."""
    others = staging.finished(settings, note.tenant_id)
    for name, column in _IDS.items():
        mine = _ids([folder / f"{_FILES[name]}.parquet"], column)
        theirs = _ids([path / f"{_FILES[name]}.parquet" for path, _ in others], column)
        con.execute(f"CREATE OR REPLACE TEMP TABLE other_{name} AS {theirs}")
        text = mine if name in ("call", "ring") else f"{mine} EXCEPT FROM other_{name}"
        con.execute(f"CREATE OR REPLACE TEMP TABLE undone_{name} AS {text}")
    low, high = con.execute("SELECT min(call_id), max(call_id) FROM undone_call").fetchone() or (None, None)
    told = {"tenant": note.tenant_id, "import": note.import_id, "low": low or "", "high": high or ""}
    for statement in _statements():
        con.execute(statement, {k: v for k, v in told.items() if f"${k}" in statement})
    for name in _HEARD:
        con.execute(_DELETE.replace("{table}", name), {k: told[k] for k in ("tenant", "low", "high")})
    for path, manifest in _sharing(con, others):
        load.load(con, path, manifest)
    con.execute("CREATE OR REPLACE TEMP TABLE once AS SELECT DISTINCT * FROM changed_call")
    con.execute("DELETE FROM changed_call")
    con.execute("INSERT INTO changed_call FROM once")
    return 0


_DELETE = """
    DELETE FROM lk.main.{table} WHERE tenant_id = $tenant AND call_id BETWEEN $low AND $high
        AND call_id IN (SELECT call_id FROM silent_call)
"""


def _sharing(con: duckdb.DuckDBPyConnection, others: Sequence[tuple[Path, Manifest]]) -> list[tuple[Path, Manifest]]:
    """Those of the imports that tell of the same calls, the oldest first."""
    out = []
    for path, manifest in others:
        same = _ids([path / "call.parquet"], "call_id")
        found = con.execute(f"SELECT EXISTS (FROM ({same}) SEMI JOIN undone_call USING (call_id))").fetchone()
        if found and found[0]:
            out.append((path, manifest))
    return out


def _ids(paths: Sequence[Path], column: str) -> str:
    """A query for the ids in staged files; those that are not there have none."""
    there = [quoted(str(path)) for path in paths if path.is_file()]
    if not there:
        return f"SELECT NULL::VARCHAR AS {column} WHERE false"
    return f"SELECT DISTINCT {column} FROM read_parquet([{', '.join(there)}])"  # noqa: S608


@cache
def _statements() -> tuple[str, ...]:
    text = (files("ingest.imports") / "sql" / "unload.sql").read_text()
    return tuple(s for s in (part.strip() for part in text.split(";\n")) if s)
