"""The one writer: a round gathers what is new and commits rows, what is derived from them, rejects and offsets in ONE
transaction.

Whatever happens (kill -9, a locked catalog, an error in the middle), either all of a round is in the warehouse or
nothing of it, and the next round takes up exactly there.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import duckdb
import pyarrow as pa

from ingest import convert, derived, tables, warehouse
from ingest.batch import Batch, Offset, Offsets, Origin, Reject
from ingest.tables import Table
from pbx_core.clock import Clock
from pbx_core.errors import Unavailable

FEW_ROWS = 20_000
# Names of tables cannot be bound as parameters; {table} is replaced by a name from ingest.tables, {bound} by a column
# of its key, nothing else.
_KNOWN = """
    SELECT known.* EXCLUDE (stamp), known.stamp
    FROM (SELECT {key}, stamp FROM lk.main.{table} WHERE {bound} BETWEEN $low AND $high) AS known
    SEMI JOIN incoming USING ({key})
"""
_DELETE = """
    DELETE FROM lk.main.{table}
    WHERE {bound} BETWEEN $low AND $high AND ({key}) IN (FROM incoming)
"""


# Kinds whose records are about one call; what is derived from calls follows them.
_OF_CALLS = ("cdr", "recording", "turns", "transcript", "meaning", "inform", "queue_event")


class Source(Protocol):
    """Something that hands over facts from a stored offset on."""

    def gather(self, offsets: Offsets, batch: Batch) -> bool:
        """Add what is new to the batch; whether more waits for the next round."""
        ...


@dataclass(frozen=True)
class Round:
    """What one round did: rows written (main tables), lines rejected, whether more waits, age of the oldest line."""

    rows: int
    rejects: int
    backlog: bool
    oldest_at: str | None
    committed: bool


class Writer:
    """Owns the writing connection. Not thread-safe. Hold warehouse.exclusive while it lives."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        clock: Clock,
        sources: Sequence[Source],
        derivations: Sequence[derived.Derivation] | None = None,
    ) -> None:
        """derivations: those of all installed packages unless given."""
        self.con = con
        self._clock = clock
        self._sources = sources
        self._derivations = derived.installed() if derivations is None else derivations
        self._offsets = read_offsets(con)
        self._loaded: Counter[Origin] = Counter()  # rows written in this round

    def round(self) -> Round:
        """Load what is new. Unavailable when the catalog stays locked: nothing was written, try again later. Any other
        error of DuckDB: nothing was written, open a new writer."""
        batch = Batch()
        backlog = False
        for source in self._sources:
            backlog = source.gather(self._offsets, batch) or backlog
        if not batch.offsets:
            return Round(0, 0, backlog, None, False)
        self.con.execute(f"SET threads={_threads(batch)}")
        with transaction(self.con):
            rows = self._load(batch)
            rejects = self._put_rejects(batch.rejects)
            counted = self._counted(batch)
            self._put_offsets(counted)
        self._offsets.update({(o.source, o.segment): o for o in counted})
        return Round(rows, rejects, backlog, batch.oldest_at, True)

    def _load(self, batch: Batch) -> int:
        """Write the records and bring in line what is derived from them; how many rows of main tables were written."""
        changes = derived.Changes(self.con)
        touched = _calls(batch)
        changes.note_calls(touched, before=True)
        self._loaded.clear()
        rows = sum(self._replace(kind, found, batch) for kind, found in batch.rows.items())
        rows += sum(load(self.con) for load in batch.bulk)
        changes.note_calls(touched, before=False)
        changes.note_queue([(r.tenant_id, r.at) for _, r in batch.rows.get("queue_event", {}).values()])
        changes.apply(self._derivations)
        return rows

    def _replace(self, kind: str, found: dict[tuple[Any, ...], tuple[str, Any]], batch: Batch) -> int:
        """Write the records that are newer than what the warehouse has; how many were. Where each came from is
        counted, whether it was written or repeated what is known."""
        family = tables.FAMILIES[kind]
        bound = family.table.key[1]  # sortable by time: a batch's rows lie close together
        known = self._known(family.table, list(found), bound)
        newer = {k: v for k, v in found.items() if known.get(k, "") < v[0]}
        for key in found:
            (self._loaded if key in newer else batch.repeated)[batch.origins[kind, key]] += 1
        stale = [k for k in newer if k in known]
        if stale:
            for table in (family.table, *(child.table for child in family.children)):
                self._delete(table, family.table.key, stale, bound)
        self._insert(family.table, [convert.row(kind, record, stamp) for stamp, record in newer.values()])
        for child in family.children:
            self._insert(child.table, [r for _, record in newer.values() for r in convert.child_rows(child, record)])
        return len(newer)

    def _put_rejects(self, rejects: Sequence[Reject]) -> int:
        known = self._known(tables.REJECT, [(r.source, r.segment, r.position) for r in rejects], "segment")
        now = self._clock.now()
        fresh = [r for r in rejects if (r.source, r.segment, r.position) not in known]
        rows = [(r.source, r.segment, r.position, r.line, r.reason, r.raw, now, "-") for r in fresh]
        self._insert(tables.REJECT, rows)
        return len(fresh)

    def _counted(self, batch: Batch) -> list[Offset]:
        """The offsets of a batch with all that was ever counted of their segments."""
        rejected = Counter((r.source, r.segment) for r in batch.rejects)
        out = []
        for origin, offset in batch.offsets.items():
            before = self._offsets.get(origin, Offset(*origin))
            out.append(
                replace(
                    offset,
                    loaded=before.loaded + offset.loaded + self._loaded[origin],
                    rejected=before.rejected + offset.rejected + rejected[origin],
                    repeated=before.repeated + offset.repeated + batch.repeated[origin],
                )
            )
        return out

    def _put_offsets(self, offsets: Sequence[Offset]) -> None:
        keys = [(o.source, o.segment) for o in offsets]
        stale = [k for k in keys if k in self._offsets]
        if stale:
            self._delete(tables.INGEST_OFFSET, tables.INGEST_OFFSET.key, stale, "segment")
        now = self._clock.now()
        self._insert(
            tables.INGEST_OFFSET,
            [
                (o.source, o.segment, o.position, o.lines, o.complete, o.loaded, o.rejected, o.repeated, now)
                for o in offsets
            ],
        )

    def _known(self, table: Table, keys: list[tuple[Any, ...]], bound: str) -> dict[tuple[Any, ...], str]:
        """Stamps of those keys that the table has."""
        if not keys:
            return {}
        with self._incoming(table, table.key, keys, bound) as limits:
            found = self.con.execute(_for(_KNOWN, table, table.key, bound), limits).fetchall()
        return {tuple(r[:-1]): r[-1] for r in found}

    def _delete(self, table: Table, key: tuple[str, ...], keys: list[tuple[Any, ...]], bound: str) -> None:
        with self._incoming(table, key, keys, bound) as limits:
            self.con.execute(_for(_DELETE, table, key, bound), limits)

    def _insert(self, table: Table, rows: list[tuple[Any, ...]]) -> None:
        if rows:
            self.con.from_arrow(convert.to_arrow(table, rows)).insert_into(f"{warehouse.LAKE}.main.{table.name}")

    @contextmanager
    def _incoming(
        self, table: Table, key: tuple[str, ...], keys: list[tuple[Any, ...]], bound: str
    ) -> Iterator[dict[str, Any]]:
        """The keys as the relation `incoming`; gives the limits of the bounding column, by which files are skipped."""
        schema = pa.schema([table.schema.field(name) for name in key])
        columns = [pa.array(v, type=f.type) for v, f in zip(zip(*keys, strict=True), schema, strict=True)]
        self.con.register("incoming", pa.Table.from_arrays(columns, schema=schema))
        bounds = [k[key.index(bound)] for k in keys]
        try:
            yield {"low": min(bounds), "high": max(bounds)}
        finally:
            self.con.unregister("incoming")


def _calls(batch: Batch) -> list[tuple[str, str]]:
    """(tenant_id, call_id) of the calls that a batch says something of which others compute with."""
    found = {(r.tenant_id, r.call_id) for kind in _OF_CALLS for _, r in batch.rows.get(kind, {}).values()}
    for _, event in batch.rows.get("call_event", {}).values():
        if event.type == "offer_ended":
            found.add((event.tenant_id, event.call_id))
    return [key for key in found if key[1]]


def _threads(batch: Batch) -> int:
    """More than one only cost on few rows: a round with three calls takes a third less processor time with one."""
    few = batch.size < FEW_ROWS and not batch.bulk
    return 1 if few else max(1, os.cpu_count() or 1)


def _for(text: str, table: Table, key: tuple[str, ...], bound: str) -> str:
    return text.replace("{table}", table.name).replace("{key}", ", ".join(key)).replace("{bound}", bound)


def read_offsets(con: duckdb.DuckDBPyConnection) -> Offsets:
    """Where every segment stands."""
    rows = con.execute(
        "SELECT source, segment, position, lines, complete, loaded, rejected, repeated FROM lk.main.ingest_offset"
    ).fetchall()
    return {(r[0], r[1]): Offset(*r) for r in rows}


@contextmanager
def transaction(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All or nothing. A catalog that stays locked becomes Unavailable."""
    try:
        con.execute("BEGIN TRANSACTION")
        try:
            yield
            con.execute("COMMIT")
        except BaseException:
            _rollback(con)
            raise
    except duckdb.Error as error:
        if warehouse.is_locked(error):
            raise Unavailable(
                "Another process holds the warehouse's catalog, or was faster; the journals keep everything until the "
                "next try."
            ) from error
        raise


def _rollback(con: duckdb.DuckDBPyConnection) -> None:
    try:
        con.execute("ROLLBACK")
    except duckdb.Error:  # the failed COMMIT has ended the transaction already
        pass
