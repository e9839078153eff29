"""Calls straight into tables, without journals: for tests of what is derived from them.

lake = DerivedLake()
lake.put(call("01", "+491", at=0, talked=(5, 60), by="101"), …)     # one round of the writer
lake.conversations()
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from analytics.conversations.derived import DERIVATION
from ingest import convert, derived, tables
from pbx_core.clock import uuid7_hex
from pbx_core.domain.records import Cdr, Disposition, LegRecord, Party

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TENANT = "a" * 32
LINE = "+49305550100"


@dataclass
class DerivedLake:
    """The tables in memory."""

    con: duckdb.DuckDBPyConnection = field(init=False)

    def __post_init__(self) -> None:
        self.con = duckdb.connect()
        self.con.execute("SET TimeZone='UTC'")
        self.con.execute("SET threads=1")  # small tables: more threads only wait for each other
        self.con.execute("ATTACH ':memory:' AS lk")
        for statement in tables.ddl("lk.main"):
            if not statement.startswith(("ALTER", "COMMENT")):  # only DuckLake partitions
                self.con.execute(statement)

    def put(self, *calls: Cdr) -> None:
        """Write the calls, or write them anew, as one round of the writer does."""
        last = {(c.tenant_id, c.call_id): c for c in calls}
        changes = derived.Changes(self.con)
        changes.note_calls(list(last), before=True)
        for tenant_id, call_id in last:
            key = [tenant_id, call_id]
            self.con.execute("DELETE FROM lk.main.call WHERE tenant_id = ? AND call_id = ?", key)
            self.con.execute("DELETE FROM lk.main.leg WHERE tenant_id = ? AND call_id = ?", key)
        child = tables.FAMILIES["cdr"].children[0]
        self._insert(tables.CALL, [convert.row("cdr", c, "s") for c in last.values()])
        self._insert(tables.LEG, [r for c in last.values() for r in convert.child_rows(child, c)])
        changes.note_calls(list(last), before=False)
        DERIVATION.refresh(self.con)

    def rebuild(self) -> None:
        """All conversations anew."""
        derived.rebuild(self.con, [DERIVATION])

    def conversations(self, what: str = "*") -> list[tuple[Any, ...]]:
        """Columns of all conversations, oldest first."""
        return self.con.sql("FROM lk.main.conversation").select(what).order("ALL").fetchall()

    def roles(self) -> list[tuple[Any, ...]]:
        """(tenant_id, call_id, conversation_id, role, started_at) of all calls."""
        return self.con.execute("FROM lk.main.conversation_call ORDER BY ALL").fetchall()

    def _insert(self, table: tables.Table, rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            arrow: pa.Table = convert.to_arrow(table, rows)
            self.con.from_arrow(arrow).insert_into(f"lk.main.{table.name}")


def call(
    name: str,
    number: str,
    at: float,
    *,
    talked: tuple[float, float] | None = None,
    by: str = "",
    lasts: float = 30.0,
    direction: str = "inbound",
    asked: str = "queue:sales",
    tenant: str = TENANT,
    ours: str = "101",
    **changes: Any,
) -> Cdr:
    """A call that began `at` seconds after START. talked: from when to when after its own start; else it lasted so long
    without a talk. ours: our number that placed it. `name` becomes the end of its id."""
    started = START + timedelta(seconds=at)
    answered = started + timedelta(seconds=talked[0]) if talked else None
    ended = started + timedelta(seconds=talked[1] if talked else lasts)
    inbound = direction in ("inbound", "callback", "informing")
    route = ("did:" + LINE, asked) if direction == "inbound" else (f"outside:{number}",) if not inbound else (asked,)
    queue = asked.partition(":")[2] if asked.startswith("queue:") and inbound else ""
    made = Cdr(
        call_id=call_id(name, at), tenant_id=tenant, direction=direction,
        caller_number=number if inbound else ours, caller_name="",
        callee_number=LINE if direction == "inbound" else number,
        started_at=started, ringing_at=started, answered_at=answered, ended_at=ended, setup_s=0.0, ring_s=0.0,
        wait_s=((answered or ended) - started).total_seconds(),
        talk_s=(ended - answered).total_seconds() if answered else 0.0, hold_s=0.0, bill_s=0,
        disposition=Disposition.ANSWERED if talked else Disposition.NO_ANSWER, cause="caller hung up",
        hangup_party="caller", aborted=False, dtmf_digits=0, recording_id=None, recording_reason=None,
        worker="worker-0", definition_version="cdr-2", did=LINE if direction == "inbound" else "", trunk_id="main",
        answered_by=by or (number if direction == "outbound" and talked else ""), destination=route[0], route=route,
        queue=queue, queue_wait_s=(talked[0] if talked else lasts) if queue else None,
        queue_result=("answered" if talked else "abandoned") if queue else "",
    )  # fmt: skip
    legs = [_leg(made, Party.CALLER, made.caller_number)]
    if by:
        legs.append(_leg(made, Party.CALLEE, by))
    made = replace(made, legs=tuple(legs))
    known = {f.name for f in dataclasses.fields(Cdr)}
    assert changes.keys() <= known, changes
    return replace(made, **changes)


def call_id(name: str, at: float) -> str:
    """The id of the call of that name."""
    return uuid7_hex(int((START + timedelta(seconds=at)).timestamp() * 1000), name.encode().rjust(10, b"0")[:10])


def evidence(row: str) -> dict[str, str]:
    """Sentences of the evidence by fact."""
    return {e["fact"]: e["says"] for e in json.loads(row)}


def _leg(cdr: Cdr, party: Party, number: str) -> LegRecord:
    return LegRecord(
        leg_id=f"{cdr.call_id}-{party}", party=party, number=number, sip_call_id="x", started_at=cdr.started_at,
        answered_at=cdr.answered_at, ended_at=cdr.ended_at, sip_status=200, codec=None, rx_packets=None,
        loss_share=None, late_share=None, jitter_ms_mean=None, jitter_ms_max=None, rtt_ms_mean=None, mos=None,
        starved=None, quality_reason="none", quality_version=None,
    )  # fmt: skip
