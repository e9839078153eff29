"""Agents of queues: logging in and out, pausing; each a fact that is told before it is committed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Any

import sqlalchemy as sa

from pbx_core.clock import Clock
from pbx_core.domain.model import Model, QueueModel
from pbx_core.domain.records import QueueEvent
from pbx_core.errors import InputError
from pbx_core.store import line
from pbx_core.store.acd import Tell, change_agent, ensure_agent, write
from pbx_core.store.schema import agent

REASON_CHARACTERS_MAX = 64  # of a pause: what fits a table


def log_in(
    db: sa.Engine, clock: Clock, tell: Tell, tenant_id: str, model: Model, queue: str, number: str
) -> tuple[str, ...]:
    """Take calls of the queue, or with queue "" of every queue that names him; the queues where that is new. Missed
    offers, calls and talk count from now on. InputError when he belongs to none."""
    changed: list[str] = []
    for each in _queues(model, queue, number):
        values = {"pause_reason": None, "paused_at": None, "missed": 0, "calls": 0, "talk_s": 0.0}
        now = clock.now().timestamp()
        new = _change(
            db,
            clock,
            tell,
            tenant_id,
            each,
            number,
            "login",
            "",
            agent.c.logged_in_at.is_not(None),
            {**values, "logged_in_at": now, "idle_since": now},
        )
        changed += [each.id] * new
    return tuple(changed)


def log_out(
    db: sa.Engine, clock: Clock, tell: Tell, tenant_id: str, model: Model, queue: str, number: str
) -> tuple[str, ...]:
    """Take no more calls; one that runs goes on. InputError for a member who is always there: he can only pause."""
    queues = _queues(model, queue, number)
    always = [q.id for q in queues if any(m.number == number and m.always for m in q.members)]
    if always and (queue or len(always) == len(queues)):
        raise InputError(
            f"{number} is always logged in to {', '.join(always)}; pause instead.", error_id="always_logged_in"
        )
    values = {"logged_in_at": None, "pause_reason": None, "paused_at": None}
    changed = [
        each.id
        for each in queues
        if each.id not in always
        and _change(db, clock, tell, tenant_id, each, number, "logout", "", agent.c.logged_in_at.is_(None), values)
    ]
    return tuple(changed)


def pause(
    db: sa.Engine, clock: Clock, tell: Tell, tenant_id: str, model: Model, queue: str, number: str, reason: str
) -> tuple[str, ...]:
    """Get no calls for a while, for a reason that reports show; logged in or not. The queues where that is new."""
    clean = " ".join(reason.split())
    if not clean.isprintable() or len(clean) > REASON_CHARACTERS_MAX:
        raise InputError(f"A reason has at most {REASON_CHARACTERS_MAX} printable characters.", error_id="bad_reason")
    values = {"pause_reason": clean, "paused_at": clock.now().timestamp()}
    changed = [
        each.id
        for each in _queues(model, queue, number)
        if _change(db, clock, tell, tenant_id, each, number, "pause", clean, agent.c.pause_reason == clean, values)
    ]
    return tuple(changed)


def unpause(
    db: sa.Engine, clock: Clock, tell: Tell, tenant_id: str, model: Model, queue: str, number: str
) -> tuple[str, ...]:
    """Get calls again; the queues where that is new."""
    now = clock.now().timestamp()
    values = {"pause_reason": None, "paused_at": None, "missed": 0, "idle_since": now}
    changed = [
        each.id
        for each in _queues(model, queue, number)
        if _change(db, clock, tell, tenant_id, each, number, "unpause", "", agent.c.pause_reason.is_(None), values)
    ]
    return tuple(changed)


def logged_in(db: sa.Engine, tenant_id: str, model: Model) -> dict[str, frozenset[str]]:
    """Who is logged in, by queue; paused ones too. For dialplan.Facts."""
    with db.connect() as connection:
        rows = connection.execute(
            sa.select(agent.c.queue, agent.c.number).where(
                agent.c.tenant_id == tenant_id, agent.c.logged_in_at.is_not(None)
            )
        ).all()
    there = {(r.queue, r.number) for r in rows}
    return {q.id: frozenset(m.number for m in q.members if m.always or (q.id, m.number) in there) for q in model.queues}


def _queues(model: Model, queue: str, number: str) -> Sequence[QueueModel]:
    """The queue named, or all in which the number is an agent."""
    if queue and line.queue_of(model, queue) is None:
        known = ", ".join(q.id for q in model.queues) or "none yet"
        raise InputError(f"There is no queue {queue!r} (there are: {known}).", error_id="no_queue")
    found = [q for q in model.queues if queue in ("", q.id) and any(m.number == number for m in q.members)]
    if not found:
        where = f"the queue {queue}" if queue else "any queue"
        raise InputError(f"{number!r} is not an agent of {where}; nothing was changed.", error_id="no_agent")
    return found


def _change(
    db: sa.Engine,
    clock: Clock,
    tell: Tell,
    tenant_id: str,
    queue: QueueModel,
    number: str,
    type_: str,
    reason: str,
    already: sa.ColumnElement[bool],
    values: dict[str, Any],
) -> bool:
    """Change one row and tell it, unless it is `already` so; whether it was new."""
    here = agent.c.tenant_id == tenant_id, agent.c.queue == queue.id, agent.c.number == number
    with write(db) as connection:
        ensure_agent(connection, tenant_id, queue.id, number)
        if connection.execute(sa.select(agent.c.number).where(*here, already)).one_or_none() is not None:
            return False
        change_agent(connection, tenant_id, queue.id, number, **values)
        at = clock.now().astimezone(UTC)
        tell(QueueEvent(clock.new_id(), tenant_id, at, queue.id, number, type_, reason, ""))
    return True
