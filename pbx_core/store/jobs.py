"""The job table: work with leases, so that an interrupted job is taken up by the next process.

Who goes first: the higher priority; within it the tenants in turn, one job each, whoever was served longest ago first;
within a tenant the oldest. So a person who waits is served before everybody else, today's calls before imported ones,
and ten thousand jobs of one tenant delay another's job by one. What people do to jobs stands in jobcontrol.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import psutil
import sqlalchemy as sa

from pbx_core.clock import Clock
from pbx_core.store.schema import job, job_turn
from pbx_core.store.upsert import insert

TRIES_MAX = 4  # then the job is put aside as failed with its reason
LEASED_AT_ONCE_MAX = 32  # by one process
URGENT, FRESH, BACKLOG = 100, 0, -100  # priorities: somebody waits for it; a call that just ended; imported
EVERY_TENANT = ""  # in job_turn, for a pause of all


@dataclass(frozen=True)
class Job:
    """A job; tries counts this one too once it is leased."""

    kind: str
    job_id: str
    tenant_id: str
    payload: dict[str, Any]
    tries: int
    priority: int = FRESH


def enqueue(
    engine: sa.Engine,
    clock: Clock,
    kind: str,
    job_id: str,
    tenant_id: str,
    payload: dict[str, Any],
    priority: int = FRESH,
) -> None:
    """Add a job; nothing happens when (kind, job_id) exists already."""
    values = {
        "kind": kind,
        "job_id": job_id,
        "tenant_id": tenant_id,
        "payload": json.dumps(payload),
        "state": "ready",
        "priority": priority,
        "created_at": clock.now().timestamp(),
    }
    with engine.begin() as connection:
        connection.execute(insert(job).values(values).on_conflict_do_nothing())


def lease(engine: sa.Engine, clock: Clock, kind: str, owner: str, lease_s: float) -> Job | None:
    """Take the next job; None when there is none."""
    return next(iter(lease_some(engine, clock, kind, owner, lease_s, lambda taken, _: not taken)), None)


Fits = Callable[[Sequence[Job], Job], bool]  # what is taken already, and the next one


def lease_some(
    engine: sa.Engine, clock: Clock, kind: str, owner: str, lease_s: float, fits: Fits, sharers: int = 1
) -> list[Job]:
    """Take the next jobs as long as they fit, but leave as many for each of the other sharers: ready ones, and those
    whose owner's lease ran out. A job tried TRIES_MAX times without an end is put aside as failed."""
    now = clock.now().timestamp()
    taken: list[Job] = []
    with engine.begin() as connection:
        connection.execute(  # writes first: what is read below holds until the end of the transaction
            sa.update(job)
            .where(job.c.kind == kind, _free(now), job.c.tries >= TRIES_MAX)
            .values(state="failed", finished_at=now, reason=sa.func.coalesce(job.c.reason, "interrupted too often"))
        )
        rows = connection.execute(_queue(kind, now).limit(LEASED_AT_ONCE_MAX)).all()
        for row in rows[: -(-len(rows) // sharers)]:
            one = Job(kind, row.job_id, row.tenant_id, json.loads(row.payload), row.tries + 1, row.priority)
            if not fits(taken, one):
                break
            connection.execute(
                sa.update(job)
                .where(job.c.kind == kind, job.c.job_id == one.job_id)
                .values(state="leased", leased_by=owner, leased_until=now + lease_s, tries=one.tries)
            )
            taken.append(one)
        _count_turns(connection, kind, [one.tenant_id for one in taken])
    return taken


def _free(now: float) -> sa.ColumnElement[bool]:
    """Whether a job could be begun. Both states are named once more for the index: most jobs are done."""
    return sa.and_(
        job.c.state.in_(("ready", "leased")),
        sa.or_(
            sa.and_(job.c.state == "ready", job.c.not_before <= now),
            sa.and_(job.c.state == "leased", job.c.leased_until < now),
        ),
    )


def _queue(kind: str, now: float) -> sa.Select[Any]:
    """The jobs that could be begun, in the order in which they will be; not those of paused tenants."""
    mine = sa.and_(job_turn.c.kind == job.c.kind, job_turn.c.tenant_id == job.c.tenant_id)
    stopped = sa.exists().where(
        job_turn.c.kind == kind, job_turn.c.tenant_id == EVERY_TENANT, job_turn.c.paused_at.is_not(None)
    )
    within = sa.func.row_number().over(
        partition_by=(job.c.priority, job.c.tenant_id), order_by=(job.c.created_at, job.c.job_id)
    )
    return (
        sa.select(job.c.job_id, job.c.tenant_id, job.c.payload, job.c.tries, job.c.priority)
        .join_from(job, job_turn, mine, isouter=True)
        .where(job.c.kind == kind, _free(now), job_turn.c.paused_at.is_(None), ~stopped.correlate(None))
        .order_by(job.c.priority.desc(), within, sa.func.coalesce(job_turn.c.turn, 0), job.c.created_at, job.c.job_id)
    )


def _count_turns(connection: sa.Connection, kind: str, tenant_ids: Sequence[str]) -> None:
    """Write down who was served, in that order."""
    last = connection.scalar(sa.select(sa.func.max(job_turn.c.turn)).where(job_turn.c.kind == kind)) or 0
    for turn, tenant_id in enumerate(tenant_ids, last + 1):
        statement = insert(job_turn).values(kind=kind, tenant_id=tenant_id, turn=turn)
        connection.execute(statement.on_conflict_do_update(index_elements=["kind", "tenant_id"], set_={"turn": turn}))


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
    """Mark as done (or, with a reason, as failed for good), unless it was cancelled meanwhile."""
    with engine.begin() as connection:
        connection.execute(
            sa.update(job)
            .where(job.c.kind == taken.kind, job.c.job_id == taken.job_id, job.c.state == "leased")
            .values(
                state="failed" if reason else "done",
                reason=reason,
                finished_at=clock.now().timestamp(),
                leased_by=None,
                leased_until=None,
            )
        )


def retry_later(engine: sa.Engine, clock: Clock, taken: Job, reason: str) -> None:
    """Put back after a fault that may pass, unless it was cancelled meanwhile: 5 s, then 20, then 80."""
    delay_s = _delay_s(taken.tries)
    with engine.begin() as connection:
        connection.execute(
            sa.update(job)
            .where(job.c.kind == taken.kind, job.c.job_id == taken.job_id, job.c.state == "leased")
            .values(state="ready", reason=reason, not_before=clock.now().timestamp() + delay_s, leased_by=None)
        )


def _delay_s(tries: int) -> float:
    return 5.0 * 4.0 ** (tries - 1)


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


def release_dead(engine: sa.Engine, clock: Clock, kind: str, name: str) -> int:
    """Put back what earlier processes of this name (owner `<name>/<pid>`) held when they died, so that it is taken up
    at once and not only when the lease runs out; the tries count, and what was interrupted before waits, because it
    may be what killed them. Call at start, before the first lease: a lease of one's own pid is then a dead one's too.
    Returns how many."""
    now = clock.now().timestamp()
    with engine.begin() as connection:
        rows = connection.execute(
            sa.select(job.c.job_id, job.c.leased_by, job.c.tries).where(
                job.c.kind == kind, job.c.state == "leased", job.c.leased_by.startswith(f"{name}/", autoescape=True)
            )
        ).all()
        dead = [r for r in rows if _pid_of(r.leased_by) == os.getpid() or not _runs(r.leased_by)]
        for row in dead:
            wait_until = now + _delay_s(row.tries - 1) if row.tries > 1 else 0.0
            connection.execute(
                sa.update(job)
                .where(job.c.kind == kind, job.c.job_id == row.job_id, job.c.state == "leased")
                .values(state="ready", leased_by=None, leased_until=None, not_before=wait_until)
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
    """How a job stands. position: 1 is the next to be taken up; None unless it waits. paused: it waits for a person."""

    state: str  # ready, leased, done, failed, cancelled
    position: int | None
    tries: int
    reason: str | None
    priority: int = FRESH
    paused: bool = False


def look(engine: sa.Engine, clock: Clock, kind: str, job_id: str) -> JobView | None:
    """How a job stands, None when there is none. The position counts the jobs of all tenants that go before it as
    things stand now."""
    columns = (job.c.tenant_id, job.c.state, job.c.tries, job.c.reason, job.c.priority, job.c.not_before)
    with engine.connect() as connection:
        row = connection.execute(sa.select(*columns).where(job.c.kind == kind, job.c.job_id == job_id)).one_or_none()
        if row is None:
            return None
        position, stopped = None, False
        if row.state == "ready":
            stopped = _paused(connection, kind, row.tenant_id)
            order = _queue(kind, max(clock.now().timestamp(), row.not_before)).subquery()
            ids = connection.execute(sa.select(order.c.job_id)).scalars().all() if not stopped else []
            position = ids.index(job_id) + 1 if job_id in ids else None
    return JobView(row.state, position, row.tries, row.reason, row.priority, stopped)


def _paused(connection: sa.Connection, kind: str, tenant_id: str) -> bool:
    statement = sa.select(sa.func.count()).where(
        job_turn.c.kind == kind,
        job_turn.c.tenant_id.in_((tenant_id, EVERY_TENANT)),
        job_turn.c.paused_at.is_not(None),
    )
    return bool(connection.scalar(statement))


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
