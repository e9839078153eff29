"""The outbox of webhooks: events are written down before anything is sent, with a delivery for each endpoint."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from pbx_core.store.endpoints import ACTIVE, DISABLED, Endpoint
from pbx_core.store.schema import webhook_delivery, webhook_endpoint, webhook_event, webhook_offset

WAITING_MAX = 50_000  # deliveries of one endpoint; with more it is disabled, and says so
KEEP_S = 7 * 86400.0  # events and what became of them are kept so long
IN_MAX = 500  # values in one IN list

WAITING, DELIVERED, GIVEN_UP = "waiting", "delivered", "given_up"

_d = webhook_delivery.c
_e = webhook_endpoint.c


@dataclass(frozen=True)
class Event:
    """Something that happened, as it is told. at: when the fact became known, UTC epoch seconds."""

    tenant_id: str
    event_id: str
    type: str
    body: str
    at: float


@dataclass(frozen=True)
class Delivery:
    """What one endpoint is to be told, or was."""

    tenant_id: str
    endpoint_id: str
    event_id: str
    type: str
    body: str
    state: str
    tries: int
    not_before: float
    status: int | None
    reason: str
    created_at: float
    changed_at: float


@dataclass(frozen=True)
class Read:
    """How far a segment of a journal is read."""

    segment: str
    position: int
    complete: bool


def offsets(db: sa.Engine) -> dict[str, Read]:
    """By segment."""
    with db.connect() as connection:
        return {row.segment: Read(*row) for row in connection.execute(sa.select(webhook_offset))}


def put(
    db: sa.Engine, events: Iterable[Event], endpoints: Sequence[Endpoint], now: float, read: Read | None = None
) -> int:
    """Write down events that some endpoint wants and that are new, a delivery for each such endpoint, and how far the
    journal is read, all or nothing. How many deliveries that made."""
    wanted = {
        (event.tenant_id, event.event_id): (event, takers)
        for event in events
        if (takers := [e for e in endpoints if _takes(e, event)])
    }
    with db.begin() as connection:
        known = _known(connection, wanted)
        fresh = [pair for key, pair in wanted.items() if key not in known]
        rows = [
            {"tenant_id": e.tenant_id, "event_id": e.event_id, "type": e.type, "body": e.body, "created_at": now}
            for e, _ in fresh
        ]
        deliveries = [
            {
                "tenant_id": event.tenant_id,
                "endpoint_id": endpoint.endpoint_id,
                "event_id": event.event_id,
                "state": WAITING,
                "not_before": now,
                "created_at": now,
                "changed_at": now,
            }
            for event, takers in fresh
            for endpoint in takers
        ]
        if rows:
            connection.execute(sa.insert(webhook_event), rows)
            connection.execute(sa.insert(webhook_delivery), deliveries)
        if read is not None:
            connection.execute(sa.delete(webhook_offset).where(webhook_offset.c.segment == read.segment))
            connection.execute(sa.insert(webhook_offset).values(vars(read)))
    return len(deliveries)


def _takes(endpoint: Endpoint, event: Event) -> bool:
    """What was known before the endpoint was added or enabled is not told to it."""
    return endpoint.tenant_id == event.tenant_id and event.type in endpoint.events and event.at >= endpoint.since


def _known(connection: sa.Connection, wanted: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    keys = sorted(wanted)
    c = webhook_event.c
    found: set[tuple[str, str]] = set()
    for first in range(0, len(keys), IN_MAX):
        ids = [event_id for _, event_id in keys[first : first + IN_MAX]]
        rows = connection.execute(sa.select(c.tenant_id, c.event_id).where(c.event_id.in_(ids)))
        found |= {(row.tenant_id, row.event_id) for row in rows}
    return found


def due(db: sa.Engine, endpoint: Endpoint, now: float, limit: int) -> list[Delivery]:
    """What is to be sent to an endpoint now, what has waited longest first."""
    mine = (_d.tenant_id == endpoint.tenant_id, _d.endpoint_id == endpoint.endpoint_id)
    where = (*mine, _d.state == WAITING, _d.not_before <= now)
    return _deliveries(db, sa.and_(*where), (_d.not_before, _d.created_at, _d.event_id), limit)


def recent(db: sa.Engine, tenant_id: str, endpoint_id: str, limit: int) -> list[Delivery]:
    """The last ones of an endpoint, newest first."""
    where = sa.and_(_d.tenant_id == tenant_id, _d.endpoint_id == endpoint_id)
    return _deliveries(db, where, (_d.created_at.desc(), _d.event_id), limit)


def waiting(db: sa.Engine, tenant_id: str, endpoint_id: str) -> int:
    """How many wait for it."""
    where = (_d.tenant_id == tenant_id, _d.endpoint_id == endpoint_id, _d.state == WAITING)
    with db.connect() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(webhook_delivery).where(*where)) or 0


def delivered(db: sa.Engine, delivery: Delivery, status: int, now: float) -> None:
    """It was accepted; what waits for an endpoint that had failed is sent at once."""
    well = {"failures": 0, "failing_since": None, "paused_until": 0.0, "reason": ""}
    with db.begin() as connection:
        connection.execute(
            sa.update(webhook_delivery)
            .where(*_one(delivery))
            .values(state=DELIVERED, tries=_d.tries + 1, status=status, reason="", changed_at=now)
        )
        recovered = connection.execute(
            sa.update(webhook_endpoint).where(*_its(delivery), _e.failures > 0).values(**well, changed_at=now)
        )
        if recovered.rowcount:
            connection.execute(
                sa.update(webhook_delivery)
                .where(
                    _d.tenant_id == delivery.tenant_id,
                    _d.endpoint_id == delivery.endpoint_id,
                    _d.state == WAITING,
                    _d.not_before > now,
                )
                .values(not_before=now)
            )


def failed(
    db: sa.Engine,
    delivery: Delivery,
    *,
    status: int | None,
    reason: str,
    again_at: float | None,
    paused_until: float,
    disable: bool,
    now: float,
) -> None:
    """It was not accepted. again_at None: it is given up."""
    state = GIVEN_UP if again_at is None else WAITING
    change = {"state": state, "tries": _d.tries + 1, "status": status, "reason": reason, "changed_at": now}
    health = {
        "failures": _e.failures + 1,
        "failing_since": sa.func.coalesce(_e.failing_since, now),
        "paused_until": paused_until,
        "reason": reason,
        "changed_at": now,
    }
    if disable:
        health["state"] = DISABLED
    with db.begin() as connection:
        connection.execute(
            sa.update(webhook_delivery).where(*_one(delivery)).values(**change, not_before=again_at or now)
        )
        connection.execute(sa.update(webhook_endpoint).where(*_its(delivery), _e.state == ACTIVE).values(**health))


def tidy(db: sa.Engine, now: float, give_up_s: float) -> None:
    """Give up what has waited longer than give_up_s, forget what is older than KEEP_S, and disable endpoints for which
    too much waits."""
    many = (
        sa.select(_d.tenant_id, _d.endpoint_id)
        .where(_d.state == WAITING)
        .group_by(_d.tenant_id, _d.endpoint_id)
        .having(sa.func.count() > WAITING_MAX)
    )
    too_old = "not accepted for so long that it was given up"
    with db.begin() as connection:
        connection.execute(
            sa.update(webhook_delivery)
            .where(_d.state == WAITING, _d.created_at < now - give_up_s)
            .values(state=GIVEN_UP, reason=sa.case((_d.reason == "", too_old), else_=_d.reason), changed_at=now)
        )
        for row in connection.execute(many).all():
            mine = (_e.tenant_id == row.tenant_id, _e.endpoint_id == row.endpoint_id, _e.state == ACTIVE)
            reason = f"more than {WAITING_MAX} events wait for it"
            values = {"state": DISABLED, "reason": reason, "changed_at": now}
            connection.execute(sa.update(webhook_endpoint).where(*mine).values(values))
        connection.execute(sa.delete(webhook_delivery).where(_d.created_at < now - KEEP_S))
        connection.execute(sa.delete(webhook_event).where(webhook_event.c.created_at < now - KEEP_S))


def _one(delivery: Delivery) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        _d.tenant_id == delivery.tenant_id,
        _d.endpoint_id == delivery.endpoint_id,
        _d.event_id == delivery.event_id,
    )


def _its(delivery: Delivery) -> tuple[sa.ColumnElement[bool], ...]:
    return _e.tenant_id == delivery.tenant_id, _e.endpoint_id == delivery.endpoint_id


def _deliveries(
    db: sa.Engine, where: sa.ColumnElement[bool], order: Sequence[sa.ColumnElement[object]], limit: int
) -> list[Delivery]:
    event = webhook_event.c
    statement = (
        sa.select(
            _d.tenant_id, _d.endpoint_id, _d.event_id, event.type, event.body, _d.state, _d.tries, _d.not_before,
            _d.status, _d.reason, _d.created_at, _d.changed_at,
        )
        .join(webhook_event, sa.and_(event.tenant_id == _d.tenant_id, event.event_id == _d.event_id))
        .where(where)
        .order_by(*order)
        .limit(limit)
    )  # fmt: skip
    with db.connect() as connection:
        return [Delivery(**row._mapping) for row in connection.execute(statement)]
