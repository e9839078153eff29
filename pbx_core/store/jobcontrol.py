"""What people do to jobs: look at them, let one go first, pause, cancel, try again; and which calls nobody shall read.

A pause lets run what runs and begins nothing more. Cancelling takes a running job from its process, which notices at
its next renewal of the lease.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from pbx_core.clock import Clock
from pbx_core.store.jobs import EVERY_TENANT, URGENT
from pbx_core.store.schema import job, job_turn, kept_recording, untranscribed_call
from pbx_core.store.upsert import insert

STATES = ("ready", "leased", "done", "failed", "cancelled")


@dataclass(frozen=True)
class Listed:
    """A job as a list shows it."""

    job_id: str
    tenant_id: str
    state: str
    priority: int
    tries: int
    reason: str | None
    created_at: datetime
    leased_by: str | None


def listed(
    engine: sa.Engine, kind: str, tenant_id: str | None = None, states: Collection[str] = STATES, limit: int = 50
) -> list[Listed]:
    """The newest jobs in these states; of one tenant or of all."""
    columns = (job.c[name] for name in Listed.__dataclass_fields__)
    statement = sa.select(*columns).where(job.c.kind == kind, job.c.state.in_(list(states)))
    if tenant_id is not None:
        statement = statement.where(job.c.tenant_id == tenant_id)
    with engine.connect() as connection:
        rows = connection.execute(statement.order_by(job.c.created_at.desc()).limit(limit)).all()
    return [Listed(**{**row._mapping, "created_at": datetime.fromtimestamp(row.created_at, UTC)}) for row in rows]


def of_call(engine: sa.Engine, tenant_id: str, call_id: str) -> list[str]:
    """The recordings of a call, whose ids are those of their transcription jobs."""
    statement = sa.select(kept_recording.c.recording_id).where(
        kept_recording.c.tenant_id == tenant_id, kept_recording.c.call_id == call_id
    )
    with engine.connect() as connection:
        return list(connection.execute(statement).scalars())


def done(engine: sa.Engine, kind: str, tenant_id: str, job_ids: Collection[str]) -> list[str]:
    """Which of these jobs are done."""
    statement = sa.select(job.c.job_id).where(_those(kind, tenant_id, ("done",), job_ids))
    with engine.connect() as connection:
        return list(connection.execute(statement).scalars())


def hurry(engine: sa.Engine, kind: str, tenant_id: str | None, job_ids: Collection[str]) -> int:
    """Let waiting jobs go before all that nobody waits for. How many were moved."""
    return _change(
        engine, _those(kind, tenant_id, ("ready",), job_ids) & (job.c.priority < URGENT), {"priority": URGENT}
    )


def cancel(
    engine: sa.Engine, clock: Clock, kind: str, tenant_id: str | None, job_ids: Collection[str] | None, reason: str
) -> int:
    """Give up jobs that wait or run, until somebody wants them again; job_ids None: all of the tenant, or of all
    tenants. How many."""
    values = {
        "state": "cancelled",
        "reason": reason,
        "finished_at": clock.now().timestamp(),
        "leased_by": None,
        "leased_until": None,
    }
    return _change(engine, _those(kind, tenant_id, ("ready", "leased"), job_ids), values)


def retry(
    engine: sa.Engine,
    kind: str,
    tenant_id: str | None,
    job_ids: Collection[str] | None,
    states: Collection[str] = ("failed", "cancelled"),
) -> int:
    """Let jobs in these states be done once more, as if they were new; job_ids None: all. How many."""
    values = {"state": "ready", "tries": 0, "not_before": 0.0, "reason": None, "finished_at": None}
    return _change(engine, _those(kind, tenant_id, states, job_ids), values)


def forget(engine: sa.Engine, kind: str, tenant_id: str, job_ids: Collection[str]) -> None:
    """As if they had never been wanted; who works on one notices at its next renewal."""
    with engine.begin() as connection:
        connection.execute(sa.delete(job).where(_those(kind, tenant_id, STATES, job_ids)))


def _those(
    kind: str, tenant_id: str | None, states: Collection[str], job_ids: Collection[str] | None
) -> sa.ColumnElement[bool]:
    wanted = [job.c.kind == kind, job.c.state.in_(list(states))]
    if tenant_id is not None:
        wanted.append(job.c.tenant_id == tenant_id)
    if job_ids is not None:
        wanted.append(job.c.job_id.in_(list(job_ids)))
    return sa.and_(*wanted)


def _change(engine: sa.Engine, which: sa.ColumnElement[bool], values: dict[str, object]) -> int:
    with engine.begin() as connection:
        return connection.execute(sa.update(job).where(which).values(values)).rowcount


def pause(engine: sa.Engine, clock: Clock, kind: str, tenant_id: str = EVERY_TENANT) -> None:
    """Begin no more jobs of this tenant, or of any."""
    values = {"kind": kind, "tenant_id": tenant_id, "paused_at": clock.now().timestamp()}
    statement = insert(job_turn).values(values)
    with engine.begin() as connection:
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["kind", "tenant_id"], set_={"paused_at": values["paused_at"]}
            )
        )


def resume(engine: sa.Engine, kind: str, tenant_id: str = EVERY_TENANT) -> bool:
    """Begin them again; a pause of all and one of a tenant end each on its own. False: there was no such pause."""
    with engine.begin() as connection:
        done = connection.execute(
            sa.update(job_turn)
            .where(job_turn.c.kind == kind, job_turn.c.tenant_id == tenant_id, job_turn.c.paused_at.is_not(None))
            .values(paused_at=None)
        )
    return done.rowcount == 1


def paused(engine: sa.Engine, kind: str) -> dict[str, datetime]:
    """Which tenants are paused since when; EVERY_TENANT: all of them."""
    statement = sa.select(job_turn.c.tenant_id, job_turn.c.paused_at).where(
        job_turn.c.kind == kind, job_turn.c.paused_at.is_not(None)
    )
    with engine.connect() as connection:
        return {row.tenant_id: datetime.fromtimestamp(row.paused_at, UTC) for row in connection.execute(statement)}


def forbid(engine: sa.Engine, clock: Clock, tenant_id: str, call_id: str, by: str) -> bool:
    """Nobody shall read this call, which may still run: no words are taken from it from now on. False: so it was."""
    values = {"tenant_id": tenant_id, "call_id": call_id, "by": by, "at": clock.now().timestamp()}
    with engine.begin() as connection:
        return connection.execute(insert(untranscribed_call).values(values).on_conflict_do_nothing()).rowcount == 1


def allow(engine: sa.Engine, tenant_id: str, call_id: str) -> bool:
    """Take that back. False: it was allowed."""
    with engine.begin() as connection:
        return connection.execute(sa.delete(untranscribed_call).where(*_call(tenant_id, call_id))).rowcount == 1


def forbidden(engine: sa.Engine, tenant_id: str, call_id: str) -> bool:
    """Whether somebody wished that nobody reads this call."""
    statement = sa.select(sa.func.count()).select_from(untranscribed_call).where(*_call(tenant_id, call_id))
    with engine.connect() as connection:
        return bool(connection.scalar(statement))


def _call(tenant_id: str, call_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (untranscribed_call.c.tenant_id == tenant_id, untranscribed_call.c.call_id == call_id)
