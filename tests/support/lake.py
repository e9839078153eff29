"""A real warehouse in a test: load the journals, look at the tables."""

from __future__ import annotations

import hashlib
from typing import Any

from ingest import command, tables, warehouse
from pbx_core.clock import Clock
from pbx_core.settings import Settings
from pbx_core.store import engine


def ingest_once(settings: Settings, clock: Clock) -> command.Progress:
    """Load everything that the journals and the operational database hold, in this process."""
    db = engine.connect(settings)
    try:
        with warehouse.exclusive(settings, clock):
            loop = command.Loop(settings, clock, db)
            command.load_all(loop)
            return loop.progress
    finally:
        db.dispose()


def query(settings: Settings, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
    """Rows of any query; tables are lk.main.<name>."""
    con = warehouse.open_reader(settings)
    try:
        return con.execute(sql, parameters).fetchall()
    finally:
        con.close()


def content(settings: Settings) -> dict[str, tuple[int, str]]:
    """Per table of facts: number of rows and a hash over all of them in order; equal content, equal answer."""
    con = warehouse.open_reader(settings)
    try:
        out = {}
        for table in tables.FACTS:
            rows = sorted(repr(r) for r in con.table(f"lk.main.{table.name}").fetchall())
            out[table.name] = (len(rows), hashlib.sha256("\n".join(rows).encode()).hexdigest())
        return out
    finally:
        con.close()
