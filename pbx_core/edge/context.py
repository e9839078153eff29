"""What every part of the edge shares: names of this machine, hops, tokens, transactions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from aiosipua.message import SipRequest, SipResponse

from pbx_core.edge.transactions import Layer, Timers
from pbx_core.settings import Settings
from pbx_core.sip import message as sip
from pbx_core.sip import routing
from pbx_core.sip.flow import Ends, Flow, FlowTokens

LOOPBACK = "127.0.0.1"
_VIA_NAMES = {"udp": "UDP", "int": "UDP", "tcp": "TCP", "tls": "TLS"}


class Wire(Protocol):
    """What the proxy needs of the sockets."""

    def send(self, flow: Flow, data: bytes) -> bool:
        """Send; False when the flow is a connection that is gone."""
        ...

    def alive(self, flow: Flow) -> bool:
        """Whether something sent there can leave the machine."""
        ...

    def connect(self, flow: Flow, done: Callable[[Flow | None], None], server_name: str = "") -> None:
        """Open a TCP or TLS connection; `done` gets its flow, or None. `server_name`: whose certificate is expected."""
        ...


@dataclass(frozen=True)
class Context:
    """Built once at start. `random(n)` gives n unpredictable bytes; `wall()` UTC epoch seconds."""

    settings: Settings
    host: str  # the address phones reach us at
    timers: Timers
    layer: Layer
    tokens: FlowTokens
    random: Callable[[int], bytes]
    wall: Callable[[], float]
    tag_key: bytes

    def now(self) -> datetime:
        """Wall clock, UTC."""
        return datetime.fromtimestamp(self.wall(), UTC)

    def port(self, transport: str) -> int:
        """Our own port on a transport."""
        s = self.settings
        return {"int": s.sip_internal_port, "tls": s.sip_tls_port}.get(transport, s.sip_port)

    def name(self, transport: str) -> str:
        """Our own address on a transport."""
        return LOOPBACK if transport == "int" else self.host

    def branch(self) -> str:
        """A new branch of ours."""
        return routing.BRANCH + self.random(8).hex()

    def phone_branch(self, request: SipRequest, contact: str) -> str:
        """The branch of a worker's INVITE (or of its CANCEL) towards a phone: the same after a restart."""
        upstream = sip.top_via(request).branch or ""
        return routing.BRANCH + self.tokens.branch(upstream, sip.header(request, "call-id"), contact)

    def via(self, transport: str, branch: str) -> str:
        """A Via value of ours."""
        sent_by = f"{self.name(transport)}:{self.port(transport)}"
        return f"SIP/2.0/{_VIA_NAMES[transport]} {sent_by};branch={branch};rport"

    def hop(self, request: SipRequest, flow: Flow, branch: str = "") -> str:
        """Make `request` ready to leave on `flow`: Via, Max-Forwards. Returns the branch."""
        branch = branch or self.branch()
        sip.prepend(request.headers, "Via", self.via(flow.transport, branch))
        request.headers.set_single("Max-Forwards", str(routing.hops_left(request) - 1))
        return branch

    def worker_branch(self, request: SipRequest, source: str, port: int, attempt: int) -> str:
        """The branch of a phone's INVITE (or of its CANCEL, from the same host) towards a worker: the same after a
        restart. `attempt`: how often this worker was asked before."""
        upstream = f"{sip.top_via(request).branch or ''}|{source}"
        return routing.BRANCH + self.tokens.branch(upstream, sip.header(request, "call-id"), f"{port}|{attempt}")

    def contact(self, transport: str, user: str = "") -> str:
        """A URI of ours for those outside."""
        suffix = "" if transport == "udp" else f";transport={transport}"
        return f"sip:{user + '@' if user else ''}{self.host}:{self.port(transport)}{suffix}"

    def record(self, request: SipRequest, ends: Ends, *, to_phone: bool) -> None:
        """Stay on the path of the dialog, on both sides of us. RFC 5658: one value per side."""
        token = self.tokens.seal(ends)
        outer = ends.flow.transport
        sides = ["int", outer] if to_phone else [outer, "int"]
        for side in sides:
            transport = "udp" if side == "int" else side
            value = routing.record_route(self.name(side), self.port(side), transport, token)
            sip.prepend(request.headers, "Record-Route", value)

    def tag(self, request: SipRequest) -> str:
        """A To tag that is the same for every repetition of a request."""
        seed = sip.header(request, "via") + sip.header(request, "call-id") + sip.header(request, "cseq")
        return hashlib.blake2s(seed.encode(), key=self.tag_key, digest_size=8).hexdigest()

    def answer(
        self, request: SipRequest, status: int, headers: Iterable[tuple[str, str]] = (), reason: str = ""
    ) -> SipResponse:
        """A response of our own."""
        return sip.response(request, status, self.tag(request), headers, reason)

    def is_ours(self, host: str) -> bool:
        """Whether a URI's host names this machine rather than a tenant."""
        return host in (self.host, LOOPBACK, self.settings.sip_host, self.settings.public_address)
