"""What runs now, as the workers write it: calls and conference rooms; park slots, which no two calls ever share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from pbx_core.clock import Clock
from pbx_core.store.schema import live_call, live_room
from pbx_core.store.upsert import insert


@dataclass(frozen=True)
class CallRow:
    """A call as others see it. state: dialing, ringing, talking, parked, waiting, menu, conference …"""

    tenant_id: str
    call_id: str
    state: str
    extensions: tuple[str, ...] = ()
    slot: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RoomRow:
    """A room with people in it. since: epoch seconds."""

    tenant_id: str
    room: str
    people: int
    since: float


def workers(db: sa.Engine) -> set[str]:
    """Those that have rows here."""
    with db.connect() as connection:
        found = [connection.execute(sa.select(t.c.worker).distinct()).scalars() for t in (live_call, live_room)]
        return {worker for names in found for worker in names}


def clear(db: sa.Engine, worker: str) -> None:
    """Forget all that a worker had: it starts, or is dead."""
    with db.begin() as connection:
        connection.execute(sa.delete(live_call).where(live_call.c.worker == worker))
        connection.execute(sa.delete(live_room).where(live_room.c.worker == worker))


def write(
    db: sa.Engine,
    clock: Clock,
    worker: str,
    changed: Sequence[CallRow],
    gone: Sequence[tuple[str, str]],
    rooms: Sequence[RoomRow],
) -> None:
    """Write changed calls, remove ended ones (tenant_id, call_id), and put all rooms of the worker as they are."""
    at = clock.now().timestamp()
    with db.begin() as connection:
        for tenant_id, call_id in gone:
            connection.execute(
                sa.delete(live_call).where(live_call.c.tenant_id == tenant_id, live_call.c.call_id == call_id)
            )
        for row in changed:
            _upsert(connection, row, worker, at)
        connection.execute(sa.delete(live_room).where(live_room.c.worker == worker))
        for room in rooms:
            values = {
                "tenant_id": room.tenant_id,
                "room": room.room,
                "worker": worker,
                "people": room.people,
                "since": room.since,
            }
            statement = insert(live_room).values(values)
            keys = ["tenant_id", "room"]
            connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=values))


def park(db: sa.Engine, clock: Clock, worker: str, row: CallRow, slots: Sequence[str]) -> str:
    """Take the first free slot for a call; "" when all are taken. Its row is written first: that makes every other
    worker wait until the slot is taken as well."""
    at = clock.now().timestamp()
    with db.begin() as connection:
        _upsert(connection, row, worker, at)
        statement = sa.select(live_call.c.slot).where(live_call.c.tenant_id == row.tenant_id, live_call.c.slot != "")
        taken = set(connection.execute(statement).scalars())
        free = next((slot for slot in slots if slot not in taken), "")
        mine = sa.and_(live_call.c.tenant_id == row.tenant_id, live_call.c.call_id == row.call_id)
        connection.execute(sa.update(live_call).where(mine).values(slot=free))
        return free


def _upsert(connection: sa.Connection, row: CallRow, worker: str, at: float) -> None:
    values = {
        "tenant_id": row.tenant_id,
        "call_id": row.call_id,
        "worker": worker,
        "state": row.state[:16],
        "extensions": json.dumps(list(row.extensions)),
        "slot": row.slot,
        "detail": json.dumps(row.detail),
        "changed_at": at,
    }
    keys = ["tenant_id", "call_id"]
    connection.execute(insert(live_call).values(values).on_conflict_do_update(index_elements=keys, set_=values))
