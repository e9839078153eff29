"""Gathers what the dialplan needs to know of a tenant now, in one short read transaction."""

from __future__ import annotations

import json
from datetime import datetime

import sqlalchemy as sa

from pbx_core.clock import Clock
from pbx_core.domain.facts import Facts
from pbx_core.domain.model import Neighbour
from pbx_core.store import campaigns, usersettings
from pbx_core.store.schema import agent, binding, live_call, live_room, tenant, voicemail_message

NEIGHBOURS_MAX = 1000  # calls of one tenant that are looked through for pickup, parking, supervision
MESSAGES_MAX = 2000  # kept messages of one tenant's mailboxes, the oldest first


def gather(
    engine: sa.Engine,
    clock: Clock,
    tenant_id: str,
    *,
    home: str = "",
    at: datetime | None = None,
) -> Facts:
    """The facts of now; `at` for another moment's hours. home: the tenant's domain."""
    now = clock.now()
    with engine.connect() as connection:
        return Facts(
            at=at or now,
            home=home,
            registered=_registered(connection, tenant_id, now.timestamp()),
            users=usersettings.read(connection, tenant_id),
            agents=_agents(connection, tenant_id),
            neighbours=_neighbours(connection, tenant_id),
            rooms=_rooms(connection, tenant_id),
            messages=_messages(connection, tenant_id),
            informs=campaigns.informs(connection, tenant_id, now.timestamp()),
            recorded_bytes=connection.scalar(sa.select(tenant.c.recorded_bytes).where(tenant.c.tenant_id == tenant_id))
            or 0,
            seed=int(clock.new_id()[-8:], 16),
        )


def _registered(connection: sa.Connection, tenant_id: str, now: float) -> frozenset[str]:
    where = (binding.c.tenant_id == tenant_id, binding.c.expires_at > now)
    return frozenset(connection.scalars(sa.select(binding.c.number).where(*where).distinct()))


def _agents(connection: sa.Connection, tenant_id: str) -> dict[str, frozenset[str]]:
    where = (agent.c.tenant_id == tenant_id, agent.c.logged_in_at.is_not(None))
    out: dict[str, set[str]] = {}
    for row in connection.execute(sa.select(agent.c.queue, agent.c.number).where(*where)):
        out.setdefault(row.queue, set()).add(row.number)
    return {queue: frozenset(numbers) for queue, numbers in out.items()}


def _neighbours(connection: sa.Connection, tenant_id: str) -> tuple[Neighbour, ...]:
    statement = sa.select(live_call).where(live_call.c.tenant_id == tenant_id).order_by(live_call.c.call_id)
    rows = connection.execute(statement.limit(NEIGHBOURS_MAX))
    return tuple(Neighbour(r.call_id, r.worker, r.state, tuple(json.loads(r.extensions)), r.slot) for r in rows)


def _rooms(connection: sa.Connection, tenant_id: str) -> dict[str, str]:
    rows = connection.execute(sa.select(live_room.c.room, live_room.c.worker).where(live_room.c.tenant_id == tenant_id))
    return {row.room: row.worker for row in rows}


def _messages(connection: sa.Connection, tenant_id: str) -> dict[str, tuple[str, ...]]:
    m = voicemail_message.c
    statement = sa.select(m.mailbox, m.message_id).where(m.tenant_id == tenant_id, m.deleted_at.is_(None))
    out: dict[str, list[str]] = {}
    for row in connection.execute(statement.order_by(m.left_at, m.message_id).limit(MESSAGES_MAX)):
        out.setdefault(row.mailbox, []).append(row.message_id)
    return {mailbox: tuple(ids) for mailbox, ids in out.items()}
