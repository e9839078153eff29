"""INVITEs that a worker sends: to extensions and trunks by way of the edge, and what the edge says in its answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pbx_core.domain.calls.commands import Dial
from pbx_core.domain.calls.events import EventType
from pbx_core.domain.model import Model
from pbx_core.errors import Unavailable
from pbx_core.media.floor import Floor
from pbx_core.media.invite import name_addr
from pbx_core.media.live_call import LiveCall
from pbx_core.media.port import DialTarget
from pbx_core.sip.display import visible

OFFERS_MAX = 100  # numbers in one X-Offers
ANONYMOUS = "anonymous"


def dial(floor: Floor, live: LiveCall, wish: Dial, model: Model) -> None:
    """Invite, and tell the call what came of it."""
    try:
        handle, sip_call_id = floor.port.dial(target_of(live, wish, model))
    except Unavailable as error:
        floor.tell(live, EventType.DIAL_FAILED, wish.leg, {"reason": str(error)[:200]})
        return
    numbers = [t.number for t in wish.targets]
    floor.take(live, wish.leg, handle, numbers[0] if len(numbers) == 1 else "", sip_call_id)
    trunk_id = wish.route.trunk_id if wish.route else ""
    floor.tell(live, EventType.DIALED, wish.leg, {"sip_call_id": sip_call_id, "targets": numbers, "trunk_id": trunk_id})


def target_of(live: LiveCall, wish: Dial, model: Model) -> DialTarget:
    """The INVITE's addresses and headers, as the edge expects them."""
    shown = wish.caller_number or ANONYMOUS
    from_uri = name_addr(wish.caller_name, f"sip:{shown}@{live.domain}")
    headers = {"X-Tenant": live.tenant_id, **live.headers}
    route = wish.route
    if route is None:
        numbers = [t.number for t in wish.targets]
        if len(numbers) > 1:
            headers["X-Fork"] = ",".join(numbers)
        return DialTarget(f"sip:{numbers[0]}@{live.domain}", from_uri, headers)
    headers["X-Trunk"] = route.trunk_id
    if route.caller_id:
        headers["X-Caller-Id"] = route.caller_id
    if route.emergency:
        headers["X-Emergency"] = "1"
    else:
        headers["X-Limits"] = f"calls={model.outbound.calls_max},international={model.outbound.international_calls_max}"
    if route.international:
        headers["X-International"] = "1"
    return DialTarget(f"sip:{route.number}@trunk", from_uri, headers)


def answer_detail(live: LiveCall, leg: str, detail: Mapping[str, Any]) -> dict[str, Any]:
    """The detail of `ringing`, `answered` or `ended` for the call: who it was, what became of each number, why the
    edge refused."""
    found = {k: v for k, v in detail.items() if k != "headers"}
    headers = detail.get("headers") or {}
    by = visible(str(headers.get("x-by", ""))) or live.numbers.get(leg, "")
    if by:
        found["by"] = by
    if "x-offers" in headers:
        found["offers"] = offers(str(headers["x-offers"]))
    if "x-reason" in headers:
        found["reason"] = visible(str(headers["x-reason"]))
    return found


def offers(text: str) -> dict[str, int]:
    """`101=486,102=0` as SIP status per number; what is no such pair is passed over."""
    found: dict[str, int] = {}
    for pair in text.split(",")[:OFFERS_MAX]:
        number, equals, status = pair.strip().partition("=")
        if equals and status.isdecimal() and len(status) <= 3:
            found[visible(number)] = int(status)
    return found
