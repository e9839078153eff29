"""A queue as it stands in the database: its line and its agents, read into what domain.acd decides from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pbx_core.domain import acd
from pbx_core.domain.acd import Agent, Entry, EntryState
from pbx_core.domain.model import Model, QueueModel
from pbx_core.store import usersettings
from pbx_core.store.schema import agent, binding, live_call, queue_call


@dataclass(frozen=True)
class Snapshot:
    """One queue at one moment. Offers and call-backs whose time has run out count as not made."""

    queue: QueueModel
    line: tuple[Entry, ...]
    agents: tuple[Agent, ...]


def queue_of(model: Model, queue_id: str) -> QueueModel | None:
    """The queue of that name."""
    return next((q for q in model.queues if q.id == queue_id), None)


def snapshot(connection: sa.Connection, tenant_id: str, model: Model, queue: QueueModel, now: float) -> Snapshot:
    """Read one queue of a tenant."""
    return Snapshot(queue, _line(connection, tenant_id, queue, now), _agents(connection, tenant_id, model, queue, now))


def _line(connection: sa.Connection, tenant_id: str, queue: QueueModel, now: float) -> tuple[Entry, ...]:
    rows = connection.execute(
        sa.select(queue_call)
        .where(queue_call.c.tenant_id == tenant_id, queue_call.c.queue == queue.id)
        .order_by(queue_call.c.joined_at, queue_call.c.entry_id)
    )
    return tuple(as_entry(row, now) for row in rows)


def as_entry(row: sa.Row[Any], now: float) -> Entry:
    """A row of queue_call as it counts now."""
    state = EntryState(row.state)
    if row.lease_until < now:
        state = {EntryState.OFFERED: EntryState.WAITING, EntryState.CALLING: EntryState.CALLBACK}.get(state, state)
    return Entry(row.entry_id, row.number, row.joined_at, state, row.worker, row.not_before, row.lease_until)


def _agents(
    connection: sa.Connection, tenant_id: str, model: Model, queue: QueueModel, now: float
) -> tuple[Agent, ...]:
    numbers = [m.number for m in queue.members]
    rows = connection.execute(sa.select(agent).where(agent.c.tenant_id == tenant_id, agent.c.number.in_(numbers))).all()
    registered = set(
        connection.execute(
            sa.select(binding.c.number).where(binding.c.tenant_id == tenant_id, binding.c.expires_at > now)
        ).scalars()
    )
    calls = connection.execute(sa.select(live_call.c.extensions).where(live_call.c.tenant_id == tenant_id)).scalars()
    busy = {number for extensions in calls for number in json.loads(extensions)}
    users = usersettings.read(connection, tenant_id)
    queues = {q.id: q for q in model.queues}
    found: list[Agent] = []
    for member in queue.members:
        his = [r for r in rows if r.number == member.number]
        here = next((r for r in his if r.queue == queue.id), None)
        found.append(
            Agent(
                number=member.number,
                tier=member.tier,
                logged_in=member.always or (here is not None and here.logged_in_at is not None),
                pause_reason=here.pause_reason if here else None,
                registered=member.number in registered,
                dnd=member.number in users and users[member.number].dnd,
                ringing=any(_rings(r, queues.get(r.queue, queue), now) for r in his),
                talking=any(r.entry_id is not None for r in his),
                busy=member.number in busy,
                wrap_up_until=max(
                    (acd.plausible_wrap_up(r.wrap_up_until, queues.get(r.queue, queue), now) for r in his), default=0.0
                ),
                idle_since=max((r.idle_since for r in his), default=0.0),
                offered_at=(here.offered_at or 0.0) if here else 0.0,
                calls=here.calls if here else 0,
                talk_s=here.talk_s if here else 0.0,
            )
        )
    return tuple(found)


def _rings(row: sa.Row[Any], queue: QueueModel, now: float) -> bool:
    return row.offer_id is not None and not acd.offer_is_over(row.offered_at or 0.0, queue, now)
