"""SIP transactions: repeats on UDP what may be lost, absorbs repetitions, gives up in time.

RFC 3261 17 with the corrections of RFC 6026. Timers come from whoever owns the loop, so tests run in virtual time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from aiosipua.message import SipRequest, SipResponse

from pbx_core.sip import message as sip
from pbx_core.sip.flow import Flow
from pbx_core.sip.routing import reply_to

T1 = 0.5  # round-trip estimate, seconds
T2 = 4.0
LIFE = 64 * T1  # timers B, F, H, J, L, M
TIMER_C = 185.0  # an INVITE branch that only rings; must be > 180 s


class Handle(Protocol):
    """A running timer."""

    def cancel(self) -> None:
        """Stop it."""
        ...


class Timers(Protocol):
    """What an asyncio loop offers; tests bring a virtual one."""

    def time(self) -> float:
        """Monotonic seconds."""
        ...

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> Handle:
        """Call once after `delay` seconds."""
        ...


Send = Callable[[Flow, bytes], bool]  # False: the peer cannot be reached over this flow
ServerKey = tuple[str, str, int | None, str, str]


class ServerTransaction:
    """One request that came in: answers it, repeats the answer."""

    __slots__ = ("_layer", "_retransmit", "flow", "key", "last", "on_cancel", "reply_to", "request", "state", "status")

    def __init__(self, layer: Layer, key: ServerKey, request: SipRequest, flow: Flow, reply_to: Flow) -> None:
        self._layer = layer
        self._retransmit: Handle | None = None
        self.key = key
        self.request = request
        self.flow = flow
        self.reply_to = reply_to
        self.state = "proceeding"
        self.status = 0
        self.last: bytes | None = None
        self.on_cancel: Callable[[bool], None] | None = None  # told whether the call was taken elsewhere

    def respond(self, response: SipResponse) -> None:
        """Send a response; nothing follows a final one, except repetitions of a 2xx to an INVITE."""
        status = response.status_code
        invite = self.request.method == "INVITE"
        if self.state == "proceeding" or (self.state == "accepted" and 200 <= status < 300):
            self.last = bytes(response)
            self._layer.send(self.reply_to, self.last)
        if self.state != "proceeding" or status < 200:
            return
        self.status = status
        self.on_cancel = None
        self.state = "accepted" if invite and status < 300 else "completed"
        if invite and status >= 300 and not self.flow.reliable:
            self._retransmit = self._layer.timers.call_later(T1, self._repeat, T1)
        life = LIFE if invite or not self.flow.reliable else 0.0
        self._layer.timers.call_later(life, self._layer.end_server, self)

    def _repeat(self, interval: float) -> None:
        if self.state == "completed" and self.last:
            self._layer.send(self.reply_to, self.last)
            interval = min(2 * interval, T2)
            self._retransmit = self._layer.timers.call_later(interval, self._repeat, interval)

    def passes(self, request: SipRequest) -> bool:
        """Whether it is the ACK of a 2xx, which is no business of ours; some phones keep the INVITE's branch in it."""
        return request.method == "ACK" and self.state == "accepted"

    def repeated(self, request: SipRequest) -> None:
        """The same request again, or the ACK of our failure."""
        if request.method == "ACK":
            if self.state == "completed":
                self.state = "confirmed"
                if self._retransmit:
                    self._retransmit.cancel()
        elif self.last and self.state in ("proceeding", "completed"):
            self._layer.send(self.reply_to, self.last)


class ClientTransaction:
    """One request that went out: repeats it until it is answered, reports answers and silence."""

    __slots__ = (
        "_cancel_wanted",
        "_cancelled",
        "_deadline",
        "_interval",
        "_layer",
        "_on_response",
        "_raw",
        "_repeat_handle",
        "branch",
        "flow",
        "request",
        "state",
    )

    def __init__(
        self,
        layer: Layer,
        request: SipRequest,
        branch: str,
        flow: Flow,
        on_response: Callable[[SipResponse | None], None],
    ) -> None:
        """`on_response` gets every response that is news, and None for silence or a flow that failed."""
        self._layer = layer
        self._on_response = on_response
        self._raw = bytes(request)
        self._interval = T1
        self._repeat_handle: Handle | None = None
        self._deadline: Handle | None = None
        self._cancel_wanted: str | None = None
        self._cancelled = False
        self.request = request
        self.branch = branch
        self.flow = flow
        self.state = "calling"

    @property
    def invite(self) -> bool:
        """INVITE transactions have rules of their own."""
        return self.request.method == "INVITE"

    def start(self) -> None:
        """Send for the first time."""
        timers = self._layer.timers
        if not self._layer.send(self.flow, self._raw):
            self._deadline = timers.call_later(0, self._silent)
            return
        if not self.flow.reliable:
            self._repeat_handle = timers.call_later(T1, self._repeat)
        self._deadline = timers.call_later(LIFE, self._silent)

    def _repeat(self) -> None:
        if self.state == "calling" or (self.state == "proceeding" and not self.invite):
            self._layer.send(self.flow, self._raw)
            self._interval = 2 * self._interval if self.invite else min(2 * self._interval, T2)
            self._repeat_handle = self._layer.timers.call_later(self._interval, self._repeat)

    def _silent(self) -> None:
        if self.state in ("calling", "proceeding"):
            if self.state == "proceeding" and self.invite:
                self.cancel()
            self._end()
            self._on_response(None)

    def peer_died(self) -> None:
        """Its process is gone. What it never answered is repeated until its successor does."""
        if self.state == "proceeding" and self.invite:
            self._end()
            self._on_response(None)

    def received(self, response: SipResponse) -> None:
        """A response whose top Via is ours."""
        status = response.status_code
        if status < 200:
            if self.state in ("calling", "proceeding"):
                self._proceed()
                self._on_response(response)
        elif self.invite:
            self._final_invite(response, status)
        elif self.state in ("calling", "proceeding"):
            self._stop()
            self.state = "completed"
            self._later(0.0 if self.flow.reliable else T2)
            self._on_response(response)

    def _proceed(self) -> None:
        self.state = "proceeding"
        if self.invite:
            self._stop()
            self._deadline = self._layer.timers.call_later(TIMER_C, self._silent)
            if self._cancel_wanted is not None:
                wanted, self._cancel_wanted = self._cancel_wanted, None
                self.cancel(wanted)

    def _final_invite(self, response: SipResponse, status: int) -> None:
        if status < 300:
            if self.state in ("calling", "proceeding"):
                self._stop()
                self.state = "accepted"
                self._later(LIFE)
            if self.state == "accepted":
                self._on_response(response)
            return
        self._layer.send(self.flow, bytes(sip.ack_for_failure(self.request, response)))
        if self.state in ("calling", "proceeding"):
            self._stop()
            self.state = "completed"
            self._later(LIFE if not self.flow.reliable else 0.0)
            self._on_response(response)

    def cancel(self, reason: str = "") -> None:
        """CANCEL the INVITE, at once or as soon as the peer has shown a sign of life. RFC 3261 9.1."""
        if self.state == "calling":
            self._cancel_wanted = reason
        elif self.state == "proceeding" and not self._cancelled:
            self._cancelled = True
            self._layer.start_client(sip.cancel_for(self.request, reason), self.branch, self.flow, lambda _: None)
            if self._deadline:
                self._deadline.cancel()
            self._deadline = self._layer.timers.call_later(LIFE, self._silent)

    def hush(self) -> None:
        """Whoever is asked seems dead: repeat no more, but go on listening; CANCEL what may still come to life."""
        if self.state == "calling" and self._repeat_handle:
            self._repeat_handle.cancel()

    def _stop(self) -> None:
        for handle in (self._repeat_handle, self._deadline):
            if handle:
                handle.cancel()
        self._repeat_handle = self._deadline = None

    def _later(self, delay: float) -> None:
        self._deadline = self._layer.timers.call_later(delay, self._end)

    def _end(self) -> None:
        self._stop()
        self.state = "terminated"
        self._layer.end_client(self)


class Layer:
    """All transactions of the edge; bounded."""

    def __init__(self, timers: Timers, send: Send, transactions_max: int = 50_000) -> None:
        self.timers = timers
        self.send = send
        self._max = transactions_max
        self._servers: dict[ServerKey, ServerTransaction] = {}
        self._clients: dict[tuple[str, str], ClientTransaction] = {}

    @property
    def count(self) -> int:
        """Transactions held now."""
        return len(self._servers) + len(self._clients)

    @property
    def full(self) -> bool:
        """No room for a new request."""
        return self.count >= self._max

    @staticmethod
    def key(request: SipRequest, method: str | None = None) -> ServerKey:
        """RFC 3261 17.2.3; peers without the magic cookie are told apart by Call-ID and CSeq."""
        via = sip.top_via(request)
        branch = via.branch or ""
        name = method or ("INVITE" if request.method == "ACK" else request.method)
        extra = ""
        if not branch.startswith(sip.MAGIC):
            extra = f"{sip.header(request, 'call-id')}|{sip.cseq_of(request)[0]}|{sip.header(request, 'from')}"
        return branch, via.host, via.port, name, extra

    def find_server(self, key: ServerKey) -> ServerTransaction | None:
        """The transaction that a request belongs to."""
        return self._servers.get(key)

    def start_server(self, key: ServerKey, request: SipRequest, flow: Flow, reply_to: Flow) -> ServerTransaction:
        """Begin to serve a request."""
        made = self._servers[key] = ServerTransaction(self, key, request, flow, reply_to)
        return made

    def serve(self, request: SipRequest, flow: Flow) -> ServerTransaction:
        """The same, with the key and the way back read from the request."""
        return self.start_server(self.key(request), request, flow, reply_to(request, flow))

    def reply(self, request: SipRequest, flow: Flow, response: SipResponse) -> None:
        """Answer without a transaction; nothing answers an ACK."""
        if request.method != "ACK":
            self.send(reply_to(request, flow), bytes(response))

    def end_server(self, transaction: ServerTransaction) -> None:
        """Forget it."""
        if transaction.state == "completed" and transaction.request.method == "INVITE":
            transaction.state = "terminated"
        if self._servers.get(transaction.key) is transaction:
            del self._servers[transaction.key]

    def start_client(
        self, request: SipRequest, branch: str, flow: Flow, on_response: Callable[[SipResponse | None], None]
    ) -> ClientTransaction:
        """Send a request whose top Via carries `branch`."""
        made = ClientTransaction(self, request, branch, flow, on_response)
        self._clients[branch, request.method] = made
        made.start()
        return made

    def resume_client(
        self, request: SipRequest, branch: str, flow: Flow, on_response: Callable[[SipResponse | None], None]
    ) -> ClientTransaction:
        """A request that an earlier process sent and the peer is dealing with."""
        made = self._clients[branch, request.method] = ClientTransaction(self, request, branch, flow, on_response)
        made.state = "proceeding"
        return made

    def end_client(self, transaction: ClientTransaction) -> None:
        """Forget it."""
        key = (transaction.branch, transaction.request.method)
        if self._clients.get(key) is transaction:
            del self._clients[key]

    def peer_died(self, flow: Flow) -> None:
        """The process at the other end is gone: nothing will come of what it was doing."""
        for client in [c for c in self._clients.values() if c.flow == flow]:
            client.peer_died()
        for server in [s for s in self._servers.values() if s.flow == flow and s.state == "proceeding"]:
            if server.on_cancel:
                server.on_cancel(False)

    def response(self, response: SipResponse, flow: Flow) -> bool:
        """Hand a response to its transaction; False when it has none or comes from elsewhere than the request went."""
        branch = sip.top_via(response).branch or ""
        transaction = self._clients.get((branch, sip.cseq_of(response)[1]))
        if transaction is None or (transaction.flow.transport, transaction.flow.host) != (flow.transport, flow.host):
            return False
        transaction.received(response)
        return True
