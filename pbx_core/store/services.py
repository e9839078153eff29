"""The board on which every process says that it lives: `callbench status` and the edge read it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

import psutil
import sqlalchemy as sa

from pbx_core.clock import Clock
from pbx_core.store.schema import service
from pbx_core.store.upsert import insert

HEARTBEAT_S = 1.0  # how often a process writes its row
STALE_S = 6.0  # a row older than this belongs to a process that hangs or is gone


@dataclass(frozen=True)
class Service:
    """One running process. `detail` depends on the kind; a worker's: sip_port, capacity_calls, calls."""

    name: str
    pid: int
    started_at: float
    heartbeat_at: float
    detail: dict[str, Any]

    def alive(self, now: float) -> bool:
        """Fresh heartbeat and the process exists (on this machine)."""
        return now - self.heartbeat_at < STALE_S and psutil.pid_exists(self.pid)


def beat(engine: sa.Engine, clock: Clock, name: str, started_at: float, detail: dict[str, Any]) -> None:
    """Write this process's row."""
    row = {
        "name": name,
        "pid": os.getpid(),
        "started_at": started_at,
        "heartbeat_at": clock.now().timestamp(),
        "detail": json.dumps(detail),
    }
    statement = insert(service).values(row).on_conflict_do_update(index_elements=["name"], set_=row)
    with engine.begin() as connection:
        connection.execute(statement)


def gone(engine: sa.Engine, name: str, pid: int) -> None:
    """Remove the row of a process that ended; a successor's row (another pid) stays."""
    with engine.begin() as connection:
        connection.execute(sa.delete(service).where(service.c.name == name, service.c.pid == pid))


def all_services(engine: sa.Engine) -> list[Service]:
    """Every row, by name."""
    with engine.connect() as connection:
        rows = connection.execute(sa.select(service).order_by(service.c.name)).all()
    return [Service(r.name, r.pid, r.started_at, r.heartbeat_at, json.loads(r.detail)) for r in rows]
