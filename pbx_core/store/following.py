"""Which running calls are read along with: a row per call with an expiry, renewed by whoever looks. Recognising words
costs a processor, so nothing is recognised of a call that nobody looks at."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from pbx_core.clock import Clock
from pbx_core.store.schema import followed_call
from pbx_core.store.upsert import insert

LOOK_S = 30.0  # a look counts for so long; the page renews it every 10 s, so a reload or a lost request ends nothing


@dataclass(frozen=True)
class Followed:
    """A call that somebody reads along with."""

    tenant_id: str
    call_id: str


def look(db: sa.Engine, clock: Clock, tenant_id: str, call_id: str) -> None:
    """Somebody looks at this call: it is followed for another LOOK_S. Any number of people make one row."""
    now = clock.now().timestamp()
    values = {"tenant_id": tenant_id, "call_id": call_id, "asked_at": now, "until": now + LOOK_S}
    statement = insert(followed_call).values(values)
    keys = ["tenant_id", "call_id"]
    with db.begin() as connection:
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_={"until": now + LOOK_S}))


def wanted(db: sa.Engine, clock: Clock) -> list[Followed]:
    """All calls that are looked at now, the one asked for first in front; expired looks are forgotten on the way."""
    now = clock.now().timestamp()
    order = (followed_call.c.asked_at, followed_call.c.call_id)
    with db.connect() as connection:
        rows = connection.execute(sa.select(followed_call).order_by(*order)).all()
    if any(row.until <= now for row in rows):
        with db.begin() as connection:
            connection.execute(sa.delete(followed_call).where(followed_call.c.until <= now))
    return [Followed(row.tenant_id, row.call_id) for row in rows if row.until > now]


def anybody(db: sa.Engine, now: float) -> bool:
    """Whether any call is looked at. now: UTC epoch seconds."""
    with db.connect() as connection:
        return bool(connection.scalar(sa.select(sa.exists().where(followed_call.c.until > now))))


def forget(db: sa.Engine, tenant_id: str, call_id: str) -> None:
    """The call is over."""
    c = followed_call.c
    with db.begin() as connection:
        connection.execute(sa.delete(followed_call).where(c.tenant_id == tenant_id, c.call_id == call_id))
