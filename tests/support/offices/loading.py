"""Offices in a real warehouse: tenants, journals written in rounds out of order, what was derived."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from ingest import warehouse
from pbx_core.clock import SystemClock
from pbx_core.settings import Settings, load
from pbx_core.store import directory, engine
from tests.support import lake
from tests.support.offices import draw, ours, people

Rows = list[dict[str, Any]]


def tenants(folder: Path, zones: Sequence[str]) -> tuple[Settings, list[people.Office]]:
    """A fresh installation with a tenant for each zone."""
    settings, clock = load(folder / "data"), SystemClock()
    db = engine.migrate(settings)
    try:
        found = []
        for n, zone in enumerate(zones):
            tenant = directory.add_tenant(db, clock, f"Office {n}", f"office{n}.test", time_zone=zone)
            found.append(people.Office(f"office{n}", zone, tenant.tenant_id))
        return settings, found
    finally:
        db.dispose()


def load_ours(settings: Settings, plans: Sequence[draw.Plan], rounds: int, rng: Random) -> None:
    """Write all calls, in any order and in so many rounds of ingest: what is derived may not depend on either. What
    agents did comes with the first."""
    told = [(plan.office, call) for plan in plans for call in plan.calls]
    rng.shuffle(told)
    size = -(-len(told) // rounds)
    for begin in range(0, len(told), size):
        for plan in plans:
            calls = [call for office, call in told[begin : begin + size] if office is plan.office]
            ours.write(settings, SystemClock(), plan.office, calls, () if begin else plan.shifts)
        lake.ingest_once(settings, SystemClock())


def tables(settings: Settings, *names: str) -> dict[str, Rows]:
    """All rows of some tables, by the names of their columns; one connection, since to open it takes its time."""
    con = warehouse.open_reader(settings)
    try:
        out: dict[str, Rows] = {}
        for name in names:
            found = con.table(f"lk.main.{name}")
            out[name] = [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]
        return out
    finally:
        con.close()


def of(rows: Rows, office: people.Office) -> Rows:
    """Those of one tenant."""
    return [row for row in rows if row["tenant_id"] == office.tenant_id]
