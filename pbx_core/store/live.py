"""What goes on now, read from the operational database: phones, calls, queues, trunks. tenant_id None: of all tenants,
for the operator only. Times are UTC epoch seconds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pbx_core.store.schema import (
    agent,
    binding,
    extension,
    live_call,
    queue_call,
    tenant,
    trunk_state,
    voicemail_message,
)

SIGN_IN = "registration:"  # how the edge's reason begins while a trunk's sign-in fails
ROWS_MAX = 10_000  # of one kind; more than an exchange of this size can have at once


@dataclass(frozen=True)
class Phone:
    """An extension and one phone signed in to it; an extension without a phone has one row with `registered` False."""

    tenant_id: str
    number: str
    name: str
    registered: bool
    transport: str
    address: str
    user_agent: str
    since: float | None
    expires_at: float | None


@dataclass(frozen=True)
class Call:
    """A call under way. detail: as the worker tells it to people (caller, callee, since, queue, recording …)."""

    tenant_id: str
    call_id: str
    worker: str
    state: str
    extensions: tuple[str, ...]
    slot: str
    detail: dict[str, Any]
    changed_at: float


@dataclass(frozen=True)
class Agent:
    """Somebody who serves a queue. state: ready, ringing, talking, wrap_up, paused, logged_out."""

    number: str
    state: str
    pause_reason: str
    since: float | None
    calls: int


@dataclass(frozen=True)
class Queue:
    """A queue with somebody in it, waiting or serving. callbacks: numbers that keep their place without waiting."""

    tenant_id: str
    queue: str
    waiting: int
    talking: int
    callbacks: int
    longest_wait_s: float
    agents: tuple[Agent, ...]


@dataclass(frozen=True)
class Trunk:
    """A trunk as the edge knows it. registered_until None: it does not sign in, or is not signed in."""

    tenant_id: str
    trunk_id: str
    up: bool
    circuit: str
    registered_until: float | None
    failures: int
    calls: int
    reason: str
    changed_at: float


def domains(db: sa.Engine) -> dict[str, str]:
    """The domain of every tenant, by its id."""
    with db.connect() as connection:
        return {r.tenant_id: r.domain for r in connection.execute(sa.select(tenant.c.tenant_id, tenant.c.domain))}


def extensions_by_tenant(db: sa.Engine) -> dict[str, int]:
    """How many extensions each tenant has."""
    return _counted(db, extension.c.tenant_id)


def phones_by_tenant(db: sa.Engine, now: float) -> dict[str, int]:
    """How many phones of each tenant are signed in."""
    return _counted(db, binding.c.tenant_id, binding.c.expires_at > now)


def calls_by_tenant(db: sa.Engine) -> dict[str, int]:
    """How many calls of each tenant are under way."""
    return _counted(db, live_call.c.tenant_id)


def unheard_by_tenant(db: sa.Engine) -> dict[str, int]:
    """How many messages in each tenant's mailboxes nobody has heard."""
    m = voicemail_message.c
    return _counted(db, m.tenant_id, m.heard_at.is_(None), m.deleted_at.is_(None))


def _counted(db: sa.Engine, tenant_column: sa.ColumnElement[str], *where: sa.ColumnElement[bool]) -> dict[str, int]:
    statement = sa.select(tenant_column, sa.func.count()).where(*where).group_by(tenant_column)
    with db.connect() as connection:
        return {row[0]: row[1] for row in connection.execute(statement)}


def phones(db: sa.Engine, tenant_id: str | None, now: float) -> list[Phone]:
    """Every extension with its phones, by number."""
    joined = extension.outerjoin(
        binding,
        sa.and_(
            binding.c.tenant_id == extension.c.tenant_id,
            binding.c.number == extension.c.number,
            binding.c.expires_at > now,
        ),
    )
    statement = sa.select(
        extension.c.tenant_id,
        extension.c.number,
        extension.c.display_name,
        binding.c.source,
        binding.c.user_agent,
        binding.c.registered_at,
        binding.c.expires_at,
    ).select_from(joined)
    return [_phone(r) for r in _rows(db, statement, extension, tenant_id, extension.c.number)]


def _phone(row: sa.Row[Any]) -> Phone:
    transport, _, address = (row.source or "").partition(":")
    return Phone(
        row.tenant_id,
        row.number,
        row.display_name,
        row.source is not None,
        transport,
        address,
        row.user_agent or "",
        row.registered_at,
        row.expires_at,
    )


def calls(db: sa.Engine, tenant_id: str | None) -> list[Call]:
    """Every call under way, oldest first."""
    return [_call(r) for r in _rows(db, sa.select(live_call), live_call, tenant_id, live_call.c.call_id)]


def call(db: sa.Engine, tenant_id: str, call_id: str) -> Call | None:
    """One call under way, of this tenant."""
    found = _rows(db, sa.select(live_call).where(live_call.c.call_id == call_id), live_call, tenant_id)
    return _call(found[0]) if found else None


def _call(row: sa.Row[Any]) -> Call:
    return Call(
        row.tenant_id,
        row.call_id,
        row.worker,
        row.state,
        tuple(json.loads(row.extensions)),
        row.slot,
        json.loads(row.detail),
        row.changed_at,
    )


def queues(db: sa.Engine, tenant_id: str | None, now: float) -> list[Queue]:
    """Every queue in which somebody waits or serves, by tenant and name."""
    entries = _rows(db, sa.select(queue_call), queue_call, tenant_id, queue_call.c.joined_at)
    serving = _rows(db, sa.select(agent), agent, tenant_id, agent.c.queue, agent.c.number)
    names = sorted({(r.tenant_id, r.queue) for r in (*entries, *serving)})
    return [
        _queue(
            owner,
            name,
            [r for r in entries if (r.tenant_id, r.queue) == (owner, name)],
            [_agent(r, now) for r in serving if (r.tenant_id, r.queue) == (owner, name)],
            now,
        )
        for owner, name in names
    ]


def _queue(tenant_id: str, name: str, entries: list[sa.Row[Any]], agents: list[Agent], now: float) -> Queue:
    waiting = [r for r in entries if r.state in ("waiting", "offered")]
    return Queue(
        tenant_id,
        name,
        len(waiting),
        sum(r.state == "talking" for r in entries),
        sum(r.state == "callback" for r in entries),
        round(max((max(0.0, now - r.joined_at) for r in waiting), default=0.0), 1),
        tuple(agents),
    )


def _agent(row: sa.Row[Any], now: float) -> Agent:
    if row.logged_in_at is None:
        state, since = "logged_out", None
    elif row.entry_id is not None:
        state, since = "talking", None
    elif row.offer_id is not None:
        state, since = "ringing", row.offered_at
    elif row.pause_reason is not None:
        state, since = "paused", row.paused_at
    elif row.wrap_up_until > now:
        state, since = "wrap_up", None
    else:
        state, since = "ready", row.idle_since or row.logged_in_at
    return Agent(row.number, state, row.pause_reason or "", since, row.calls)


def trunks(db: sa.Engine, tenant_id: str | None, now: float) -> list[Trunk]:
    """Every trunk that the edge knows, by tenant and name. Up: calls are sent there, and it is signed in if it must."""
    found = _rows(db, sa.select(trunk_state), trunk_state, tenant_id, trunk_state.c.trunk_id)
    return [
        Trunk(
            r.tenant_id,
            r.trunk_id,
            r.circuit != "open" and _signed_in(r, now),
            r.circuit,
            r.registered_until,
            r.failures,
            r.calls,
            r.reason,
            r.changed_at,
        )
        for r in found
    ]


def _signed_in(row: sa.Row[Any], now: float) -> bool:
    """Whether the carrier knows us; so does one where we need not sign in."""
    if row.registered_until is None:
        return not row.reason.startswith(SIGN_IN)
    return bool(row.registered_until > now)


def _rows(
    db: sa.Engine, statement: sa.Select[Any], table: sa.Table, tenant_id: str | None, *order: sa.ColumnElement[Any]
) -> Sequence[sa.Row[Any]]:
    if tenant_id is not None:
        statement = statement.where(table.c.tenant_id == tenant_id)
    with db.connect() as connection:
        return connection.execute(statement.order_by(table.c.tenant_id, *order).limit(ROWS_MAX)).all()
