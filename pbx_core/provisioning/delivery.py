"""What a phone gets that comes with its secret: decides which file it asks for, and hands over the one with a fresh
password once."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from pbx_core.clock import Clock
from pbx_core.netaddr import public_address
from pbx_core.provisioning import files
from pbx_core.provisioning.vendors import VENDORS, Vendor
from pbx_core.provisioning.zone import zone_of
from pbx_core.settings import Settings
from pbx_core.store import directory, models, provisioning
from pbx_core.store.provisioning import Invitation

TRANSPORTS = ("tls", "tcp", "udp")


@dataclass(frozen=True)
class Delivered:
    """A file for a phone."""

    text: str
    media_type: str


def fetch(
    db: sa.Engine, settings: Settings, clock: Clock, secret: str, name: str, address: str
) -> tuple[bool, Delivered | None]:
    """(whether the secret is good, the file). Phones ask for other files too, which there are not: a good secret and
    no file."""
    invited = provisioning.find(db, settings, clock, secret, address)
    if invited is None:
        return False, None
    vendor = VENDORS[invited.vendor]
    if vendor.is_account(name, invited.mac):
        return True, _account(db, settings, clock, secret, invited, vendor, address)
    if vendor.is_companion(name, invited.mac):
        return True, Delivered(files.companion_file(vendor), vendor.media_type)
    return True, None


def _account(
    db: sa.Engine,
    settings: Settings,
    clock: Clock,
    secret: str,
    invited: Invitation,
    vendor: Vendor,
    address: str,
) -> Delivered | None:
    owner = directory.tenant_by_id(db, invited.tenant_id)
    known = directory.extension_of(db, invited.tenant_id, invited.number)
    if owner is None or known is None:
        return None
    model = models.active(db, invited.tenant_id)[1]
    of_model = next((e for e in model.extensions if e.number == invited.number), None)
    office = next((o for o in model.offices if of_model and o.id == of_model.office), None)
    password = provisioning.deliver(db, settings, clock, secret, invited, owner, address)
    if password is None:
        return None
    account = files.Account(
        number=invited.number,
        name=known.display_name,
        domain=owner.domain,
        password=password,
        proxy=public_address(settings),
        port=settings.sip_tls_port if invited.transport == "tls" else settings.sip_port,
        transport=invited.transport,
        language=(of_model and of_model.language) or model.languages[0],
        zone=zone_of((office and office.time_zone) or model.time_zone),
        park_slots=model.park_slots,
        trusted=settings.tls_cert is not None,
    )
    return Delivered(files.account_file(vendor, account), vendor.media_type)


def base_url(settings: Settings) -> str:
    """How phones reach the API."""
    if settings.api_url:
        return settings.api_url.rstrip("/")
    host = public_address(settings)
    return f"https://{f'[{host}]' if ':' in host else host}:{settings.api_port}"
