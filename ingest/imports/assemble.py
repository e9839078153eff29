"""Rows of the warehouse out of RAW_LEG, by SQL alone: the rows of one story become ONE call with its legs.

Ids depend only on tenant, system and the log's own unique ids (on the row's content where there are none), so what is
imported twice, or stands in two files, is the same row. A call counts as answered as in our own exchange (cdr-2): when
a person took it. A menu, a queue or a voicemail that picks up is no answer, whatever the foreign log says.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import duckdb

MADE = {
    "call": "started_at",
    "leg": "started_at",
    "queue_event": "occurred_at",
    "call_event": "call_id, seq",
    "wanted": "started_at",
}
"""The temporary tables `made_<name>` of assemble(), and in what order they are kept: four tables of the warehouse, and
`wanted`: what the log says of recordings (call_id, started_at, answered_at, unique_id, linked_id, recording,
caller_number, callee_number)."""

_STEPS = ("macros", "stories", "rows", "freeswitch", "asked", "calls", "legs", "others", "offers")
_ONLY_OF = {"freeswitch": "freeswitch"}  # step → the one system of which it says something


def assemble(
    con: duckdb.DuckDBPyConnection, tenant_id: str, system: str, import_id: str, stamp: str, *, sounds: bool = True
) -> None:
    """Make the tables of MADE out of the relation `raw_leg`: columns of RAW_LEG and `rank` (INTEGER): where two formats
    tell of one call, the legs of the higher rank are taken. Without sounds nothing is wanted."""
    told = {"tenant": tenant_id, "system": system, "import": import_id, "stamp": stamp, "sounds": sounds}
    for step in _STEPS:
        if step in _ONLY_OF and _ONLY_OF[step] != system:
            continue
        for statement in _statements(step):
            con.execute(statement, {k: v for k, v in told.items() if f"${k}" in statement})


def count_duplicates(con: duckdb.DuckDBPyConnection) -> int:
    """How many rows of `raw_leg` stood there more than once; after assemble()."""
    found = con.execute("SELECT duplicates FROM tally").fetchone()
    return int(found[0]) if found else 0


@cache
def _statements(step: str) -> tuple[str, ...]:
    text = (files("ingest.imports") / "sql" / f"{step}.sql").read_text()
    return tuple(s for s in (part.strip() for part in text.split(";\n")) if s)
