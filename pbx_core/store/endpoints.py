"""Endpoints of webhooks: where a tenant's events are sent, with secrets by which the receiver knows us."""

from __future__ import annotations

import base64
import secrets as random_secrets
from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from pbx_core.clock import Clock, random_id
from pbx_core.errors import InputError
from pbx_core.settings import Settings
from pbx_core.store import audit, secrets
from pbx_core.store.schema import secret, webhook_delivery, webhook_endpoint

ENDPOINTS_MAX = 10  # of one tenant
SECRET_BYTES = 32
SECRET_PREFIX = "whsec_"  # noqa: S105  as Standard Webhooks writes them
OLD_SECRET_S = 24 * 3600.0  # after a change of the secret the old one signs too, so long
ACTIVE, DISABLED = "active", "disabled"

_c = webhook_endpoint.c


@dataclass(frozen=True)
class Endpoint:
    """An endpoint as it is kept. reason: why it is disabled, or what failed last. since: what became known before is
    not told. failing_since: the first failure after the last success."""

    tenant_id: str
    endpoint_id: str
    url: str
    events: frozenset[str]
    state: str
    reason: str
    failures: int
    failing_since: float | None
    paused_until: float
    old_secret_until: float | None
    created_at: float
    since: float


def add(
    db: sa.Engine, settings: Settings, clock: Clock, tenant_id: str, url: str, events: Collection[str]
) -> tuple[Endpoint, str]:
    """A new endpoint and its secret, which is told now and never again. The address was checked before."""
    if len(listed(db, tenant_id)) >= ENDPOINTS_MAX:
        raise InputError(f"There are {ENDPOINTS_MAX} endpoints already; remove one.", error_id="too_many_endpoints")
    now = clock.now().timestamp()
    endpoint_id, text = random_id(), _new_secret()
    secrets.put(db, settings, clock, tenant_id, _name(endpoint_id), text)
    row = {
        "tenant_id": tenant_id,
        "endpoint_id": endpoint_id,
        "url": url,
        "events": ",".join(sorted(events)),
        "state": ACTIVE,
        "created_at": now,
        "since": now,
        "changed_at": now,
    }
    with db.begin() as connection:
        connection.execute(sa.insert(webhook_endpoint).values(row))
    audit.note(db, clock, tenant_id, None, "webhook_added", endpoint_id)
    return find(db, tenant_id, endpoint_id), text


def listed(db: sa.Engine, tenant_id: str) -> list[Endpoint]:
    """A tenant's, oldest first."""
    statement = sa.select(webhook_endpoint).where(_c.tenant_id == tenant_id).order_by(_c.created_at, _c.endpoint_id)
    with db.connect() as connection:
        return [_endpoint(row) for row in connection.execute(statement)]


def active(db: sa.Engine) -> list[Endpoint]:
    """Those of all tenants that want events."""
    statement = sa.select(webhook_endpoint).where(_c.state == ACTIVE).order_by(_c.created_at, _c.endpoint_id)
    with db.connect() as connection:
        return [_endpoint(row) for row in connection.execute(statement)]


def any_active(db: sa.Engine) -> bool:
    """Whether anybody wants events."""
    with db.connect() as connection:
        return bool(connection.scalar(sa.select(sa.exists().where(_c.state == ACTIVE))))


def find(db: sa.Engine, tenant_id: str, endpoint_id: str) -> Endpoint:
    """One of the tenant's; InputError when there is none with this id."""
    statement = sa.select(webhook_endpoint).where(_c.tenant_id == tenant_id, _c.endpoint_id == endpoint_id)
    with db.connect() as connection:
        row = connection.execute(statement).one_or_none()
    if row is None:
        raise InputError(
            f"There is no endpoint {endpoint_id!r} here; nothing was done. `callbench webhook list` shows them.",
            error_id="no_endpoint",
            status=404,
        )
    return _endpoint(row)


def remove(db: sa.Engine, clock: Clock, tenant_id: str, endpoint_id: str) -> None:
    """Forget an endpoint with its secrets and what waits for it."""
    find(db, tenant_id, endpoint_id)
    names = (_name(endpoint_id), _old_name(endpoint_id))
    d = webhook_delivery.c
    with db.begin() as connection:
        connection.execute(sa.delete(webhook_endpoint).where(_c.tenant_id == tenant_id, _c.endpoint_id == endpoint_id))
        connection.execute(sa.delete(webhook_delivery).where(d.tenant_id == tenant_id, d.endpoint_id == endpoint_id))
        connection.execute(sa.delete(secret).where(secret.c.tenant_id == tenant_id, secret.c.name.in_(names)))
    audit.note(db, clock, tenant_id, None, "webhook_removed", endpoint_id)


def enable(db: sa.Engine, clock: Clock, tenant_id: str, endpoint_id: str) -> None:
    """Send to it again what becomes known from now on, and what waited for it and is young enough."""
    find(db, tenant_id, endpoint_id)
    now = clock.now().timestamp()
    fresh = {"state": ACTIVE, "reason": "", "failures": 0, "failing_since": None, "paused_until": 0.0, "since": now}
    with db.begin() as connection:
        connection.execute(
            sa.update(webhook_endpoint)
            .where(_c.tenant_id == tenant_id, _c.endpoint_id == endpoint_id)
            .values(**fresh, changed_at=now)
        )
    audit.note(db, clock, tenant_id, None, "webhook_enabled", endpoint_id)


def rotate(db: sa.Engine, settings: Settings, clock: Clock, tenant_id: str, endpoint_id: str) -> str:
    """A new secret, told now and never again; the one before signs as well for OLD_SECRET_S."""
    find(db, tenant_id, endpoint_id)
    before = secrets.get(db, settings, tenant_id, _name(endpoint_id))
    text = _new_secret()
    if before is not None:
        secrets.put(db, settings, clock, tenant_id, _old_name(endpoint_id), before)
    until = clock.now().timestamp() + OLD_SECRET_S
    with db.begin() as connection:
        connection.execute(
            sa.update(webhook_endpoint)
            .where(_c.tenant_id == tenant_id, _c.endpoint_id == endpoint_id)
            .values(old_secret_until=until)
        )
    secrets.put(db, settings, clock, tenant_id, _name(endpoint_id), text)
    audit.note(db, clock, tenant_id, None, "webhook_secret_changed", endpoint_id)
    return text


def keys(db: sa.Engine, settings: Settings, endpoint: Endpoint, now: float) -> list[bytes]:
    """What signs for the endpoint now, the newest first."""
    names = [_name(endpoint.endpoint_id)]
    if endpoint.old_secret_until is not None and now < endpoint.old_secret_until:
        names.append(_old_name(endpoint.endpoint_id))
    texts = [secrets.get(db, settings, endpoint.tenant_id, name) for name in names]
    return [base64.b64decode(text.removeprefix(SECRET_PREFIX)) for text in texts if text]


def _new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(random_secrets.token_bytes(SECRET_BYTES)).decode()


def _name(endpoint_id: str) -> str:
    return f"webhook:{endpoint_id}"


def _old_name(endpoint_id: str) -> str:
    return f"webhook:{endpoint_id}:old"


def _endpoint(row: sa.Row[tuple[object, ...]]) -> Endpoint:
    fields = {k: v for k, v in row._mapping.items() if k != "changed_at"}
    return Endpoint(**{**fields, "events": frozenset(fields["events"].split(","))})
