"""Asks the dialplan: gathers a tenant's model and facts (in the background thread), resolves, and remembers both, so
that calls still find their way while the database does not answer."""

from __future__ import annotations

from dataclasses import dataclass, replace

import sqlalchemy as sa

from pbx_core.clock import Clock
from pbx_core.domain.calls.commands import Route
from pbx_core.domain.dialplan import resolve
from pbx_core.domain.facts import Facts
from pbx_core.domain.model import Model
from pbx_core.domain.nodes import Origin, Routed, Wish
from pbx_core.errors import Unavailable
from pbx_core.store import directory, facts, models

TENANTS_MAX = 1000  # remembered; those of whom nothing was heard for longest are forgotten first


@dataclass(frozen=True)
class Known:
    """What is known of a tenant."""

    domain: str
    model: Model
    facts: Facts


@dataclass(frozen=True)
class Advice:
    """The dialplan's answer and what it stands on."""

    routed: Routed
    domain: str
    language: str  # in which the caller is spoken to


class Guide:
    """`ask` is for the background thread; everything else only reads what it remembered and never waits."""

    def __init__(self, db: sa.Engine, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._known: dict[str, Known] = {}

    def ask(self, tenant_id: str, wish: Wish) -> Advice:
        """Where the wish leads now. Unavailable when there is no such tenant."""
        return _advice(self.learn(tenant_id), wish)

    def learn(self, tenant_id: str) -> Known:
        """Read the tenant's model and facts."""
        known = self._known.get(tenant_id)
        domain = known.domain if known else self._domain(tenant_id)
        _, model = models.active(self._db, tenant_id)
        fresh = Known(domain, model, facts.gather(self._db, self._clock, tenant_id, home=domain))
        self._known.pop(tenant_id, None)
        self._known[tenant_id] = fresh
        while len(self._known) > TENANTS_MAX:
            self._known.pop(next(iter(self._known)))
        return fresh

    def recall(self, tenant_id: str, wish: Wish) -> Advice | None:
        """Where it leads by what was last known; None when nothing is."""
        known = self._known.get(tenant_id)
        if known is None:
            return None
        return _advice(replace(known, facts=replace(known.facts, at=self._clock.now())), wish)

    def model(self, tenant_id: str) -> Model:
        """The last known model."""
        known = self._known.get(tenant_id)
        return known.model if known else Model()

    def domain(self, tenant_id: str) -> str:
        """The tenant's SIP domain, "" when it is not known."""
        known = self._known.get(tenant_id)
        return known.domain if known else ""

    def _domain(self, tenant_id: str) -> str:
        tenant = directory.tenant_by_id(self._db, tenant_id)
        if tenant is None:
            raise Unavailable("There is no such tenant.", retryable=False)
        return tenant.domain


def wish_of(route: Route) -> Wish:
    """The machine's question as the dialplan takes it."""
    return Wish(route.origin, route.dialled, route.destination, route.visited)


def language_of(model: Model, origin: Origin) -> str:
    """In which the one who asks is spoken to: his own, or his number's, or the tenant's first."""
    person = model.book.extensions.get(origin.extension)
    number = model.book.dids.get(origin.did)
    own = person.language if person else number.language if number else ""
    return own or next(iter(model.languages), "en")


def _advice(known: Known, wish: Wish) -> Advice:
    routed = resolve(known.model, known.facts, wish)
    return Advice(routed, known.domain, language_of(known.model, wish.origin))
