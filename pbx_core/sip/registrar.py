"""What a REGISTER changes: pure decisions over the bindings of one address of record. RFC 3261 10.3."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from aiosipua.message import SipRequest

from pbx_core.sip.message import Malformed, address, cseq_of, header, uri

CONTACT_CHARS_MAX = 512
_URI = re.compile(r"<([^<>]*)>")
_QUOTED = re.compile(r'\s*"(?:[^"\\]|\\.)*"')


@dataclass(frozen=True)
class Binding:
    """A phone that serves an extension. `source` (transport:host:port) is where requests to it go; times are
    UTC epoch seconds."""

    tenant_id: str
    number: str
    contact: str
    source: str
    call_id: str
    cseq: int
    q: float
    user_agent: str
    instance: str
    registered_at: float
    expires_at: float


@dataclass(frozen=True)
class Limits:
    """Bounds on what is granted; seconds and a count."""

    expires_min_s: int
    expires_max_s: int
    bindings_max: int


@dataclass(frozen=True)
class Outcome:
    """The answer's status and headers; `bindings` is the whole new set, None when nothing changes."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    bindings: tuple[Binding, ...] | None = None


@dataclass(frozen=True)
class _Contact:
    uri: str
    expires_s: int
    q: float
    instance: str


def decide(
    request: SipRequest, current: Sequence[Binding], limits: Limits, owner: tuple[str, str], source: str, now: float
) -> Outcome:
    """Judge an authenticated REGISTER. `owner`: (tenant_id, number); `now`: UTC epoch seconds."""
    live = [b for b in current if b.expires_at > now]
    values = request.headers.get("contact")
    call_id, cseq = header(request, "call-id"), cseq_of(request)[0]
    if any(v.strip() == "*" for v in values):
        if len(values) != 1 or header(request, "expires").strip() != "0":
            return Outcome(400)
        return _ordered(live, call_id, cseq) or Outcome(200, (), ())
    if not values:
        return Outcome(200, _contacts(live, now))
    try:
        asked = [_contact(v, header(request, "expires"), limits) for v in values]
    except Malformed:
        return Outcome(400)
    if any(0 < c.expires_s < limits.expires_min_s for c in asked):
        return Outcome(423, (("Min-Expires", str(limits.expires_min_s)),))
    named = {c.uri for c in asked}
    late = _ordered([b for b in live if b.contact in named], call_id, cseq)
    if late:
        return late
    kept = [b for b in live if b.contact not in named]
    for contact in asked:
        if contact.expires_s == 0:
            continue
        if contact.instance:
            kept = [b for b in kept if b.instance != contact.instance]
        before = next((b.registered_at for b in live if b.contact == contact.uri), now)
        kept.append(
            Binding(
                owner[0],
                owner[1],
                contact.uri,
                source,
                call_id[:256],
                cseq,
                contact.q,
                header(request, "user-agent")[:128],
                contact.instance,
                before,
                now + min(contact.expires_s, limits.expires_max_s),
            )
        )
    if len(kept) > limits.bindings_max:
        return Outcome(403)
    return Outcome(200, _contacts(kept, now), tuple(kept))


def move(binding: Binding, source: str) -> Binding:
    """The same binding reached over another flow."""
    return replace(binding, source=source)


def _ordered(touched: Sequence[Binding], call_id: str, cseq: int) -> Outcome | None:
    """A request older than what it would change is refused. RFC 3261 10.3 steps 6 and 7."""
    if any(b.call_id == call_id and cseq <= b.cseq for b in touched):
        return Outcome(500, (("Retry-After", "1"),))
    return None


def _contacts(bindings: Sequence[Binding], now: float) -> tuple[tuple[str, str], ...]:
    return tuple(("Contact", f"<{b.contact}>;expires={max(0, round(b.expires_at - now))}") for b in bindings)


def _contact(value: str, expires_header: str, limits: Limits) -> _Contact:
    name = _QUOTED.match(value)  # a name in quotes may hold brackets of its own, and so may a parameter behind
    found = _URI.search(value, name.end() if name else 0)
    parsed = address(value)
    text = found.group(1).strip() if found else value.partition(";")[0].strip()
    target = uri(text)
    if not text.lower().startswith(("sip:", "sips:")) or not target.host or len(text) > CONTACT_CHARS_MAX:
        raise Malformed("contact")
    asked = parsed.params.get("expires") or expires_header
    expires_s = int(asked[:9]) if asked.isascii() and asked.isdigit() else limits.expires_max_s
    try:
        q = min(1.0, max(0.0, float(parsed.params.get("q") or 1)))
    except ValueError:
        q = 1.0
    instance = (parsed.params.get("+sip.instance") or "").strip('"')[:128]
    return _Contact(text, expires_s, q, instance)
