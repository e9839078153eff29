"""One-time secrets by which a phone fetches its configuration: 256 bits, only their SHA-256 is kept.

The SIP password of a file is computed when it is fetched, from the secret (which only the phone has) and a key of the
tenant (which only we have): a phone that asks again within minutes gets the same file, and nothing in clear is kept.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass

import sqlalchemy as sa

from pbx_core.clock import Clock
from pbx_core.errors import InputError
from pbx_core.settings import Settings
from pbx_core.store import audit, directory
from pbx_core.store import secrets as sealed
from pbx_core.store.directory import Tenant
from pbx_core.store.schema import extension, provisioning
from pbx_core.store.tokens import digest

SECRET_BYTES = 32
PASSWORD_CHARS = 24  # 144 bits, as those made for people
KEY_NAME = "provisioning"
KEPT_S = 30 * 86_400.0  # rows of the past: who fetched when
OPEN_MAX = 1000  # secrets of one tenant that wait for their phones


@dataclass(frozen=True)
class Invitation:
    """A phone's permission to fetch its file."""

    tenant_id: str
    number: str
    vendor: str
    mac: str
    transport: str
    expires_at: float
    used_at: float | None
    used_from: str


def invite(
    db: sa.Engine,
    settings: Settings,
    clock: Clock,
    tenant_id: str,
    number: str,
    vendor: str,
    mac: str,
    transport: str,
) -> str:
    """The secret of a new invitation, told now and never again."""
    if directory.extension_of(db, tenant_id, number) is None:
        raise InputError(f"There is no extension {number}; nothing was made.", error_id="no_extension")
    now = clock.now().timestamp()
    if sealed.get(db, settings, tenant_id, KEY_NAME) is None:
        sealed.put(db, settings, clock, tenant_id, KEY_NAME, secrets.token_urlsafe(SECRET_BYTES))
    secret = secrets.token_urlsafe(SECRET_BYTES)
    waiting = (provisioning.c.tenant_id == tenant_id, provisioning.c.used_at.is_(None), provisioning.c.expires_at > now)
    with db.begin() as connection:
        connection.execute(sa.delete(provisioning).where(provisioning.c.expires_at < now - KEPT_S))
        if (connection.scalar(sa.select(sa.func.count()).select_from(provisioning).where(*waiting)) or 0) >= OPEN_MAX:
            raise InputError(
                f"{OPEN_MAX} phones have not fetched their files yet; wait for them, or for the day's end."
            )
        connection.execute(
            sa.insert(provisioning).values(
                secret_sha256=digest(secret),
                tenant_id=tenant_id,
                number=number,
                vendor=vendor,
                mac=mac,
                transport=transport,
                created_at=now,
                expires_at=now + settings.provisioning_ttl_s,
            )
        )
    audit.note(db, clock, tenant_id, None, "phone_invited", number)
    return secret


def find(db: sa.Engine, settings: Settings, clock: Clock, secret: str, address: str) -> Invitation | None:
    """The invitation, when this address may use it now: not used, or used from there minutes ago, and not expired."""
    with db.connect() as connection:
        row = connection.execute(
            sa.select(provisioning).where(
                provisioning.c.secret_sha256 == digest(secret), _usable(settings, clock, address)
            )
        ).one_or_none()
    if row is None:
        return None
    return Invitation(
        row.tenant_id, row.number, row.vendor, row.mac, row.transport, row.expires_at, row.used_at, row.used_from or ""
    )


def deliver(
    db: sa.Engine, settings: Settings, clock: Clock, secret: str, invited: Invitation, owner: Tenant, address: str
) -> str | None:
    """Use the invitation and give the extension its new SIP password, in one transaction; the password. None: another
    address was faster, or the extension is gone."""
    password = _password(db, settings, invited, secret)
    if password is None:
        return None
    mine = (extension.c.tenant_id == invited.tenant_id, extension.c.number == invited.number)
    ha1 = {
        "ha1_md5": directory.ha1("MD5", invited.number, owner.domain, password),
        "ha1_sha256": directory.ha1("SHA-256", invited.number, owner.domain, password),
    }
    with db.begin() as connection:
        first = sa.func.coalesce(provisioning.c.used_at, clock.now().timestamp())
        used = connection.execute(
            sa.update(provisioning)
            .where(provisioning.c.secret_sha256 == digest(secret), _usable(settings, clock, address))
            .values(used_at=first, used_from=address)
        )
        changed = used.rowcount and connection.execute(sa.update(extension).where(*mine).values(ha1)).rowcount
        if not changed:
            return None
    if invited.used_at is None:
        audit.note(db, clock, invited.tenant_id, None, "phone_provisioned", invited.number)
    return password


def _usable(settings: Settings, clock: Clock, address: str) -> sa.ColumnElement[bool]:
    now = clock.now().timestamp()
    p = provisioning.c
    again = sa.and_(p.used_from == address, p.used_at > now - settings.provisioning_repeat_s)
    return sa.and_(p.expires_at > now, sa.or_(p.used_at.is_(None), again))


def _password(db: sa.Engine, settings: Settings, invited: Invitation, secret: str) -> str | None:
    key = sealed.get(db, settings, invited.tenant_id, KEY_NAME)
    if key is None:
        return None
    made = hmac.new(key.encode(), f"sip password\0{invited.number}\0{secret}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made).decode()[:PASSWORD_CHARS]
