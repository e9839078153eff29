"""What passes between us and a carrier: whom it calls and in whose name, what it may see of us."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aiosipua.headers import CaseInsensitiveDict
from aiosipua.message import SipMessage, SipRequest, SipResponse

from pbx_core.sip import routing
from pbx_core.sip.message import cseq_of, header, tag_of

ANONYMOUS = "anonymous"
_DIGITS = re.compile(r"^\+?[0-9]{1,20}$")
_SEPARATORS = re.compile(r"[\s().-]|%20")
_NUMBER = re.compile(r"(?:sips?:([^@;>?:]*)[^@>]*@|tel:([^;>?]*))", re.IGNORECASE)
_SHOWN = re.compile(r"^\+[0-9]{3,15}$")
_TRANSPORTS = {"udp": "", "tcp": ";transport=tcp", "tls": ";transport=tls"}


@dataclass(frozen=True)
class Carrier:
    """How a carrier is addressed: its name (domain of From and To) and what its numbers look like."""

    host: str
    port: int
    transport: str
    number_format: str = "e164"

    def uri(self, user: str = "") -> str:
        """A URI of the carrier's, for the request line."""
        port = "" if self.port == (5061 if self.transport == "tls" else 5060) else f":{self.port}"
        return f"sip:{user + '@' if user else ''}{self.host}{port}{_TRANSPORTS[self.transport]}"

    def aor(self, user: str) -> str:
        """An address of record in its domain."""
        return f"sip:{user}@{self.host}"


def digits_of(user: str) -> str:
    """A number as dialled, visual separators removed; "" when it is none."""
    text = _SEPARATORS.sub("", user)
    return text if _DIGITS.match(text) else ""


def number_in(text: str) -> str:
    """The number in a URI or in a header with one (sip:+49…;phone-context=…@host, tel:+49…); "" when it has none."""
    found = _NUMBER.search(text[:1000])
    return digits_of(found.group(1) or found.group(2)) if found else ""


def called(request: SipRequest) -> list[str]:
    """Whom a carrier may mean, the likeliest first: request URI, P-Called-Party-ID, To; numbers only."""
    named = [request.uri, *request.headers.get("p-called-party-id")[:1], header(request, "to")]
    return [number for number in dict.fromkeys(number_in(text) for text in named) if number]


def caller(request: SipRequest, number_format: str = "e164") -> str:
    """The caller's number as the carrier says it, P-Asserted-Identity before From; "anonymous" when withheld. Carriers
    of format digits leave the + out."""
    if any("id" in value.lower().split(";") or "user" in value.lower() for value in request.headers.get("privacy")):
        return ANONYMOUS
    for name in ("p-asserted-identity", "from"):
        for value in request.headers.get(name)[:2]:
            found = number_in(value)
            if found:
                return found if found.startswith(("+", "0")) or number_format != "digits" else f"+{found}"
    return ANONYMOUS


def shown(number: str, number_format: str) -> str:
    """A verified number as this carrier wants to see it in From; "" when it is none."""
    if not _SHOWN.match(number):
        return ""
    return number[1:] if number_format == "digits" else number


def dress(invite: SipRequest, carrier: Carrier, number: str, caller_id: str, contact: str) -> None:
    """Make a worker's INVITE fit to be seen by the carrier: its addresses, the verified caller, none of our names."""
    name = shown(caller_id, carrier.number_format)
    invite.uri = carrier.uri(number)
    invite.headers.set_single("To", f"<{carrier.aor(number)}>")
    invite.headers.set_single("From", f"{from_of(name, carrier.host)};tag={tag_of(invite, 'from')}")
    routing.strip(invite, "Route", "Authorization", "Proxy-Authorization")
    routing.strip(invite, *routing.CLAIMED_HEADERS, *routing.PRODUCT_HEADERS)
    routing.strip_internal(invite)
    if name:
        invite.headers.append("P-Asserted-Identity", f"<{carrier.aor(caller_id)}>")
    mask(invite, contact)


def from_of(name: str, host: str) -> str:
    """A From without tag: the number shown, or nobody."""
    return f"<sip:{name}@{host}>" if name else '"Anonymous" <sip:anonymous@anonymous.invalid>'


def mask(message: SipMessage, contact: str) -> None:
    """Write `contact` in place of the worker's own, which names an address that nobody outside reaches."""
    if message.headers.get("contact"):
        message.headers.set_single("Contact", f"<{contact}>")


def restore(response: SipResponse, request: SipRequest) -> None:
    """Give a carrier's answer the names that the worker used: From, To (with the carrier's tag) and CSeq."""
    to, tag = header(request, "to"), tag_of(response, "to")
    response.headers.set_single("From", header(request, "from"))
    if tag and not tag_of(request, "to"):
        to = f"{to if '<' in to else '<' + to + '>'};tag={tag}"
    response.headers.set_single("To", to)


def ahead(request: SipRequest, by: int) -> None:
    """Count a worker's request on from the INVITE that answered the carrier's challenge."""
    number, method = cseq_of(request)
    request.headers.set_single("CSeq", f"{number + by} {method}")
    parts = header(request, "rack").split()
    if len(parts) == 3 and parts[1].isdigit():
        request.headers.set_single("RAck", f"{parts[0]} {int(parts[1]) + by} {parts[2]}")


def limits(request: SipRequest) -> dict[str, int]:
    """`X-Limits: calls=10,international=2` → the tenant's simultaneous limits."""
    found = {}
    for part in header(request, "x-limits").split(","):
        name, _, value = part.strip().partition("=")
        if value.isascii() and value.isdigit():
            found[name] = int(value[:6])
    return found


def probe(target: str, from_uri: str, call_id: str, tag: str) -> SipRequest:
    """An OPTIONS without Via: is anybody there?"""
    headers = CaseInsensitiveDict()
    headers.append("Max-Forwards", "70")
    headers.append("From", f"<{from_uri}>;tag={tag}")
    headers.append("To", f"<{target}>")
    headers.append("Call-ID", call_id)
    headers.append("CSeq", "1 OPTIONS")
    headers.append("Accept", "application/sdp")
    return SipRequest(headers=headers, body=b"", method="OPTIONS", uri=target)
