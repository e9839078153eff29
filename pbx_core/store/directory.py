"""Who exists: tenants, their extensions, their people. Tenant comes first everywhere."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from argon2 import PasswordHasher

from pbx_core.clock import Clock
from pbx_core.errors import InputError
from pbx_core.store.schema import extension, person, tenant

ROLES = ("owner", "manager", "agent", "analyst")
_DOMAIN = re.compile(r"^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$")
_NUMBER = re.compile(r"^[0-9]{2,6}$")


@dataclass(frozen=True)
class Tenant:
    """A customer."""

    tenant_id: str
    name: str
    domain: str
    time_zone: str
    languages: tuple[str, ...]


@dataclass(frozen=True)
class Extension:
    """A short number and the digests of its SIP password (HA1 of RFC 7616, realm = the tenant's domain)."""

    tenant_id: str
    number: str
    display_name: str
    ha1_md5: str
    ha1_sha256: str


@dataclass(frozen=True)
class Person:
    """Somebody who signs in."""

    person_id: str
    tenant_id: str
    email: str
    name: str
    role: str
    extension: str | None
    password_hash: str
    originals: bool = False  # may read and hear what is hidden from others


def add_tenant(
    engine: sa.Engine, clock: Clock, name: str, domain: str, *, time_zone: str = "UTC", languages: str = "en"
) -> Tenant:
    """Create a tenant; InputError when the domain is malformed or taken."""
    domain = domain.lower()
    if not _DOMAIN.fullmatch(domain):
        raise InputError(f"{domain!r} is not a domain name; nothing was created.", error_id="bad_domain")
    tenant_id = clock.new_id()
    row = {
        "tenant_id": tenant_id,
        "name": name,
        "domain": domain,
        "time_zone": time_zone,
        "languages": languages,
        "created_at": clock.now().timestamp(),
    }
    try:
        with engine.begin() as connection:
            connection.execute(sa.insert(tenant).values(row))
    except sa.exc.IntegrityError:
        raise InputError(f"The domain {domain} belongs to a tenant already.", error_id="domain_taken") from None
    return Tenant(tenant_id, name, domain, time_zone, tuple(languages.split(",")))


def tenant_by_domain(engine: sa.Engine, domain: str) -> Tenant | None:
    """The tenant whose SIP domain this is (case does not matter)."""
    return _tenant(engine, tenant.c.domain == domain.lower())


def tenant_by_id(engine: sa.Engine, tenant_id: str) -> Tenant | None:
    """The tenant with this id."""
    return _tenant(engine, tenant.c.tenant_id == tenant_id)


def _tenant(engine: sa.Engine, where: sa.ColumnElement[bool]) -> Tenant | None:
    with engine.connect() as connection:
        row = connection.execute(sa.select(tenant).where(where)).one_or_none()
    return None if row is None else _as_tenant(row)


def tenants(engine: sa.Engine) -> list[Tenant]:
    """All tenants, by domain; for the operator of the service only."""
    with engine.connect() as connection:
        rows = connection.execute(sa.select(tenant).order_by(tenant.c.domain)).all()
    return [_as_tenant(r) for r in rows]


def _as_tenant(row: sa.Row[Any]) -> Tenant:
    return Tenant(row.tenant_id, row.name, row.domain, row.time_zone, tuple(row.languages.split(",")))


def ha1(algorithm: str, user: str, realm: str, password: str) -> str:
    """RFC 7616 A1 hash; algorithm MD5 or SHA-256."""
    name = {"MD5": "md5", "SHA-256": "sha256"}[algorithm]
    return hashlib.new(name, f"{user}:{realm}:{password}".encode(), usedforsecurity=False).hexdigest()


def new_sip_password() -> str:
    """24 random characters, 144 bits; made by us, shown once."""
    return secrets.token_urlsafe(18)


def add_extension(
    engine: sa.Engine, clock: Clock, owner: Tenant, number: str, password: str, *, display_name: str = ""
) -> Extension:
    """Create an extension; InputError when the number is malformed or taken."""
    if not _NUMBER.fullmatch(number):
        raise InputError(f"{number!r} is not a short number (2 to 6 digits).", error_id="bad_number")
    values = extension_values(owner, number, password, display_name, clock.now().timestamp())
    try:
        with engine.begin() as connection:
            connection.execute(sa.insert(extension).values(values))
    except sa.exc.IntegrityError:
        raise InputError(f"Extension {number} exists already in {owner.domain}.", error_id="number_taken") from None
    return Extension(owner.tenant_id, number, display_name, values["ha1_md5"], values["ha1_sha256"])


def extension_values(owner: Tenant, number: str, password: str, display_name: str, now: float) -> dict[str, Any]:
    """The row of a new extension; now: UTC epoch seconds."""
    return {
        "tenant_id": owner.tenant_id,
        "number": number,
        "display_name": display_name,
        "ha1_md5": ha1("MD5", number, owner.domain, password),
        "ha1_sha256": ha1("SHA-256", number, owner.domain, password),
        "created_at": now,
    }


def extension_of(engine: sa.Engine, tenant_id: str, number: str) -> Extension | None:
    """One extension of a tenant."""
    where = sa.and_(extension.c.tenant_id == tenant_id, extension.c.number == number)
    with engine.connect() as connection:
        row = connection.execute(sa.select(extension).where(where)).one_or_none()
    return None if row is None else _as_extension(row)


def extensions(engine: sa.Engine, tenant_id: str) -> list[Extension]:
    """All extensions of a tenant, by number."""
    statement = sa.select(extension).where(extension.c.tenant_id == tenant_id).order_by(extension.c.number)
    with engine.connect() as connection:
        rows = connection.execute(statement).all()
    return [_as_extension(r) for r in rows]


def _as_extension(row: sa.Row[Any]) -> Extension:
    return Extension(row.tenant_id, row.number, row.display_name, row.ha1_md5, row.ha1_sha256)


def add_person(
    engine: sa.Engine,
    clock: Clock,
    tenant_id: str,
    email: str,
    name: str,
    role: str,
    password: str,
    *,
    own_extension: str | None = None,
) -> Person:
    """Create somebody who may sign in; the password is kept as an argon2id hash only."""
    if role not in ROLES:
        raise InputError(f"{role!r} is not a role; use one of {', '.join(ROLES)}.", error_id="bad_role")
    if len(password) < 10:
        raise InputError("The password needs at least 10 characters.", error_id="weak_password")
    if role == "agent" and not own_extension:
        raise InputError("An agent needs his extension: it decides which calls he sees.", error_id="no_extension")
    email = email.strip().lower()
    made = Person(clock.new_id(), tenant_id, email, name, role, own_extension, PasswordHasher().hash(password))
    try:
        with engine.begin() as connection:
            connection.execute(
                sa.insert(person).values(
                    person_id=made.person_id,
                    tenant_id=tenant_id,
                    email=email,
                    name=name,
                    role=role,
                    extension=own_extension,
                    password_hash=made.password_hash,
                    created_at=clock.now().timestamp(),
                )
            )
    except sa.exc.IntegrityError:
        raise InputError(
            f"Somebody signs in as {email} already, or the tenant is unknown.", error_id="email_taken"
        ) from None
    return made


def set_originals(engine: sa.Engine, tenant_id: str, person_id: str, may: bool) -> bool:
    """Give somebody the right to what is hidden from others, or take it; whether that changed anything."""
    mine = sa.and_(person.c.tenant_id == tenant_id, person.c.person_id == person_id)
    with engine.begin() as connection:
        done = connection.execute(sa.update(person).where(mine, person.c.originals != may).values(originals=may))
    return done.rowcount == 1


def person_by_email(engine: sa.Engine, email: str) -> Person | None:
    """An enabled person by e-mail address."""
    return _person(engine, person.c.email == email.strip().lower())


def person_by_id(engine: sa.Engine, tenant_id: str, person_id: str) -> Person | None:
    """An enabled person of a tenant by id."""
    return _person(engine, sa.and_(person.c.tenant_id == tenant_id, person.c.person_id == person_id))


def people(engine: sa.Engine, tenant_id: str) -> list[Person]:
    """All enabled people of a tenant, by name."""
    where = sa.and_(person.c.tenant_id == tenant_id, person.c.disabled_at.is_(None))
    with engine.connect() as connection:
        rows = connection.execute(sa.select(person).where(where).order_by(person.c.name)).all()
    return [_as_person(r) for r in rows]


def _person(engine: sa.Engine, where: sa.ColumnElement[bool]) -> Person | None:
    with engine.connect() as connection:
        row = connection.execute(sa.select(person).where(where, person.c.disabled_at.is_(None))).one_or_none()
    return None if row is None else _as_person(row)


def _as_person(row: sa.Row[Any]) -> Person:
    return Person(
        row.person_id, row.tenant_id, row.email, row.name, row.role, row.extension, row.password_hash, row.originals
    )
