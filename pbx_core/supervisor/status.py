"""What runs, since when, with how many phones and calls: gathered for `callbench status`."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pbx_core.clock import Clock
from pbx_core.media import spool
from pbx_core.settings import Settings
from pbx_core.store import jobs, services
from pbx_core.store.schema import binding, tenant


@dataclass(frozen=True)
class ProcessStatus:
    """One process as the board shows it."""

    name: str
    pid: int
    alive: bool
    up_s: float
    detail: dict[str, Any]


@dataclass(frozen=True)
class SystemStatus:
    """The whole system. `phones`: registered contacts by tenant domain. `calls`: under way now."""

    processes: tuple[ProcessStatus, ...]
    phones: dict[str, int]
    calls: int
    capacity_calls: int
    recordings_waiting: int
    jobs: dict[str, int]
    disk_free_share: float

    @property
    def running(self) -> bool:
        return any(p.alive and p.name == "supervisor" for p in self.processes)


def gather(settings: Settings, db: sa.Engine, clock: Clock) -> SystemStatus:
    """Read the board, the bindings, the spool and the job table."""
    now = clock.now().timestamp()
    rows = [ProcessStatus(s.name, s.pid, s.alive(now), now - s.started_at, s.detail) for s in services.all_services(db)]
    workers = [p for p in rows if p.alive and p.name.startswith("worker-")]
    disk = shutil.disk_usage(settings.data)
    return SystemStatus(
        tuple(rows),
        _phones(db, now),
        sum(int(p.detail.get("calls", 0)) for p in workers),
        sum(int(p.detail.get("capacity_calls", 0)) for p in workers),
        sum(1 for _ in spool.ready(settings.spool_dir)),
        jobs.counts(db, "transcribe"),
        disk.free / disk.total,
    )


def _phones(db: sa.Engine, now: float) -> dict[str, int]:
    statement = (
        sa.select(tenant.c.domain, sa.func.count(binding.c.contact))
        .select_from(
            tenant.outerjoin(binding, sa.and_(binding.c.tenant_id == tenant.c.tenant_id, binding.c.expires_at > now))
        )
        .group_by(tenant.c.domain)
        .order_by(tenant.c.domain)
    )
    with db.connect() as connection:
        return {row[0]: row[1] for row in connection.execute(statement)}
