"""Where a request goes: Route headers of our own, hops, loops, what is stripped, which worker takes a call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aiosipua.message import SipMessage, SipRequest

from pbx_core.sip.flow import Flow, FlowTokens
from pbx_core.sip.message import MAGIC, address, header, pop_first, top_via

BRANCH = f"{MAGIC}cB"  # every branch of ours begins so; a request that comes back with one loops
TOKEN = "ft"  # noqa: S105 the name of a URI parameter
INTERNAL_HEADERS = ("X-Tenant", "X-Auth-User", "X-Source", "X-Call-Id")
CLAIMED_HEADERS = ("P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID", "Diversion", "Identity")
PRODUCT_HEADERS = ("Server", "User-Agent")
MAX_FORWARDS = 70


@dataclass(frozen=True)
class WorkerSlot:
    """A worker as the pool sees it: its port on loopback, calls it can hold and holds, its process."""

    name: str
    port: int
    capacity: int
    calls: int
    pid: int = 0


def choose(workers: Iterable[WorkerSlot], tried: Mapping[str, float]) -> WorkerSlot | None:
    """The worker with most free slots that was not tried yet; None when there is none with a free slot."""
    free = [w for w in workers if w.calls < w.capacity and w.name not in tried]
    return max(free, key=lambda w: (w.capacity - w.calls, w.name), default=None)


def take_routes(request: SipRequest, tokens: FlowTokens) -> tuple[Flow, int] | None:
    """Remove our own Route values from the top; the dialog's two ends when one of them carries our token."""
    ends = None
    while True:
        values = request.headers.get("route")
        if not values:
            return ends
        token = address(values[0]).uri.params.get(TOKEN)
        found = tokens.open(token) if token else None
        if found is None:
            return ends
        pop_first(request.headers, "route")
        ends = found


def hops_left(request: SipRequest) -> int:
    """Max-Forwards of a checked request; 70 when absent."""
    text = header(request, "max-forwards")
    return int(text) if text else MAX_FORWARDS


def loops(request: SipRequest) -> bool:
    """Whether the request passed here before: one of its Via values carries a branch of ours."""
    return any(f"branch={BRANCH}" in value for value in request.headers.get("via"))


def strip(message: SipMessage, *names: str) -> None:
    """Remove headers."""
    for name in names:
        message.headers.remove(name)


def record_route(host: str, port: int, transport: str, token: str) -> str:
    """A Record-Route value that brings requests of the dialog back to us."""
    return f"<sip:{host}:{port};transport={transport};lr;{TOKEN}={token}>"


def lacks_slot(status: int, response: SipMessage) -> bool:
    """Whether a worker's answer means `no slot here, try the next one`: 486 or 503 that no call decided."""
    return status in (486, 503) and not header(response, "x-call-id")


def way_back(response: SipMessage) -> Flow | None:
    """Where a response goes on to, by its topmost Via alone; None when that makes no sense."""
    via = top_via(response)
    port = via.params.get("rport") or via.port or 5060
    text = f"{via.transport.lower()}:{via.params.get('received') or via.host}:{port}"
    return Flow.parse(text) if text.isascii() else None


def reply_to(request: SipRequest, flow: Flow) -> Flow:
    """Where responses go. RFC 3261 18.2.2, RFC 3581: the source, at the Via's port when rport was not asked for."""
    if flow.reliable:
        return flow
    via = top_via(request)
    return flow if "rport" in via.params else Flow(flow.transport, flow.host, via.port or 5060)
