"""What runs, since when, with which calls, queues, trunks and phones: gathered for `callbench status`."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pbx_core.clock import Clock
from pbx_core.media import spool
from pbx_core.settings import Settings
from pbx_core.store import jobcontrol, jobs, live, services


@dataclass(frozen=True)
class ProcessStatus:
    """One process as the board shows it."""

    name: str
    pid: int
    alive: bool
    up_s: float
    detail: dict[str, Any]


@dataclass(frozen=True)
class OfficeStatus:
    """A tenant. phones: every extension with its phones, signed in or not."""

    tenant: str
    phones: tuple[live.Phone, ...]
    calls: tuple[live.Call, ...]
    queues: tuple[live.Queue, ...]
    trunks: tuple[live.Trunk, ...]

    @property
    def signed_in(self) -> int:
        """How many phones are signed in."""
        return sum(p.registered for p in self.phones)

    @property
    def extensions(self) -> int:
        """How many extensions there are."""
        return len({p.number for p in self.phones})

    @property
    def waiting(self) -> int:
        """Callers in its queues."""
        return sum(q.waiting for q in self.queues)

    @property
    def trunks_up(self) -> int:
        """Trunks to which calls are sent."""
        return sum(t.up for t in self.trunks)


@dataclass(frozen=True)
class SystemStatus:
    """The whole system. `phones`: registered contacts by tenant domain. `calls`: under way now. `offices`: every
    tenant by domain, or the one asked for. `paused`: whose transcription is paused, domains; "*" everybody's. `at`: UTC
    epoch seconds."""

    at: float
    processes: tuple[ProcessStatus, ...]
    phones: dict[str, int]
    calls: int
    capacity_calls: int
    recordings_waiting: int
    jobs: dict[str, int]
    paused: tuple[str, ...]
    disk_free_share: float
    offices: tuple[OfficeStatus, ...]

    @property
    def running(self) -> bool:
        """Whether the supervisor lives."""
        return any(p.alive and p.name == "supervisor" for p in self.processes)


def gather(settings: Settings, db: sa.Engine, clock: Clock, tenant_id: str | None = None) -> SystemStatus:
    """Read the board, what is live, the spool and the job table; tenant_id: of which office alone."""
    now = clock.now().timestamp()
    rows = [ProcessStatus(s.name, s.pid, s.alive(now), now - s.started_at, s.detail) for s in services.all_services(db)]
    workers = [p for p in rows if p.alive and p.name.startswith("worker-")]
    disk = shutil.disk_usage(settings.data)
    offices = _offices(db, tenant_id, now)
    return SystemStatus(
        now,
        tuple(rows),
        {o.tenant: o.signed_in for o in offices},
        sum(int(p.detail.get("calls", 0)) for p in workers),
        sum(int(p.detail.get("capacity_calls", 0)) for p in workers),
        sum(1 for _ in spool.ready(settings.spool_dir)),
        jobs.counts(db, "transcribe"),
        _paused(db),
        disk.free / disk.total,
        offices,
    )


def _paused(db: sa.Engine) -> tuple[str, ...]:
    domains = {**live.domains(db), jobs.EVERY_TENANT: "*"}
    return tuple(sorted(domains.get(tenant_id, tenant_id) for tenant_id in jobcontrol.paused(db, "transcribe")))


def _offices(db: sa.Engine, tenant_id: str | None, now: float) -> tuple[OfficeStatus, ...]:
    phones, calls = live.phones(db, tenant_id, now), live.calls(db, tenant_id)
    queues, trunks = live.queues(db, tenant_id, now), live.trunks(db, tenant_id, now)
    domains = {t: d for t, d in live.domains(db).items() if tenant_id in (None, t)}
    return tuple(
        OfficeStatus(
            domain,
            tuple(p for p in phones if p.tenant_id == owner),
            tuple(c for c in calls if c.tenant_id == owner),
            tuple(q for q in queues if q.tenant_id == owner),
            tuple(t for t in trunks if t.tenant_id == owner),
        )
        for owner, domain in sorted(domains.items(), key=lambda item: item[1])
    )
