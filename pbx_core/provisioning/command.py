"""`callbench phone`: an address by which a desk phone or a softphone sets itself up, once."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import segno

from pbx_core.clock import SystemClock
from pbx_core.errors import InputError
from pbx_core.provisioning import delivery
from pbx_core.provisioning.vendors import VENDORS, Vendor, mac_of
from pbx_core.settings import Settings, load
from pbx_core.store import provisioning
from pbx_core.store.terminal import open_db, say, tenant_of


@click.group()
def phone() -> None:
    """Desk phones and softphones that set themselves up."""


@phone.command("add")
@click.option("--tenant", "domain", required=True, help="Domain of the tenant.")
@click.option("--number", required=True, help="Extension of the phone; it gets a new SIP password.")
@click.option("--vendor", required=True, type=click.Choice(sorted(VENDORS)), help="Kind of phone.")
@click.option("--mac", default="", help="Hardware address, on the label of a desk phone: only it is answered then.")
@click.option(
    "--transport", default="tls", show_default=True, type=click.Choice(delivery.TRANSPORTS), help="How it signs in."
)
@click.pass_obj
def phone_add(data: Path, domain: str, number: str, vendor: str, mac: str, transport: str) -> None:
    """Print the address from which the phone fetches its settings, and a QR code of it. It works once."""
    settings, db = load(data), open_db(data)
    owner = tenant_of(db, domain)
    try:
        plain = mac_of(mac) if mac else ""
    except ValueError:
        raise InputError(f"{mac!r} is no hardware address (12 hex digits); nothing was made.") from None
    secret = provisioning.invite(db, settings, SystemClock(), owner.tenant_id, number, vendor, plain, transport)
    _show(settings, VENDORS[vendor], secret, plain, number)


def _show(settings: Settings, vendor: Vendor, secret: str, mac: str, number: str) -> None:
    base = f"{delivery.base_url(settings)}/provision/{secret}"
    address = vendor.url.format(base=base, bare=base.removeprefix("https://"))
    say(f"{vendor.title}: {vendor.where}:")
    say(address)
    if vendor.vendor == "linphone":
        say(f"linphone-config:{address}")
    elif mac:
        say(f"The phone fetches {base}/{vendor.account.format(mac=mac)}")
    if sys.stdout.isatty() or vendor.vendor == "linphone":
        segno.make(address, micro=False).terminal(out=sys.stdout, compact=True)
    say(
        f"Good for {settings.provisioning_ttl_s / 3600:g} hours and for one phone. When it fetches its file, "
        f"extension {number} gets a new SIP password: phones that know the old one cannot sign in any more."
    )
    say("Note the address now: it is not kept and cannot be shown again.")
