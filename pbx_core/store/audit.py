"""The audit trail: who did what to which object; rows are only ever added."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from pbx_core.clock import Clock
from pbx_core.store.schema import audit

ONCE_PER_S = 600.0  # one listening makes many range requests; they are one row


def note(
    engine: sa.Engine,
    clock: Clock,
    tenant_id: str,
    person_id: str | None,
    action: str,
    object_id: str = "",
    session: str = "",
) -> None:
    """Add a row."""
    with engine.begin() as connection:
        connection.execute(sa.insert(audit).values(_row(clock, tenant_id, person_id, action, object_id, session)))


def note_once(
    engine: sa.Engine, clock: Clock, tenant_id: str, person_id: str, action: str, object_id: str, session: str
) -> bool:
    """Add a row unless the same session did the same to the same object within ONCE_PER_S; whether it was added."""
    row = _row(clock, tenant_id, person_id, action, object_id, session)
    seen = sa.exists().where(
        audit.c.tenant_id == tenant_id,
        audit.c.object_id == object_id,
        audit.c.at > row["at"] - ONCE_PER_S,
        audit.c.action == action,
        audit.c.session == row["session"],
    )
    with engine.connect() as connection:  # nearly always there already: no write lock for the look
        if connection.scalar(sa.select(seen)):
            return False
    values = sa.select(*(sa.literal(v, audit.c[k].type).label(k) for k, v in row.items())).where(~seen)
    with engine.begin() as connection:
        done = connection.execute(sa.insert(audit).from_select(list(row), values))
    return done.rowcount == 1


def _row(
    clock: Clock, tenant_id: str, person_id: str | None, action: str, object_id: str, session: str
) -> dict[str, Any]:
    return {
        "at": clock.now().timestamp(),
        "tenant_id": tenant_id,
        "person_id": person_id,
        "action": action,
        "object_id": object_id,
        "session": session[:16],
    }
