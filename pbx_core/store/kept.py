"""Which recordings exist, where they lie, who must not lose them, how much a tenant keeps."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from pbx_core.clock import Clock
from pbx_core.domain.records import RecordingRecord
from pbx_core.errors import InputError
from pbx_core.store.schema import kept_recording as kept
from pbx_core.store.schema import legal_hold as hold
from pbx_core.store.schema import live_call, tenant, voicemail_message
from pbx_core.store.upsert import insert

BATCH_MAX = 200  # recordings dealt with in one round


@dataclass(frozen=True)
class Kept:
    """One recording that exists. path is relative to the recordings directory, started_at epoch seconds."""

    tenant_id: str
    recording_id: str
    call_id: str
    path: str
    bytes: int
    started_at: float
    remote: bool
    local: bool


@dataclass(frozen=True)
class Hold:
    """A call whose recordings nobody and nothing may delete."""

    call_id: str
    reason: str
    by: str
    at: float


def register(engine: sa.Engine, record: RecordingRecord) -> None:
    """A recording has been made; repeating it is harmless."""
    values = {
        "tenant_id": record.tenant_id,
        "recording_id": record.recording_id,
        "call_id": record.call_id,
        "path": record.path,
        "bytes": record.bytes,
        "started_at": record.started_at.timestamp(),
    }
    with engine.begin() as connection:
        done = connection.execute(insert(kept).values(values).on_conflict_do_nothing())
        if done.rowcount == 1:
            _count(connection, record.tenant_id, record.bytes)


def used_bytes(engine: sa.Engine, tenant_id: str) -> int:
    """What a tenant's recordings take, wherever they lie."""
    with engine.connect() as connection:
        return int(connection.scalar(sa.select(tenant.c.recorded_bytes).where(tenant.c.tenant_id == tenant_id)) or 0)


def _count(connection: sa.Connection, tenant_id: str, change: int) -> None:
    """Keep the tenant's sum in step with the rows: it is asked for at every call of a tenant with a quota."""
    connection.execute(
        sa.update(tenant).where(tenant.c.tenant_id == tenant_id).values(recorded_bytes=tenant.c.recorded_bytes + change)
    )


def older_than(engine: sa.Engine, tenant_id: str, before: float) -> list[Kept]:
    """Recordings of a tenant that began before an epoch second and are under no hold, oldest first."""
    held = sa.exists().where(
        hold.c.tenant_id == kept.c.tenant_id, hold.c.call_id == kept.c.call_id, hold.c.released_at.is_(None)
    )
    return _select(engine, kept.c.tenant_id == tenant_id, kept.c.started_at < before, ~held)


def not_remote(engine: sa.Engine) -> list[Kept]:
    """Recordings of all tenants that the object store does not have yet, oldest first."""
    return _select(engine, kept.c.remote.is_(False), kept.c.local.is_(True))


def local_copies(engine: sa.Engine, before: float) -> list[Kept]:
    """Recordings that began before an epoch second and lie both here and in the object store, oldest first; without
    messages that are still in a mailbox: a phone must hear them at once."""
    message = sa.exists().where(
        voicemail_message.c.tenant_id == kept.c.tenant_id,
        voicemail_message.c.message_id == kept.c.recording_id,
        voicemail_message.c.deleted_at.is_(None),
    )
    return _select(engine, kept.c.remote.is_(True), kept.c.local.is_(True), kept.c.started_at < before, ~message)


def _select(engine: sa.Engine, *where: sa.ColumnElement[bool]) -> list[Kept]:
    statement = sa.select(kept).where(kept.c.deleted_at.is_(None), *where).order_by(kept.c.started_at).limit(BATCH_MAX)
    with engine.connect() as connection:
        rows = connection.execute(statement).all()
    return [
        Kept(r.tenant_id, r.recording_id, r.call_id, r.path, r.bytes, r.started_at, r.remote, r.local) for r in rows
    ]


def among(engine: sa.Engine, tenant_id: str, recording_ids: Collection[str]) -> list[Kept]:
    """Those of a tenant's recordings that exist, BATCH_MAX of them at most."""
    return _select(engine, kept.c.tenant_id == tenant_id, kept.c.recording_id.in_(list(recording_ids)))


def forget(engine: sa.Engine, item: Kept) -> None:
    """It was never here: unlike one that is gone, the same recording may come again. Repeating it is harmless."""
    with engine.begin() as connection:
        done = connection.execute(sa.delete(kept).where(_one(item.tenant_id, item.recording_id)))
        if done.rowcount == 1:
            _count(connection, item.tenant_id, -item.bytes)


def gone(engine: sa.Engine, item: Kept, at: float) -> None:
    """The recording does not exist any more; repeating it is harmless."""
    with engine.begin() as connection:
        done = connection.execute(
            sa.update(kept)
            .where(_one(item.tenant_id, item.recording_id))
            .values(deleted_at=at, local=False, remote=False)
        )
        if done.rowcount == 1:
            _count(connection, item.tenant_id, -item.bytes)


def mark(engine: sa.Engine, item: Kept, **values: bool) -> None:
    """Note where a recording lies: remote, local."""
    with engine.begin() as connection:
        connection.execute(
            sa.update(kept)
            .where(kept.c.tenant_id == item.tenant_id, kept.c.recording_id == item.recording_id)
            .values(**values)
        )


def is_remote(engine: sa.Engine, tenant_id: str, recording_id: str) -> bool:
    """Whether the object store has a recording that still exists."""
    with engine.connect() as connection:
        return bool(connection.scalar(sa.select(kept.c.remote).where(_one(tenant_id, recording_id))))


def fetched(engine: sa.Engine, tenant_id: str, recording_id: str) -> None:
    """A copy lies here again; the next round of the keeper may remove it as any other."""
    with engine.begin() as connection:
        connection.execute(sa.update(kept).where(_one(tenant_id, recording_id)).values(local=True))


def _one(tenant_id: str, recording_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(kept.c.tenant_id == tenant_id, kept.c.recording_id == recording_id, kept.c.deleted_at.is_(None))


def add_hold(engine: sa.Engine, clock: Clock, tenant_id: str, call_id: str, reason: str, by: str) -> None:
    """Keep a call's recordings until the hold is released; InputError without a reason. Repeating it is harmless."""
    if not reason.strip():
        raise InputError("A legal hold needs its reason; nothing was changed.", error_id="no_reason")
    values = {"reason": reason, "by": by, "at": clock.now().timestamp(), "released_at": None}
    statement = insert(hold).values(tenant_id=tenant_id, call_id=call_id, **values)
    with engine.begin() as connection:
        connection.execute(statement.on_conflict_do_update(index_elements=["tenant_id", "call_id"], set_=values))


def has_recordings(engine: sa.Engine, tenant_id: str, call_id: str) -> bool:
    """Whether a call has a recording that exists, or is under way and may get one."""
    mine = sa.and_(kept.c.tenant_id == tenant_id, kept.c.call_id == call_id, kept.c.deleted_at.is_(None))
    under_way = sa.and_(live_call.c.tenant_id == tenant_id, live_call.c.call_id == call_id)
    with engine.connect() as connection:
        return any(connection.execute(sa.select(sa.exists().where(where))).scalar() for where in (mine, under_way))


def held(engine: sa.Engine, tenant_id: str) -> frozenset[str]:
    """The calls of a tenant that are under a hold."""
    return frozenset(one.call_id for one in holds(engine, tenant_id))


def release_hold(engine: sa.Engine, clock: Clock, tenant_id: str, call_id: str) -> None:
    """Let retention have the call again; InputError when there is no hold."""
    with engine.begin() as connection:
        done = connection.execute(
            sa.update(hold)
            .where(hold.c.tenant_id == tenant_id, hold.c.call_id == call_id, hold.c.released_at.is_(None))
            .values(released_at=clock.now().timestamp())
        )
    if done.rowcount != 1:
        raise InputError(f"The call {call_id} is under no hold.", error_id="no_hold", status=404)


def holds(engine: sa.Engine, tenant_id: str) -> list[Hold]:
    """A tenant's holds in force, oldest first."""
    statement = sa.select(hold).where(hold.c.tenant_id == tenant_id, hold.c.released_at.is_(None)).order_by(hold.c.at)
    with engine.connect() as connection:
        return [Hold(r.call_id, r.reason, r.by, r.at) for r in connection.execute(statement).all()]
