"""One call of a worker over a trunk: dressed for the carrier, its challenge answered, its silence not borne long."""

from __future__ import annotations

from aiosipua.message import SipResponse

from pbx_core import log
from pbx_core.edge.context import Context
from pbx_core.edge.pool import Pool
from pbx_core.edge.relay import Relaying
from pbx_core.edge.transactions import ServerTransaction
from pbx_core.edge.trunks import Line, Trunks
from pbx_core.sip import message as sip
from pbx_core.sip import outside, uac
from pbx_core.sip.flow import Ends, Flow

_log = log.get(__name__)
REPLY_S = 3.0  # a carrier that has not even said 100 by then is passed over; promise: fail-over within 4 s
CHALLENGES_MAX = 2  # the second one only for a stale nonce


class CarrierCall(Relaying):
    """One INVITE of a worker on its way to a carrier: answers its challenge, gives up soon when it is silent."""

    def __init__(
        self, context: Context, server: ServerTransaction, trunks: Trunks, pool: Pool, line: Line, shown: str, port: int
    ) -> None:
        """`shown`: the verified number for the carrier, "" for none; `port`: the worker's."""
        super().__init__(context, server, more_may_come=True, on_end=self._over)
        self._trunks, self._pool, self._line, self._shown, self._port = trunks, pool, line, shown, port
        self._silent: set[int] = set()
        self._flow: Flow | None = None
        self._challenges = 0
        self._reason = ""

    def start(self) -> None:
        """Reach the carrier and send."""
        self.context.timers.call_later(REPLY_S, self._check)
        self._trunks.reach(self._line, self._reached)

    def _reached(self, flow: Flow | None) -> None:
        self._flow = flow
        if self.fork.settled:
            return
        if flow is None:
            self._broken("cannot be reached")
            self._give_up(503, "no_reply")
        else:
            self._send(flow, None)

    def _send(self, flow: Flow, credentials: tuple[str, str] | None) -> None:
        line, request = self._line, sip.clone(self.server.request)
        number = sip.uri(request.uri).user or ""
        outside.dress(request, line.carrier, number, self._shown, self._contact(flow))
        if credentials:
            request.headers.append(*credentials)
        outside.ahead(request, self._challenges)
        name, host = outside.shown(self._shown, line.carrier.number_format), line.carrier.host
        label = f"{name}@{host}" if name else "anonymous@anonymous.invalid"
        ends = Ends(flow, self._port, True, label, f"{number}@{host}", self._challenges)
        self.context.record(request, ends, to_phone=True)
        branch = self.context.phone_branch(self.server.request, f"{request.uri}|{self._challenges}")
        self._silent.add(self.send(request, flow, branch))

    def _contact(self, flow: Flow) -> str:
        return self.context.contact(flow.transport, self._line.token if self._line.trunk.register else "")

    def _check(self) -> None:
        """So much time is up: whoever showed no sign of life is given up."""
        if self.fork.settled or (self._flow is not None and not self._silent):
            return
        self._broken("no reply")
        for number in self._silent:
            self.run(self.fork.dropped(number))
            self._clients[number].hush()
        self._give_up(408, "no_reply")

    def progressed(self, number: int) -> None:
        self._silent.discard(number)

    def failed(self, number: int, status: int, response: SipResponse | None) -> bool:
        self._silent.discard(number)
        if self.fork.settled or not self.fork.is_open(number):
            return False
        if response is None:  # the connection broke, or it rang without end
            self._broken("no final answer")
            self._give_up(408, "no_reply")
        elif status in (401, 407):
            self._challenged(number, response)
        else:
            if status >= 500 and status < 600:
                self._broken(f"{status} {response.reason_phrase}"[:100])
            else:
                self._line.circuit.succeeded()
            self._finals[number] = response
            self.run(self.fork.failure(number, status))
            self.run(self.fork.settle(status))
        return True

    def _challenged(self, number: int, response: SipResponse) -> None:
        line, request = self._line, self._clients[number].request
        credentials = None
        if self._challenges == 0 or (self._challenges < CHALLENGES_MAX and uac.asks_again(response)):
            cnonce = self.context.random(8).hex()
            credentials = uac.answer(response, request, line.trunk.username, line.password, cnonce)
        self.fork.refused(number)
        if credentials is None or not line.password or self._flow is None:
            self._broken("credentials refused")
            self._give_up(503, "not_registered")
            return
        self._challenges += 1
        self._send(self._flow, credentials)

    def _broken(self, reason: str) -> None:
        line = self._line
        line.turn += 1
        line.circuit.failed(reason, self.context.timers.time())
        _log.warning(
            "call not taken by a trunk",
            extra={
                "tenant_id": line.tenant_id,
                "trunk": line.trunk.id,
                "reason": reason,
                "circuit": line.circuit.state,
            },
        )

    def _give_up(self, status: int, reason: str) -> None:
        self._reason = reason
        self.run(self.fork.settle(status))

    def _over(self, status: int) -> None:
        call_id = sip.header(self.server.request, "call-id")
        if status >= 300:
            self._pool.release(call_id)
        else:
            self._line.circuit.succeeded()

    def decorate(self, response: SipResponse, branch: int | None) -> None:
        if branch is not None:
            outside.restore(response, self.server.request)
        elif self._reason:
            response.headers.set_single("X-Reason", self._reason)
