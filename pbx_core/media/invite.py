"""Reads what the edge says in an INVITE: who calls whom in which tenant. Pure; the edge has parsed and checked it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from pbx_core.domain.nodes import Origin
from pbx_core.errors import PeerError
from pbx_core.sip.display import display_name, visible

_REQUEST = re.compile(r"^INVITE sips?:([^@;>\s]{1,64})@([^;>\s:?]{1,253})\S* SIP/2\.0$", re.IGNORECASE)
_TENANT = re.compile(r"^[0-9a-f]{32}$")
_USER = re.compile(r"^[A-Za-z0-9._+*#-]{1,64}$")
_TRUNK = re.compile(r"^[A-Za-z0-9._-]{1,64}$")
_REFER_TO = re.compile(r"<?\s*(?:sips?|tel):([^@;>?\s]{1,64})[^?>\s]{0,512}(?:\?([^>\s]{0,1024}))?", re.IGNORECASE)


@dataclass(frozen=True)
class Invite:
    """One call wish. A phone of ours calls `dialled`, or a trunk brings a call to `did`. `caller_name` is hostile text,
    cut to 64 visible characters."""

    tenant_id: str
    domain: str
    caller_number: str
    caller_name: str
    dialled: str
    sip_call_id: str
    source: str
    trunk_id: str = ""
    did: str = ""
    overflow: bool = False  # the channels of the DID are all in use

    @property
    def origin(self) -> Origin:
        """Who asks, for the dialplan."""
        if self.trunk_id:
            return Origin("trunk", self.caller_number, self.caller_name, did=self.did, trunk_id=self.trunk_id)
        return Origin("extension", self.caller_number, self.caller_name, extension=self.caller_number)


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
    trunk_id = headers.get("x-trunk", "")
    did = headers.get("x-did", "")
    caller = headers.get("x-caller", "anonymous") if trunk_id else headers.get("x-auth-user", "")
    dialled = unquote(request[1])
    if not _TENANT.match(tenant_id):
        raise PeerError("no X-Tenant")
    if not _USER.match(caller) or not _USER.match(dialled):
        raise PeerError("no usable caller or callee number")
    if trunk_id and not (_TRUNK.match(trunk_id) and _USER.match(did)):
        raise PeerError("no usable X-Trunk or X-Did")
    return Invite(
        tenant_id=tenant_id,
        domain=request[2].lower(),
        caller_number=caller,
        caller_name=display_name(headers.get("from", headers.get("f", ""))),
        dialled=dialled,
        sip_call_id=headers.get("call-id", headers.get("i", ""))[:256],
        source=headers.get("x-source", "")[:128],
        trunk_id=trunk_id,
        did=did,
        overflow=headers.get("x-overflow", "") == "1",
    )


def refer_to(value: str) -> tuple[str, str]:
    """(number, SIP Call-ID of the dialog to replace) of a Refer-To header; the second is "" for a blind transfer.
    PeerError when it names no number."""
    found = _REFER_TO.search(value)
    number = unquote(found[1]) if found else ""
    if found is None or not _USER.match(number):
        raise PeerError("Refer-To names no number")
    for part in (found[2] or "").split("&"):
        name, _, content = part.partition("=")
        if name.lower() == "replaces":
            return number, unquote(content).split(";", 1)[0][:256]
    return number, ""


def name_addr(name: str, uri: str) -> str:
    """A name-addr of RFC 3261 with the name as a quoted string."""
    quoted = visible(name).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{uri}>' if quoted else f"<{uri}>"
