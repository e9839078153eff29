"""The few pieces of SIP text that pass between the engine and the edge beside the engine's own: response headers for
us, transfer wishes, progress of a transfer. Pure; everything read here may come from a stranger."""

from __future__ import annotations

import re
from typing import Any

HEADERS_MAX = 32  # X- headers kept of one message
VALUE_CHARS_MAX = 1024
_HEADER = re.compile(r"^(x-[a-z0-9-]{1,40})[ \t]*:[ \t]*(.*?)[ \t]*$", re.IGNORECASE)
_SDP = re.compile(r"\r\n(?:content-type|c)[ \t]*:[ \t]*application/sdp\b", re.IGNORECASE)
_REFER_SUB_OFF = re.compile(r"^\s*false\b", re.IGNORECASE)


def x_headers(message: str) -> dict[str, str]:
    """The X- headers of a SIP message, names in lower case. The last of equal names counts: an engine's later response
    repeats the headers of its earlier ones."""
    found: dict[str, str] = {}
    for line in message.split("\r\n\r\n", 1)[0].split("\r\n")[1:]:
        match = _HEADER.match(line)
        if match and (len(found) < HEADERS_MAX or match[1].lower() in found):
            found[match[1].lower()] = match[2][:VALUE_CHARS_MAX]
    return found


def has_sdp(message: str) -> bool:
    """Whether a message carries a session description: early media, in a provisional response."""
    head, _, body = message.partition("\r\n\r\n")
    return body.startswith("v=0") and _SDP.search(head) is not None


def transfer_wish(body: str) -> dict[str, Any] | None:
    """The detail of TRANSFER from the MESSAGE into which the edge turns a REFER; None when it is none."""
    lines = body.replace("\r\n", "\n").split("\n")
    if lines[0].strip() != "REFER":
        return None
    values: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            values.setdefault(name.strip().lower(), value.strip()[:VALUE_CHARS_MAX])
    if "refer-to" not in values:
        return None
    return {
        "refer_to": values["refer-to"],
        "refer_sub": not _REFER_SUB_OFF.match(values.get("refer-sub", "")),
        "referred_by": values.get("referred-by", ""),
    }


def notify_headers(final: bool) -> dict[str, str]:
    """Headers of a NOTIFY about a transfer (RFC 3515 2.4.5)."""
    state = "terminated;reason=noresource" if final else "active;expires=60"
    return {"Event": "refer", "Subscription-State": state}


def sipfrag(status: int, reason: str) -> str:
    """Its body: the status line of what became of the transfer."""
    return f"SIP/2.0 {status} {' '.join(reason.split())[:64] or 'Unknown'}\r\n"
