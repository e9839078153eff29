"""Between the trunks and the database: follows the tenants' models and passwords, and tells how the trunks are."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa

from pbx_core import log
from pbx_core.edge.trunks import Book, Trunks
from pbx_core.errors import CallbenchError, ConfigError, Unavailable
from pbx_core.settings import Settings
from pbx_core.store import directory, models, secrets
from pbx_core.store import trunks as store
from pbx_core.store.trunks import TrunkState

_log = log.get(__name__)
READ_S = 5.0  # a changed model counts after so long at the latest
WRITE_S = 1.0


async def follow_forever(trunks: Trunks, settings: Settings, db: sa.Engine) -> None:
    """Take over every changed model or password."""
    seen: dict[str, tuple[int, float]] = {}
    books: dict[str, Book] = {}
    while True:
        try:
            now = await asyncio.to_thread(store.versions, db)
            for tenant_id in [t for t, version in now.items() if seen.get(t) != version]:
                book = await asyncio.to_thread(load, settings, db, tenant_id)
                if book is not None:
                    books[tenant_id] = book
            trunks.vouch()
            if now != seen:
                books = {tenant_id: book for tenant_id, book in books.items() if tenant_id in now}
                trunks.apply(books)
                seen = now
        except sa.exc.SQLAlchemyError as error:
            _log.warning("models not read; going on with those known", extra={"reason": str(error)[:300]})
        await asyncio.sleep(READ_S)


async def tell_forever(trunks: Trunks, db: sa.Engine) -> None:
    """Say how they are, when it changed."""
    said: list[tuple[object, ...]] = [("nothing",)]
    while True:
        states = trunks.states()
        now = [(s.tenant_id, s.trunk_id, s.circuit, s.failures, s.calls, s.reason, _tens(s)) for s in states]
        if now != said:
            try:
                await asyncio.to_thread(store.replace_states, db, states)
                said = list(now)
            except sa.exc.SQLAlchemyError as error:
                _log.warning("state of the trunks not written", extra={"reason": str(error)[:300]})
        await asyncio.sleep(WRITE_S)


def load(settings: Settings, db: sa.Engine, tenant_id: str) -> Book | None:
    """One tenant's model and the passwords of his trunks; None when there is none that can be read."""
    tenant = directory.tenant_by_id(db, tenant_id)
    if tenant is None:
        return None
    try:
        _, model = models.active(db, tenant_id)
    except (CallbenchError, ValueError, TypeError, KeyError) as error:  # a document of another version
        _log.error(
            "model cannot be read; going on with the one before",
            extra={"tenant_id": tenant_id, "reason": repr(error)[:300]},
        )
        return None
    passwords = {}
    for trunk in model.trunks:
        try:
            passwords[trunk.id] = secrets.get(db, settings, tenant_id, secrets.trunk(trunk.id)) or ""
        except (ConfigError, Unavailable) as error:
            _log.error("password of a trunk cannot be read", extra={"tenant_id": tenant_id, "reason": str(error)})
    return Book(tenant_id, tenant.domain, model, passwords)


def _tens(state: TrunkState) -> int:
    """The end of the registration, blurred: the clock's trembling is no news."""
    return round((state.registered_until or 0.0) / 10)
