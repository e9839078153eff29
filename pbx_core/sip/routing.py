"""Where a request goes: Route headers of our own, hops, loops, what is stripped, which worker takes a call."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from aiosipua.message import SipMessage, SipRequest

from pbx_core.sip.flow import Ends, Flow, FlowTokens
from pbx_core.sip.message import MAGIC, address, header, pop_first, top_via

BRANCH = f"{MAGIC}cB"  # every branch of ours begins so; a request that comes back with one loops
TOKEN = "ft"  # noqa: S105 the name of a URI parameter
INTERNAL_PREFIX = "x-"  # between edge and workers; none comes in from outside, none gets out
SMALL_CELL_CALLS_MAX = 10  # a worker that holds so few calls is full too soon to be kept for one tenant
SPARE_CALLS = 2  # room a worker must have to be chosen for what it carries already
CLAIMED_HEADERS = (
    "P-Asserted-Identity",
    "P-Preferred-Identity",
    "Remote-Party-ID",
    "Diversion",
    "History-Info",
    "Identity",
    "Privacy",
)
PRODUCT_HEADERS = ("Server", "User-Agent")
MAX_FORWARDS = 70


@dataclass(frozen=True)
class WorkerSlot:
    """A worker as the pool sees it: its port on loopback, calls it can hold and held `age_s` ago, its process."""

    name: str
    port: int
    capacity: int
    calls: int
    pid: int = 0
    age_s: float = 0.0


def choose(
    workers: Iterable[WorkerSlot],
    tried: Collection[str],
    own: Collection[str] = (),
    tenants: Mapping[str, int] | None = None,
) -> WorkerSlot | None:
    """The worker that a call goes to among those with a free slot that were not tried yet; None when there is none.

    Park, pickup, conference and supervision need all legs on one worker. So first comes one that holds a call of the
    same extension (`own`), then a big one that holds calls of the same tenant (`tenants`: worker → calls) and has room
    for more, then the emptiest."""
    free = [w for w in workers if w.calls < w.capacity and w.name not in tried]

    def order(worker: WorkerSlot) -> tuple[bool, int, int, str]:
        room = worker.capacity - worker.calls
        big = worker.capacity > SMALL_CELL_CALLS_MAX and room >= SPARE_CALLS
        return worker.name in own, (tenants or {}).get(worker.name, 0) if big else 0, room, worker.name

    return max(free, key=order, default=None)


def take_routes(request: SipRequest, tokens: FlowTokens) -> Ends | None:
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


def strip_internal(message: SipMessage) -> None:
    """Remove every header that only edge and workers use between them."""
    strip(message, *[name for name, _ in message.headers.items() if name.lower().startswith(INTERNAL_PREFIX)])


def record_route(host: str, port: int, transport: str, token: str) -> str:
    """A Record-Route value that brings requests of the dialog back to us."""
    return f"<sip:{host}:{port};transport={transport};lr;{TOKEN}={token}>"


def lacks_slot(status: int, response: SipMessage) -> bool:
    """Whether a worker's answer means `no slot here, try the next one`: 486, 503 or, of one that was asked before, 482
    that no call decided."""
    return status in (482, 486, 503) and not header(response, "x-call-id")


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
