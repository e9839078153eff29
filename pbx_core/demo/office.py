"""Makes the demo's two tenants, with passwords thrown anew at every run."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import sqlalchemy as sa

from pbx_core.clock import Clock
from pbx_core.demo.script import OFFICES
from pbx_core.store import directory


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
    """What was made: sign-in data, and the SIP password of each phone by (domain, number)."""

    sign_ins: tuple[SignIn, ...]
    sip_passwords: dict[tuple[str, str], str]


def make(db: sa.Engine, clock: Clock) -> Offices:
    """Create the tenants of the script in an empty, migrated database."""
    sign_ins: list[SignIn] = []
    passwords: dict[tuple[str, str], str] = {}
    for office in OFFICES:
        tenant = directory.add_tenant(
            db, clock, office.name, office.domain, time_zone=office.time_zone, languages=office.languages
        )
        for number, name in office.phones:
            passwords[office.domain, number] = directory.new_sip_password()
            directory.add_extension(db, clock, tenant, number, passwords[office.domain, number], display_name=name)
        for local, name, role, extension in office.people:
            sign_in = SignIn(f"{local}@{office.domain}", secrets.token_urlsafe(9), role, office.name, office.domain)
            directory.add_person(
                db, clock, tenant.tenant_id, sign_in.email, name, role, sign_in.password, own_extension=extension
            )
            sign_ins.append(sign_in)
    return Offices(tuple(sign_ins), passwords)
