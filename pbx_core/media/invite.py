"""Reads what the edge says in an INVITE: who calls whom in which tenant. Pure; the edge has parsed and checked it."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from pbx_core.errors import PeerError

NAME_CHARS_MAX = 64
_REQUEST = re.compile(r"^INVITE sips?:([^@;>\s]{1,64})@([^;>\s:?]{1,253})\S* SIP/2\.0$", re.IGNORECASE)
_FROM_NAME = re.compile(r'^\s*(?:"((?:[^"\\]|\\.)*)"|([^<"]*?))\s*<')
_TENANT = re.compile(r"^[0-9a-f]{32}$")
_USER = re.compile(r"^[A-Za-z0-9._+*#-]{1,64}$")


@dataclass(frozen=True)
class Invite:
    """One call wish. `caller_name` is hostile text, cut to 64 visible characters."""

    tenant_id: str
    domain: str
    caller_number: str
    caller_name: str
    callee_number: str
    sip_call_id: str
    source: str


def parse(message: str) -> Invite:
    """Read an INVITE as text; PeerError says what the edge left out."""
    head = message.split("\r\n\r\n", 1)[0].split("\r\n")
    request = _REQUEST.match(head[0].strip())
    if request is None:
        raise PeerError("the request line names no user and domain")
    headers: dict[str, str] = {}
    for line in head[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers.setdefault(name.strip().lower(), value.strip())
    tenant_id = headers.get("x-tenant", "")
    caller = headers.get("x-auth-user", "")
    if not _TENANT.match(tenant_id):
        raise PeerError("no X-Tenant")
    if not _USER.match(caller) or not _USER.match(request[1]):
        raise PeerError("no usable caller or callee number")
    return Invite(
        tenant_id=tenant_id,
        domain=request[2].lower(),
        caller_number=caller,
        caller_name=display_name(headers.get("from", headers.get("f", ""))),
        callee_number=request[1],
        sip_call_id=headers.get("call-id", headers.get("i", ""))[:256],
        source=headers.get("x-source", "")[:128],
    )


def display_name(from_header: str) -> str:
    """The display name of a From header, unquoted, without control and bidi characters, at most 64 characters."""
    found = _FROM_NAME.match(from_header)
    if found is None:
        return ""
    text = re.sub(r"\\(.)", r"\1", found[1]) if found[1] is not None else (found[2] or "")
    return visible(text)


def visible(text: str) -> str:
    """Text from outside without control, format and surrogate characters, cut to 64."""
    kept = "".join(c for c in text if unicodedata.category(c)[0] != "C")
    return kept.strip()[:NAME_CHARS_MAX]


def name_addr(name: str, uri: str) -> str:
    """A name-addr of RFC 3261 with the name as a quoted string."""
    quoted = visible(name).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{uri}>' if quoted else f"<{uri}>"
