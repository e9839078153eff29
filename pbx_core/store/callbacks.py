"""Callers who are called back instead of waiting: whose turn it is, and what became of the call.

An entry keeps its place in the line without a call. When its turn comes it is claimed under the id of the call that is
about to be made, and an agent is kept free; when the customer answers and joins the queue, `Acd.join` finds the entry
by that id and gives him his old place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from pbx_core.clock import Clock
from pbx_core.domain import acd
from pbx_core.domain.model import Model
from pbx_core.domain.records import QueueEvent
from pbx_core.store import line
from pbx_core.store.acd import Tell, write
from pbx_core.store.schema import queue_call

CALLING_S = 90.0  # a call that has neither joined nor failed by then has failed
AGAIN_S = 120.0  # between two tries
TRIES_MAX = 3
KEPT_S = 4 * 3600.0  # who asked so long ago is not called any more: it may be night by now


@dataclass(frozen=True)
class Callback:
    """A call to make. call_id: of the call; from_call: in which the customer asked for it."""

    tenant_id: str
    queue: str
    call_id: str
    number: str
    from_call: str


ModelOf = Callable[[str], Model]


def due(db: sa.Engine, model_of: ModelOf, now: float) -> list[tuple[str, str, str]]:
    """(tenant_id, queue, entry_id) of those whose turn it is; those that nobody can serve any more are among them."""
    where = queue_call.c.state.in_(("callback", "calling"))
    with db.connect() as connection:
        queues = sorted(
            {
                (r.tenant_id, r.queue)
                for r in connection.execute(sa.select(queue_call.c.tenant_id, queue_call.c.queue).where(where))
            }
        )
        found: list[tuple[str, str, str]] = []
        for tenant_id, queue_id in queues:
            rows = connection.execute(
                sa.select(queue_call).where(queue_call.c.tenant_id == tenant_id, queue_call.c.queue == queue_id, where)
            ).all()
            turn = _turn(connection, tenant_id, model_of(tenant_id), queue_id, now)
            found += [
                (tenant_id, queue_id, r.entry_id)
                for r in rows
                if (turn and r.entry_id in turn) or _hopeless(r, turn, now)
            ]
    return found


def claim(
    db: sa.Engine, clock: Clock, model_of: ModelOf, tell: Tell, due_: tuple[str, str, str], call_id: str
) -> Callback | None:
    """Take the entry for a call with this id; None when it is somebody else's turn by now, or it was given up."""
    tenant_id, queue_id, entry_id = due_
    with write(db) as connection:
        now = clock.now().timestamp()
        here = queue_call.c.tenant_id == tenant_id, queue_call.c.entry_id == entry_id
        row = connection.execute(sa.select(queue_call).where(*here)).one_or_none()
        if row is None:
            return None
        turn = _turn(connection, tenant_id, model_of(tenant_id), queue_id, now)
        if reason := _hopeless(row, turn, now):
            connection.execute(sa.delete(queue_call).where(*here))
            tell(_event(clock, tenant_id, queue_id, "callback_failed", reason, row.from_call))
            return None
        if turn is None or entry_id not in turn:
            return None
        values = {"entry_id": call_id, "state": "calling", "lease_until": now + CALLING_S, "tries": row.tries + 1}
        connection.execute(sa.update(queue_call).where(*here).values(**values, not_before=now + CALLING_S + AGAIN_S))
        tell(_event(clock, tenant_id, queue_id, "callback_due", row.from_call, call_id))
    return Callback(tenant_id, queue_id, call_id, row.number, row.from_call)


def ended(db: sa.Engine, clock: Clock, tell: Tell, tenant_id: str, call_id: str, reason: str) -> None:
    """The call is over without the customer's having joined the queue (if he has, nothing happens): it is tried again
    later, or given up."""
    now = clock.now().timestamp()
    with write(db) as connection:
        here = queue_call.c.tenant_id == tenant_id, queue_call.c.entry_id == call_id, queue_call.c.state == "calling"
        row = connection.execute(sa.select(queue_call).where(*here)).one_or_none()
        if row is None:
            return
        if row.tries >= TRIES_MAX:
            connection.execute(sa.delete(queue_call).where(*here))
        else:
            again = {"state": "callback", "lease_until": 0.0, "not_before": now + AGAIN_S}
            connection.execute(sa.update(queue_call).where(*here).values(again))
        tell(_event(clock, tenant_id, row.queue, "callback_failed", reason, call_id))


def withdraw(db: sa.Engine, taken: Callback, now: float, delay_s: float) -> None:
    """The claim certainly did not come to a call: it does not count."""
    here = queue_call.c.tenant_id == taken.tenant_id, queue_call.c.entry_id == taken.call_id
    with write(db) as connection:
        connection.execute(
            sa.update(queue_call)
            .where(*here, queue_call.c.state == "calling")
            .values(state="callback", lease_until=0.0, not_before=now + delay_s, tries=queue_call.c.tries - 1)
        )


def calling(db: sa.Engine) -> list[tuple[str, str]]:
    """(tenant_id, call_id) of the calls that are being made."""
    with db.connect() as connection:
        rows = connection.execute(
            sa.select(queue_call.c.tenant_id, queue_call.c.entry_id).where(queue_call.c.state == "calling")
        )
        return [(r.tenant_id, r.entry_id) for r in rows]


def _turn(connection: sa.Connection, tenant_id: str, model: Model, queue_id: str, now: float) -> frozenset[str] | None:
    """The entries whose turn it is; None when there is no such queue any more."""
    queue = line.queue_of(model, queue_id)
    if queue is None:
        return None
    seen = line.snapshot(connection, tenant_id, model, queue, now)
    waiting = {e.entry_id for e in seen.line if e.state is acd.EntryState.CALLBACK}
    offers = acd.decide(queue, seen.line, seen.agents, now).offers
    return frozenset(o.entry_id for o in offers if o.entry_id in waiting)


def _hopeless(row: sa.Row[tuple[object, ...]], turn: frozenset[str] | None, now: float) -> str:
    """Why the customer will not be called any more; "" he may be. A call under way is waited for."""
    if row.state == "calling" and row.lease_until >= now:
        return ""
    if turn is None:
        return "the queue is gone"
    if row.tries >= TRIES_MAX:
        return "not reached"
    return "too late" if now - row.joined_at > KEPT_S else ""


def _event(clock: Clock, tenant_id: str, queue: str, type_: str, reason: str, call_id: str) -> QueueEvent:
    return QueueEvent(clock.new_id(), tenant_id, clock.now(), queue, "", type_, reason, call_id)
