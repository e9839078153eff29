"""One request on its way through the edge: a server transaction, its branches, and the fork between them."""

from __future__ import annotations

from collections.abc import Callable

from aiosipua.message import SipRequest, SipResponse

from pbx_core.edge.context import Context
from pbx_core.edge.transactions import ClientTransaction, ServerTransaction
from pbx_core.sip import message as sip
from pbx_core.sip import routing
from pbx_core.sip.flow import Flow
from pbx_core.sip.fork import Action, Answer, Cancel, EndCall, Fork, Relay

ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'  # RFC 3326: phones then show no missed call


class Relaying:
    """Carries a request out and its answers back. `on_end` is told the final status once."""

    def __init__(
        self,
        context: Context,
        server: ServerTransaction,
        *,
        more_may_come: bool = False,
        on_end: Callable[[int], None] | None = None,
    ) -> None:
        self.context = context
        self.server = server
        self.fork = Fork(more_may_come)
        self._on_end = on_end
        self._clients: dict[int, ClientTransaction] = {}
        self._finals: dict[int, SipResponse] = {}
        self._count = 0
        server.on_cancel = self.cancel

    def send(self, request: SipRequest, flow: Flow, branch: str = "") -> int:
        """Open a branch: `request` is a copy of its own, complete but for Via and hops. Returns the branch's number."""
        number = self._count
        self._count += 1
        branch = self.context.hop(request, flow, branch)
        self.fork.add(number)
        self._clients[number] = self.context.layer.start_client(
            request, branch, flow, lambda response: self._heard(number, response)
        )
        return number

    def take_back(self, request: SipRequest, flow: Flow, branch: str, elsewhere: bool = False) -> None:
        """CANCEL what an earlier process of ours sent: `request` has what a CANCEL needs of it."""
        number = self._count
        self._count += 1
        self.context.hop(request, flow, branch)
        self.fork.add(number)
        client = self.context.layer.resume_client(request, branch, flow, lambda response: self._heard(number, response))
        self._clients[number] = client
        client.cancel(ELSEWHERE if elsewhere else "")

    def missing(self, status: int) -> None:
        """A branch that could not even be opened."""
        number = self._count
        self._count += 1
        self.fork.add(number)
        self.run(self.fork.failure(number, status))

    def cancel(self, elsewhere: bool = False) -> None:
        """The other side gave up; `elsewhere`: because another phone took its call."""
        self.run(self.fork.cancel(elsewhere))

    def decorate(self, response: SipResponse, branch: int | None) -> None:
        """Add what the other side is to know. `branch`: where the response came from, None for one of our own."""

    def _heard(self, number: int, response: SipResponse | None) -> None:
        if response is None:
            if not self.failed(number, 408, None):
                self.run(self.fork.failure(number, 408))
            return
        status = response.status_code
        if status < 200:
            self.progressed(number)
            self.run(self.fork.provisional(number, status), response)
        elif status < 300:
            self.run(self.fork.success(number), response)
        elif not self.failed(number, status, response):
            self._finals[number] = response
            self.run(self.fork.failure(number, status))

    def progressed(self, number: int) -> None:
        """A branch showed a sign of life."""

    def failed(self, number: int, status: int, response: SipResponse | None) -> bool:
        """A branch ended with a failure; True when it was dealt with otherwise."""
        return False

    def run(self, actions: list[Action], response: SipResponse | None = None) -> None:
        """Carry out what the fork decided; `response` is the one that just came in."""
        for action in actions:
            match action:
                case Relay(branch):
                    assert response is not None
                    self._up(response, branch)
                case Cancel(branch, elsewhere):
                    self._clients[branch].cancel(ELSEWHERE if elsewhere else "")
                case Answer(status, branch):
                    final = self._finals.get(branch) if branch is not None else None
                    self._answer(status, final, branch)
                case EndCall(branch, again):
                    assert response is not None
                    self._end_call(branch, response, again)

    def heard_of(self, response: SipResponse) -> None:
        """A response that goes on, as it came, before our own headers are taken off."""

    def _up(self, response: SipResponse, branch: int | None) -> None:
        self.heard_of(response)
        sip.pop_first(response.headers, "via")
        routing.strip(response, *routing.PRODUCT_HEADERS)
        routing.strip_internal(response)
        response.headers.set_single("CSeq", sip.header(self.server.request, "cseq"))
        self._respond(response, branch)

    def _answer(self, status: int, final: SipResponse | None, branch: int | None) -> None:
        if final is not None:
            self._up(final, branch)
            return
        extra = [("Retry-After", "5")] if status == 503 else []
        self._respond(self.context.answer(self.server.request, status, extra), branch)

    def _respond(self, response: SipResponse, branch: int | None) -> None:
        final = self.server.state == "proceeding" and response.status_code >= 200
        self.decorate(response, branch)
        self.server.respond(response)
        if final:
            self._ended(response.status_code)

    def _ended(self, status: int) -> None:
        if self._on_end:
            self._on_end(status)
            self._on_end = None

    def _end_call(self, branch: int, answer: SipResponse, again: bool) -> None:
        """ACK and BYE for somebody who answered too late."""
        client, context = self._clients[branch], self.context
        for method in ("ACK",) if again else ("ACK", "BYE"):
            name = context.branch()
            request = sip.in_dialog(client.request, answer, method, context.via(client.flow.transport, name))
            if method == "ACK":
                context.layer.send(client.flow, bytes(request))
            else:
                context.layer.start_client(request, name, client.flow, lambda _: None)
