"""The job table: work with leases, so that an interrupted job is taken up by the next process."""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import psutil
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from pbx_core.clock import Clock
from pbx_core.store.schema import job

TRIES_MAX = 4  # then the job is put aside as failed with its reason


@dataclass(frozen=True)
class Job:
    """A leased job."""

    kind: str
    job_id: str
    tenant_id: str
    payload: dict[str, Any]
    tries: int  # this one included


def enqueue(engine: sa.Engine, clock: Clock, kind: str, job_id: str, tenant_id: str, payload: dict[str, Any]) -> None:
    """Add a job; nothing happens when (kind, job_id) exists already."""
    values = {
        "kind": kind,
        "job_id": job_id,
        "tenant_id": tenant_id,
        "payload": json.dumps(payload),
        "state": "ready",
        "created_at": clock.now().timestamp(),
    }
    with engine.begin() as connection:
        connection.execute(insert(job).values(values).on_conflict_do_nothing())


def lease(engine: sa.Engine, clock: Clock, kind: str, owner: str, lease_s: float) -> Job | None:
    """Take the next job: ready, or leased by an owner whose lease ran out. None when there is none. A job that has
    been tried TRIES_MAX times without an end is put aside as failed."""
    now = clock.now().timestamp()
    free = sa.or_(
        sa.and_(job.c.state == "ready", job.c.not_before <= now),
        sa.and_(job.c.state == "leased", job.c.leased_until < now),
    )
    with engine.begin() as connection:
        connection.execute(
            sa.update(job)
            .where(job.c.kind == kind, free, job.c.tries >= TRIES_MAX)
            .values(state="failed", finished_at=now, reason=sa.func.coalesce(job.c.reason, "interrupted too often"))
        )
        picked = (
            sa.select(job.c.job_id)
            .where(job.c.kind == kind, free)
            .order_by(job.c.priority.desc(), job.c.created_at)
            .limit(1)
            .scalar_subquery()
        )
        row = connection.execute(
            sa.update(job)
            .where(job.c.kind == kind, job.c.job_id == picked)
            .values(state="leased", leased_by=owner, leased_until=now + lease_s, tries=job.c.tries + 1)
            .returning(job)
        ).one_or_none()
    if row is None:
        return None
    return Job(row.kind, row.job_id, row.tenant_id, json.loads(row.payload), row.tries)


def renew(engine: sa.Engine, clock: Clock, taken: Job, owner: str, lease_s: float) -> bool:
    """Prolong a lease; False when somebody else has it now, and the work must be dropped."""
    with engine.begin() as connection:
        done = connection.execute(
            sa.update(job)
            .where(job.c.kind == taken.kind, job.c.job_id == taken.job_id)
            .where(job.c.state == "leased", job.c.leased_by == owner)
            .values(leased_until=clock.now().timestamp() + lease_s)
        )
    return done.rowcount == 1


def finish(engine: sa.Engine, clock: Clock, taken: Job, reason: str | None = None) -> None:
    """Mark as done (or, with a reason, as failed for good)."""
    with engine.begin() as connection:
        connection.execute(
            sa.update(job)
            .where(job.c.kind == taken.kind, job.c.job_id == taken.job_id)
            .values(
                state="failed" if reason else "done",
                reason=reason,
                finished_at=clock.now().timestamp(),
                leased_by=None,
                leased_until=None,
            )
        )


def retry_later(engine: sa.Engine, clock: Clock, taken: Job, reason: str) -> None:
    """Put back after a fault that may pass: 5 s, then 20, then 80."""
    delay_s = 5.0 * 4.0 ** (taken.tries - 1)
    with engine.begin() as connection:
        connection.execute(
            sa.update(job)
            .where(job.c.kind == taken.kind, job.c.job_id == taken.job_id)
            .values(state="ready", reason=reason, not_before=clock.now().timestamp() + delay_s, leased_by=None)
        )


def release(engine: sa.Engine, clock: Clock, taken: Job, owner: str, delay_s: float = 0.0) -> None:
    """Put a job back that was not really tried (the process ends, the disk is full): the try does not count. Nothing
    happens when somebody else has it now."""
    with engine.begin() as connection:
        connection.execute(
            sa.update(job)
            .where(job.c.kind == taken.kind, job.c.job_id == taken.job_id)
            .where(job.c.state == "leased", job.c.leased_by == owner)
            .values(
                state="ready",
                tries=job.c.tries - 1,
                not_before=clock.now().timestamp() + delay_s,
                leased_by=None,
                leased_until=None,
            )
        )


def release_dead(engine: sa.Engine, kind: str, name: str) -> int:
    """Put back what earlier processes of this name (owner `<name>/<pid>`) held when they died, so that it is taken up
    at once and not only when the lease runs out; the tries count. Call at start, before the first lease: a lease of
    one's own pid is then a dead one's too. Returns how many."""
    with engine.begin() as connection:
        rows = connection.execute(
            sa.select(job.c.job_id, job.c.leased_by).where(
                job.c.kind == kind, job.c.state == "leased", job.c.leased_by.startswith(f"{name}/", autoescape=True)
            )
        ).all()
        dead = [r.job_id for r in rows if _pid_of(r.leased_by) == os.getpid() or not _runs(r.leased_by)]
        for job_id in dead:
            connection.execute(
                sa.update(job)
                .where(job.c.kind == kind, job.c.job_id == job_id, job.c.state == "leased")
                .values(state="ready", leased_by=None, leased_until=None)
            )
    return len(dead)


def _pid_of(owner: str) -> int:
    pid = owner.rpartition("/")[2]
    return int(pid) if pid.isdigit() else -1


def _runs(owner: str) -> bool:
    pid = _pid_of(owner)
    return pid > 0 and psutil.pid_exists(pid)


@dataclass(frozen=True)
class JobView:
    """How a job stands. position: 1 is the next to be taken up; None unless it waits."""

    state: str  # ready, leased, done, failed
    position: int | None
    tries: int
    reason: str | None


def look(engine: sa.Engine, kind: str, job_id: str) -> JobView | None:
    """How a job stands, None when there is none. The position counts the jobs of all tenants before it."""
    with engine.connect() as connection:
        row = connection.execute(
            sa.select(job.c.state, job.c.tries, job.c.reason, job.c.priority, job.c.created_at).where(
                job.c.kind == kind, job.c.job_id == job_id
            )
        ).one_or_none()
        if row is None:
            return None
        position = None
        if row.state == "ready":
            before = sa.or_(
                job.c.priority > row.priority,
                sa.and_(job.c.priority == row.priority, job.c.created_at < row.created_at),
            )
            ahead = connection.scalar(
                sa.select(sa.func.count()).select_from(job).where(job.c.kind == kind, job.c.state == "ready", before)
            )
            position = 1 + (ahead or 0)
    return JobView(row.state, position, row.tries, row.reason)


def failed(engine: sa.Engine, kind: str, job_ids: Collection[str]) -> frozenset[str]:
    """Which of these jobs were given up. At most a page of ids."""
    if not job_ids:
        return frozenset()
    with engine.connect() as connection:
        return frozenset(
            connection.execute(
                sa.select(job.c.job_id).where(
                    job.c.kind == kind, job.c.state == "failed", job.c.job_id.in_(list(job_ids))
                )
            ).scalars()
        )


def counts(engine: sa.Engine, kind: str) -> dict[str, int]:
    """Number of jobs by state."""
    with engine.connect() as connection:
        rows = connection.execute(
            sa.select(job.c.state, sa.func.count()).where(job.c.kind == kind).group_by(job.c.state)
        ).all()
    return {row[0]: row[1] for row in rows}
