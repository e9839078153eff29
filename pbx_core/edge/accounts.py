"""Tenants and extensions as the edge needs them for every message: read from the database, kept for seconds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

import sqlalchemy as sa

from pbx_core.store import directory
from pbx_core.store.directory import Extension, Tenant

TTL_S = 5.0  # a new extension or password counts after so long at the latest
KEYS_MAX = 10_000

K = TypeVar("K")
V = TypeVar("V")


class _Cache(Generic[K, V]):
    def __init__(self, read: Callable[[K], V], time: Callable[[], float]) -> None:
        self._read, self._time = read, time
        self._held: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def get(self, key: K) -> V:
        now = self._time()
        held = self._held.get(key)
        if held is not None and held[0] > now:
            return held[1]
        value = self._read(key)
        self._held[key] = (now + TTL_S, value)
        self._held.move_to_end(key)
        if len(self._held) > KEYS_MAX:
            self._held.popitem(last=False)
        return value


class Accounts:
    """Look-ups of the directory; unknown ones are remembered too."""

    def __init__(self, db: sa.Engine, time: Callable[[], float]) -> None:
        self._domains: _Cache[str, Tenant | None] = _Cache(lambda d: directory.tenant_by_domain(db, d), time)
        self._ids: _Cache[str, Tenant | None] = _Cache(lambda i: directory.tenant_by_id(db, i), time)
        self._extensions: _Cache[tuple[str, str], Extension | None] = _Cache(
            lambda k: directory.extension_of(db, k[0], k[1]), time
        )

    def tenant(self, domain: str) -> Tenant | None:
        """The tenant of a SIP domain, lower case."""
        return self._domains.get(domain)

    def tenant_by_id(self, tenant_id: str) -> Tenant | None:
        """The tenant with this id."""
        return self._ids.get(tenant_id)

    def extension(self, tenant_id: str, number: str) -> Extension | None:
        """An extension of a tenant. An empty tenant_id has none, at the cost of a look-up."""
        return self._extensions.get((tenant_id, number))
