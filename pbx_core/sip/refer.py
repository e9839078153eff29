"""REFER as the worker gets it: an in-dialog MESSAGE, because its engine would place the transferred call itself."""

from __future__ import annotations

import re

from aiosipua.message import SipRequest

from pbx_core.sip.message import Malformed, address, clone, cseq_of, header

VALUE_CHARS_MAX = 1000
_CARRIED = ("Refer-To", "Refer-Sub", "Referred-By")
_DROPPED = (*_CARRIED, "Content-Type", "Content-Length", "Content-Disposition", "Content-Encoding", "Supported")
_URI = re.compile(r"(?:^|<)\s*(?:sips?|tel):", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def as_message(request: SipRequest) -> SipRequest:
    """The MESSAGE of text/plain that says the same; Malformed when Refer-To is missing, double or not an address."""
    targets = request.headers.get("refer-to") or request.headers.get("r")
    if len(targets) != 1 or len(targets[0]) > VALUE_CHARS_MAX or not _URI.search(targets[0]):
        raise Malformed("refer-to", request)
    if not address(targets[0]).uri.host:
        raise Malformed("refer-to", request)
    lines = ["REFER", f"Refer-To: {_clean(targets[0])}"]
    for name, short in (("Refer-Sub", ""), ("Referred-By", "b")):
        value = header(request, name) or (header(request, short) if short else "")
        if value:
            lines.append(f"{name}: {_clean(value)}")
    made = clone(request)
    for name in (*_DROPPED, "r", "b"):
        made.headers.remove(name)
    made.method = "MESSAGE"
    made.headers.set_single("CSeq", f"{cseq_of(request)[0]} MESSAGE")
    made.headers.set_single("Content-Type", "text/plain")
    made.body = ("\r\n".join(lines) + "\r\n").encode()
    return made


def _clean(value: str) -> str:
    return _CONTROL.sub(" ", value)[:VALUE_CHARS_MAX].strip()
