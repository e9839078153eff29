"""SIP messages: strict parsing on top of aiosipua's parser, responses, and header surgery for a proxy."""

from __future__ import annotations

import re
from collections.abc import Iterable

from aiosipua.header_codec import parse_address, parse_uri, parse_via, stringify_via
from aiosipua.headers import Address, CaseInsensitiveDict, SipUri, Via
from aiosipua.message import SipMessage, SipRequest, SipResponse

from pbx_core.errors import PeerError

MAGIC = "z9hG4bK"  # RFC 3261 8.1.1.7
CSEQ_MAX = 2**31 - 1
REASONS = {
    100: "Trying",
    180: "Ringing",
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    413: "Request Entity Too Large",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    423: "Interval Too Brief",
    430: "Flow Failed",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    487: "Request Terminated",
    489: "Bad Event",
    500: "Server Internal Error",
    407: "Proxy Authentication Required",
    503: "Service Unavailable",
    505: "Version Not Supported",
    513: "Message Too Large",
}
_TOKEN = re.compile(r"^[A-Za-z0-9.!%*_+`'~-]+$")
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*$")
_BRACKETS = re.compile(r"<([^<>]*)>")
_SIP_INSIDE = re.compile(r"(?:^|<)\s*sips?:", re.IGNORECASE)
_VIA = re.compile(r"^\s*SIP\s*/", re.IGNORECASE)
_ONCE = ("from", "to", "call-id", "cseq", "max-forwards", "content-length", "expires")
_REQUEST_LINE = re.compile(rb"^([A-Za-z0-9.!%*_+`'~-]{1,64}) (\S{1,1024}) SIP/(\d+\.\d+)$")
_STATUS_LINE = re.compile(rb"^SIP/2\.0 ([1-6]\d\d)(?: .*)?$")


class Malformed(PeerError):
    """A message that breaks RFC 3261. `request` is set when it can still be answered, with `status`."""

    def __init__(self, reason: str, request: SipRequest | None = None, status: int = 400) -> None:
        super().__init__(reason)
        self.request = request
        self.status = status


def parse(data: bytes) -> SipRequest | SipResponse:
    """Parse and check one message as it came from the wire; Malformed says what is wrong with it."""
    line = data[: data.find(b"\n")].rstrip(b"\r") if b"\n" in data else b""
    is_response = line.startswith(b"SIP/")
    start = (_STATUS_LINE if is_response else _REQUEST_LINE).match(line)
    message = _parse(data)
    if isinstance(message, SipResponse):
        if start is None:
            raise Malformed("status line")
        _check_headers(message, len(data))
        return message
    request = message if _answerable(message) else None
    if start is None:
        raise Malformed("request line", request)
    if start.group(3) != b"2.0":
        raise Malformed("SIP version", request, 505)
    try:
        _check_headers(message, len(data))
        _check_request(message)
    except Malformed as fault:
        raise Malformed(str(fault), request, fault.status) from None
    return message


def _parse(data: bytes) -> SipRequest | SipResponse:
    try:
        message = SipMessage.parse(data)
    except (ValueError, IndexError) as error:
        raise Malformed(f"unreadable: {error}") from None
    for name, _ in list(message.headers.items()):
        if not _TOKEN.match(name):
            message.headers.remove(name)
    return message


def _answerable(request: SipRequest) -> bool:
    """Whether a 400 would find its way back: the fields a response copies are there."""
    return all(request.headers.get(n) for n in ("via", "from", "to", "call-id", "cseq")) and bool(top_via(request).host)


def _check_headers(message: SipMessage, size: int) -> None:
    headers = message.headers
    for name in ("via", "from", "to", "call-id", "cseq"):
        if not headers.get_first(name):
            raise Malformed(f"no {name}")
    for name in _ONCE:
        if len(headers.get(name)) > 1:
            raise Malformed(f"{name} twice")
    if any("\0" in value for _, values in headers.items() for value in values):
        raise Malformed("NUL in a header")
    cseq = (headers.get_first("cseq") or "").split()
    if len(cseq) != 2 or not (cseq[0].isascii() and cseq[0].isdigit()) or int(cseq[0][:12]) > CSEQ_MAX:
        raise Malformed("cseq")
    declared = headers.get_first("content-length")
    if declared is not None:
        if not (declared.isascii() and declared.isdigit()) or int(declared[:12]) > size:
            raise Malformed("content-length")
        if int(declared) > len(message.body):
            raise Malformed("body shorter than content-length")
    if not top_via(message).host or not all(_VIA.match(value) for value in headers.get("via")):
        raise Malformed("via")


def _check_request(request: SipRequest) -> None:
    headers = request.headers
    if cseq_of(request)[1] != request.method:
        raise Malformed("cseq names another method")
    scheme, colon, rest = request.uri.partition(":")
    if not colon or scheme.lower() not in ("sip", "sips"):
        raise Malformed("request URI", status=416 if colon and _SCHEME.match(scheme) else 400)
    if not rest or any(c in rest for c in '<>"') or "?" in rest.rpartition("@")[2]:
        raise Malformed("request URI")
    for name in ("from", "to"):
        value = headers.get_first(name) or ""
        if value.count("<") != value.count(">") and value.count('"') < 2:
            raise Malformed(name)
        inside = _BRACKETS.search(value)
        if inside and inside.group(1).strip() != inside.group(1):
            raise Malformed(name)
        if not address(value).uri.host:
            raise Malformed(name)
    if request.method == "REGISTER" and not _SIP_INSIDE.search(headers.get_first("to") or ""):
        raise Malformed("to")
    hops = headers.get_first("max-forwards")
    if hops is not None and not (hops.isascii() and hops.isdigit() and int(hops[:4]) <= 255):
        raise Malformed("max-forwards")


def address(value: str) -> Address:
    """A name-addr; Malformed when it cannot be read. Tolerates '<' inside a quoted display name."""
    text = value.strip()
    if text.startswith('"'):
        end = 1
        while end < len(text) and text[end] != '"':
            end += 2 if text[end] == "\\" else 1
        parsed = _address(text[end + 1 :])
        parsed.display_name = text[1:end]
        return parsed
    return _address(text)


def _address(text: str) -> Address:
    try:
        parsed = parse_address(text)
    except ValueError as error:
        raise Malformed(f"address: {error}") from None
    inside = _BRACKETS.search(text)
    if inside:
        parsed.uri = uri(inside.group(1))
    return parsed


def uri(text: str) -> SipUri:
    """A SIP URI; Malformed when it cannot be read. A user may hold `;` and `?` of its own (RFC 3261 25.1)."""
    scheme, colon, rest = text.partition(":")
    user, at, host = rest.partition("@")
    try:
        if colon and at and scheme.strip().lower() in ("sip", "sips"):
            parsed = parse_uri(f"{scheme}:{host}")
            parsed.user = user
            return parsed
        return parse_uri(text)
    except ValueError as error:
        raise Malformed(f"URI: {error}") from None


def top_via(message: SipMessage) -> Via:
    """The topmost Via, parsed; Malformed when there is none."""
    values = message.headers.get("via")
    if not values:
        raise Malformed("no via")
    try:
        return parse_via(values[0])
    except (ValueError, UnboundLocalError) as error:
        raise Malformed(f"via: {error}") from None


def cseq_of(message: SipMessage) -> tuple[int, str]:
    """CSeq number and method of a checked message."""
    number, method = (message.headers.get_first("cseq") or "0 ?").split()
    return int(number), method


def header(message: SipMessage, name: str) -> str:
    """The first value of a header, or an empty string."""
    return message.headers.get_first(name) or ""


def tag_of(message: SipMessage, name: str) -> str:
    """The tag of From or To, or an empty string."""
    return address(header(message, name)).params.get("tag") or ""


def user_host(value: str) -> tuple[str, str]:
    """User and lower-case host of a From or To header."""
    parsed = address(value).uri
    return parsed.user or "", parsed.host.lower()


def stamp_source(request: SipRequest, host: str, port: int) -> None:
    """Write where the request really came from into its topmost Via. RFC 3261 18.2.1, RFC 3581."""
    via = top_via(request)
    wanted = "rport" in via.params
    via.params.pop("received", None)
    if wanted:
        via.params["rport"] = str(port)
    if wanted or via.host != host:
        via.params["received"] = host
    request.headers.get("via")[0] = stringify_via(via)


def prepend(headers: CaseInsensitiveDict, name: str, value: str) -> None:
    """Put a value before all others of its header."""
    values = headers.get(name)
    if values:
        values.insert(0, value)
    else:
        headers.append(name, value)


def pop_first(headers: CaseInsensitiveDict, name: str) -> str | None:
    """Take the first value of a header away; None when there is none."""
    values = headers.get(name)
    if not values:
        return None
    value = values.pop(0)
    if not values:
        headers.remove(name)
    return value


def clone(request: SipRequest) -> SipRequest:
    """A copy whose headers can be changed without touching the original."""
    return SipRequest(headers=request.headers.copy(), body=request.body, method=request.method, uri=request.uri)


def response(
    request: SipRequest, status: int, tag: str = "", headers: Iterable[tuple[str, str]] = (), reason: str = ""
) -> SipResponse:
    """A response of our own, without body. `tag` is put on To where it has none; 100 carries none."""
    made = CaseInsensitiveDict()
    for name in ("Via", "From", "To", "Call-ID", "CSeq"):
        for value in request.headers.get(name):
            made.append(name, value)
    if status != 100 and tag:
        to = header(request, "to")
        if ";tag=" not in to.rpartition(">")[2].lower():
            made.set_single("To", f"{to if '<' in to else '<' + to + '>'};tag={tag}")
    for name, value in headers:
        made.append(name, value)
    text = reason or REASONS.get(status, "Unknown")
    return SipResponse(headers=made, body=b"", status_code=status, reason_phrase=text)


def cancel_for(invite: SipRequest, reason: str = "") -> SipRequest:
    """The CANCEL of an INVITE that we sent: same branch, same Route. RFC 3261 9.1; `reason` as in RFC 3326."""
    made = _same_hop(invite, "CANCEL", header(invite, "to"))
    if reason:
        made.headers.append("Reason", reason)
    return made


def ack_for_failure(invite: SipRequest, answer: SipResponse) -> SipRequest:
    """The hop-by-hop ACK of a non-2xx answer. RFC 3261 17.1.1.3."""
    return _same_hop(invite, "ACK", header(answer, "to"))


def _same_hop(invite: SipRequest, method: str, to: str) -> SipRequest:
    headers = CaseInsensitiveDict()
    headers.append("Via", invite.headers.get("via")[0])
    for value in invite.headers.get("route"):
        headers.append("Route", value)
    headers.append("Max-Forwards", "70")
    headers.append("From", header(invite, "from"))
    headers.append("To", to)
    headers.append("Call-ID", header(invite, "call-id"))
    headers.append("CSeq", f"{cseq_of(invite)[0]} {method}")
    return SipRequest(headers=headers, body=b"", method=method, uri=invite.uri)


def in_dialog(invite: SipRequest, answer: SipResponse, method: str, via: str) -> SipRequest:
    """An ACK or BYE of ours towards whoever answered `invite` with 2xx `answer`: ends a call nobody wants."""
    contact = answer.headers.get_first("contact")
    headers = CaseInsensitiveDict()
    headers.append("Via", via)
    headers.append("Max-Forwards", "70")
    headers.append("From", header(invite, "from"))
    headers.append("To", header(answer, "to"))
    headers.append("Call-ID", header(invite, "call-id"))
    headers.append("CSeq", f"{cseq_of(invite)[0] + (method != 'ACK')} {method}")
    target = invite.uri
    if contact:
        inside = re.search(r"<([^>]*)>", contact)
        target = inside.group(1) if inside else contact.partition(";")[0]
    return SipRequest(headers=headers, body=b"", method=method, uri=target)
