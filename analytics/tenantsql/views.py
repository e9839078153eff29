"""What an analyst can ask for: the tenant's rows, without words that were said or written, and without paths of files.

Words are not here because what a tenant hides in them is judged for each person who reads; the page Search does that.
"""

from __future__ import annotations

import duckdb

from ingest import tables, warehouse
from pbx_core.settings import Settings

# The tables and the columns that stay away.
SHOWN: dict[str, tuple[str, ...]] = {
    "call": (),
    "leg": (),
    "recording": ("path", "peaks_path"),
    "recording_gone": (),
    "turns": (),
    "party_turns": (),
    "transcript": (),
    "queue_event": (),
    "conversation": (),
    "conversation_call": (),
    "import_run": (),
}
THREADS = 2
_INTERNAL = ("stamp",)
COMMENTS = {t.name: t.grain for t in tables.TABLES if t.name in SHOWN}
COLUMNS = {
    t.name: tuple(c for c in t.columns if c.name not in (*SHOWN[t.name], *_INTERNAL))
    for t in tables.TABLES
    if t.name in SHOWN
}


def make(con: duckdb.DuckDBPyConnection, settings: Settings, tenant_id: str, memory: str) -> None:
    """Make the views on a reader's connection, then close every other door for good."""
    tenant = tenant_id.replace("'", "''")
    for name, columns in COLUMNS.items():
        wanted = ", ".join(f'"{c.name}"' for c in columns)
        source = f"lk.main.{name} WHERE tenant_id = '{tenant}'"
        con.execute(f"CREATE VIEW memory.main.{name} AS SELECT {wanted} FROM {source}")  # noqa: S608
    con.execute("SET memory_limit=?", [memory])
    con.execute(f"SET threads={THREADS}")
    con.execute("SET temp_directory=''")  # too large a question fails instead of filling the disk
    con.execute("SET python_enable_replacements=false")
    warehouse.restrict(con, settings)
