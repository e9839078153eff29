"""What is computed from the rows and kept beside them: brought in line by the writer, in the transaction of the rows.

What changed in a round is told to the derivations in three temporary tables of the writing connection, so that a
million changed calls (an import) are worked on as a set; derivations never loop over rows. Packages above this one
announce their derivations as entry points of the group `callbench.derivations`; they run in the order of the names.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Protocol

import duckdb
import pyarrow as pa

GROUP = "callbench.derivations"

# The same columns in every round; empty at its beginning.
_CHANGED = {
    "changed_call": "tenant_id VARCHAR, call_id VARCHAR, started_at TIMESTAMPTZ",
    "changed_queue": "tenant_id VARCHAR, occurred_at TIMESTAMPTZ",
    "changed_span": "tenant_id VARCHAR, started_at TIMESTAMPTZ, ended_at TIMESTAMPTZ",
    "changed_conversation": "tenant_id VARCHAR, conversation_id VARCHAR, started_at TIMESTAMPTZ",
}
# A call_id is sortable by time: the range of ids lets files be skipped. Asked before and after rows are replaced, so
# that a call whose time changes is named with both.
_NOTE_CALLS = """
    INSERT INTO changed_call
    SELECT c.tenant_id, c.call_id, c.started_at FROM lk.main.call AS c SEMI JOIN touched USING (tenant_id, call_id)
    WHERE c.call_id BETWEEN $low AND $high
    EXCEPT FROM changed_call
"""
_NOTE_SPANS = """
    INSERT INTO changed_span
    SELECT c.tenant_id, c.started_at, c.ended_at FROM lk.main.call AS c SEMI JOIN touched USING (tenant_id, call_id)
    WHERE c.call_id BETWEEN $low AND $high
"""


class Derivation(Protocol):
    """What is computed from rows and kept with them. Runs inside the writer's transaction, before offsets are stored.

    Temporary tables of this round, each may be empty:
    changed_call(tenant_id, call_id, started_at): calls whose cdr, recording, turns, transcript, meaning or informing
        was written or replaced; with the old AND the new started_at when it changed;
    changed_span(tenant_id, started_at, ended_at): from when to when those of them lasted that were known before;
    changed_queue(tenant_id, occurred_at): queue events written;
    changed_conversation(tenant_id, conversation_id, started_at): INSERTed by the derivation of conversations for those
        after it: conversations that appeared, changed or went (with the old AND the new started_at).
    """

    name: str

    def refresh(self, con: duckdb.DuckDBPyConnection) -> None:
        """Bring the derived rows in line with what changed."""
        ...

    def rebuild(self, con: duckdb.DuckDBPyConnection) -> None:
        """All rows anew from the raw tables (`callbench ingest --derive`), equal to what refresh would have kept."""
        ...


def installed() -> tuple[Derivation, ...]:
    """The derivations of all packages, in the order of their entry points' names."""
    return tuple(point.load() for point in sorted(entry_points(group=GROUP), key=lambda p: p.name))


class Changes:
    """What one round changes, told to the derivations."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con
        for name, columns in _CHANGED.items():
            con.execute(f"CREATE OR REPLACE TEMP TABLE {name} ({columns})")

    def note_calls(self, keys: Sequence[tuple[str, str]], *, before: bool) -> None:
        """Note these (tenant_id, call_id) with the start that the warehouse knows of them now, before or after their
        rows are written; unknown ones are left out."""
        if not keys:
            return
        tenants, ids = zip(*keys, strict=True)
        columns = [pa.array(tenants, pa.string()), pa.array(ids, pa.string())]
        self._con.register("touched", pa.Table.from_arrays(columns, names=["tenant_id", "call_id"]))
        try:
            bounds = {"low": min(ids), "high": max(ids)}
            self._con.execute(_NOTE_CALLS, bounds)
            if before:
                self._con.execute(_NOTE_SPANS, bounds)
        finally:
            self._con.unregister("touched")

    def note_queue(self, rows: Sequence[tuple[str, object]]) -> None:
        """Note these (tenant_id, occurred_at) of queue events."""
        if not rows:
            return
        tenants, times = zip(*rows, strict=True)
        columns = [pa.array(tenants, pa.string()), pa.array(times, pa.timestamp("us", tz="UTC"))]
        self._con.from_arrow(pa.Table.from_arrays(columns, names=["tenant_id", "occurred_at"])).insert_into(
            "temp.changed_queue"
        )

    def apply(self, derivations: Sequence[Derivation]) -> None:
        """Let every derivation follow."""
        if not self._any():
            return
        for derivation in derivations:
            derivation.refresh(self._con)

    def _any(self) -> bool:
        found = self._con.execute("SELECT EXISTS (FROM changed_call) OR EXISTS (FROM changed_queue)").fetchone()
        return found is not None and bool(found[0])


def rebuild(con: duckdb.DuckDBPyConnection, derivations: Sequence[Derivation]) -> None:
    """All derived rows anew. In a transaction of the caller's."""
    Changes(con)
    for derivation in derivations:
        derivation.rebuild(con)
