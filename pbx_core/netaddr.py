"""The address that phones reach this machine at."""

from __future__ import annotations

import ipaddress
import socket

from pbx_core.settings import Settings


def public_address(settings: Settings) -> str:
    """The configured address; else sip_host when it names one; else the source address of the default route.

    127.0.0.1 when sip_host is loopback or the machine has no route out.
    """
    if settings.public_address:
        return settings.public_address
    if settings.sip_host == "localhost" or _is_loopback(settings.sip_host):
        return "127.0.0.1"
    if settings.sip_host not in ("", "0.0.0.0", "::"):
        return settings.sip_host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET-1, RFC 5737; connecting a UDP socket sends nothing
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
