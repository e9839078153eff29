"""Makes the demo's two tenants, with passwords thrown anew at every run."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import sqlalchemy as sa

from pbx_core.clock import Clock
from pbx_core.demo.script import OFFICES, DemoOffice
from pbx_core.domain import modelfile
from pbx_core.store import directory, models


@dataclass(frozen=True)
class SignIn:
    """Somebody who may look at the demo."""

    email: str
    password: str
    role: str
    office: str
    domain: str


@dataclass(frozen=True)
class Offices:
    """What was made: sign-in data, the SIP password of each phone by (domain, number), the tenants by domain."""

    sign_ins: tuple[SignIn, ...]
    sip_passwords: dict[tuple[str, str], str]
    tenants: dict[str, directory.Tenant]


def make(db: sa.Engine, clock: Clock) -> Offices:
    """Create the tenants of the script in an empty, migrated database."""
    sign_ins: list[SignIn] = []
    passwords: dict[tuple[str, str], str] = {}
    tenants: dict[str, directory.Tenant] = {}
    for office in OFFICES:
        tenant = tenants[office.domain] = directory.add_tenant(
            db, clock, office.name, office.domain, time_zone=office.time_zone, languages=office.languages
        )
        passwords |= {(office.domain, n): p for n, p in _phones(db, clock, office, tenant).items()}
        for local, name, role, extension in office.people:
            sign_in = SignIn(f"{local}@{office.domain}", secrets.token_urlsafe(9), role, office.name, office.domain)
            directory.add_person(
                db, clock, tenant.tenant_id, sign_in.email, name, role, sign_in.password, own_extension=extension
            )
            sign_ins.append(sign_in)
    return Offices(tuple(sign_ins), passwords, tenants)


def _phones(db: sa.Engine, clock: Clock, office: DemoOffice, tenant: directory.Tenant) -> dict[str, str]:
    """The extensions, by the office's model if it has one; their SIP passwords by number."""
    if office.model is not None:
        model = modelfile.read_toml(office.model.read_text())
        return models.apply(db, clock, tenant.tenant_id, model, "callbench demo", "the office opens").passwords
    made = {number: directory.new_sip_password() for number, _ in office.phones}
    for number, name in office.phones:
        directory.add_extension(db, clock, tenant, number, made[number], display_name=name)
    return made
