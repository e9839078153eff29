"""Where a webhook may go: nowhere inside. A name is resolved once, every address of it is looked at, and the connection
goes to the very address that was looked at, so that a name that changes meanwhile (DNS rebinding) changes nothing.

Numbers in odd writings (2130706433, 0x7f.1) are resolved like names, and their address is looked at like any other.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from pbx_core.errors import InputError, Unavailable

URL_CHARS_MAX = 2000
PORTS = "443, or 1024 and above"
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\.?")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Sequence[str]]  # host, port → addresses; OSError when there are none

# IPv6 that carries an IPv4 address to somewhere else: NAT64 (two prefixes), 6to4, Teredo, IPv4-compatible
_CARRIERS = [ipaddress.IPv6Network(n) for n in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96")]


@dataclass(frozen=True)
class Target:
    """An address of the web, taken apart. path: with its query."""

    https: bool
    host: str
    port: int
    path: str


def parse(url: str) -> Target:
    """InputError when the URL cannot be one of a webhook."""
    if len(url) > URL_CHARS_MAX or not url.isascii() or not url.isprintable() or " " in url:
        raise _bad(f"it is longer than {URL_CHARS_MAX} characters, or holds others than printable ASCII")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _bad("it is no URL") from None
    host = parts.hostname or ""
    if parts.scheme not in ("https", "http"):
        raise _bad("it must begin with https://")
    if "@" in parts.netloc:
        raise _bad("it may hold no user name; the signature tells who sends")
    if parts.fragment or "#" in url:
        raise _bad("it may hold no #")
    if not _HOST.fullmatch(host) and not _is_v6(host):
        raise _bad("it names no host")
    https = parts.scheme == "https"
    port = port if port is not None else 443 if https else 80
    if port != 443 and port < 1024 and https:
        raise _bad(f"its port must be {PORTS}")
    return Target(https, host, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


def _is_v6(host: str) -> bool:
    try:
        return isinstance(ipaddress.ip_address(host), ipaddress.IPv6Address)
    except ValueError:
        return False


def _bad(why: str) -> InputError:
    return InputError(f"The URL of the webhook does not fit: {why}. Nothing was kept.", error_id="bad_url")


def system_resolve(host: str, port: int) -> Sequence[str]:
    """By the machine's resolver, its own time limits."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def locate(target: Target, resolve: Resolve, inside: Sequence[Network]) -> str:
    """The one address to connect to. inside: networks that the operator has allowed, http included. InputError
    where the target may not go, Unavailable when its name is not known now."""
    try:
        found = [_address(text) for text in resolve(target.host, target.port)]
    except (OSError, UnicodeError):
        found = []
    if not found:
        raise Unavailable(f"The name {target.host} is not known (DNS).")
    for address in found:
        if any(address.version == n.version and address in n for n in inside):
            continue
        if not target.https:
            raise _forbidden("only https:// is allowed")
        if not is_public(address):
            raise _forbidden(f"{target.host} leads to {address}, which is no public address")
    return str(found[0])


def is_public(address: Address) -> bool:
    """Whether it is an address of the open internet and of nothing else."""
    if isinstance(address, ipaddress.IPv6Address) and (
        address.ipv4_mapped or address.is_site_local or any(address in n for n in _CARRIERS)
    ):
        return False
    bad = address.is_private or address.is_loopback or address.is_link_local or address.is_unspecified
    return not bad and not address.is_multicast and not address.is_reserved and address.is_global


def _address(text: str) -> Address:
    return ipaddress.ip_address(text.partition("%")[0])


def _forbidden(why: str) -> InputError:
    return InputError(
        f"Webhooks may not go there: {why}. The operator can allow networks with `webhook_networks`.",
        error_id="forbidden_address",
        status=403,
    )
