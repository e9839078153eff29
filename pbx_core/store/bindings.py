"""Registered phones in the operational database. The edge is the only writer and keeps them in memory too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from pbx_core.sip.registrar import Binding
from pbx_core.store.schema import binding

Owner = tuple[str, str]  # tenant_id, number


def load(engine: sa.Engine, now: float) -> dict[Owner, tuple[Binding, ...]]:
    """All bindings that have not expired at `now` (UTC epoch seconds), by owner."""
    out: dict[Owner, list[Binding]] = {}
    with engine.connect() as connection:
        for row in connection.execute(sa.select(binding).where(binding.c.expires_at > now)):
            made = Binding(**row._mapping)
            out.setdefault((made.tenant_id, made.number), []).append(made)
    return {owner: tuple(held) for owner, held in out.items()}


def of(engine: sa.Engine, tenant_id: str, number: str, now: float) -> list[Binding]:
    """The live bindings of one extension."""
    where = (binding.c.tenant_id == tenant_id, binding.c.number == number, binding.c.expires_at > now)
    with engine.connect() as connection:
        rows = connection.execute(sa.select(binding).where(*where).order_by(binding.c.registered_at)).all()
    return [Binding(**row._mapping) for row in rows]


def replace(engine: sa.Engine, changes: Mapping[Owner, Sequence[Binding]]) -> None:
    """Make the stored bindings of each owner exactly these, all owners in one transaction."""
    removed = [{"t": owner[0], "n": owner[1]} for owner in changes]
    added: list[dict[str, Any]] = [vars(b) for held in changes.values() for b in held]
    with engine.begin() as connection:
        connection.execute(_DELETE, removed)
        if added:
            connection.execute(_INSERT, added)


def purge(engine: sa.Engine, now: float) -> int:
    """Remove what has expired; how many rows."""
    with engine.begin() as connection:
        return connection.execute(sa.delete(binding).where(binding.c.expires_at <= now)).rowcount


_DELETE = sa.delete(binding).where(binding.c.tenant_id == sa.bindparam("t"), binding.c.number == sa.bindparam("n"))
_INSERT = sa.insert(binding)
