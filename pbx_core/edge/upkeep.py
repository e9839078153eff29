"""Keeps the trunks usable: signs in at carriers and stays signed in, probes those whose circuit is open."""

from __future__ import annotations

from aiosipua.message import SipRequest, SipResponse

from pbx_core import log
from pbx_core.edge.context import Context, Wire
from pbx_core.edge.trunks import Line, Trunks
from pbx_core.sip import message as sip
from pbx_core.sip import outside, signin, uac
from pbx_core.sip.flow import Flow
from pbx_core.sip.framing import PING
from pbx_core.sip.signin import SignIn

_log = log.get(__name__)
TICK_S = 1.0
PROBE_REPLY_S = 4.0  # a probe not answered by then has failed
CHALLENGES_MAX = 2  # the second one only for a stale nonce


class Upkeep:
    """Looks at every trunk once a second."""

    def __init__(self, context: Context, wire: Wire, trunks: Trunks) -> None:
        self._context, self._wire, self._trunks = context, wire, trunks
        self._next: dict[tuple[str, str], float] = {}  # when to sign in again
        self._sequence: dict[tuple[str, str], int] = {}
        self._flows: dict[tuple[str, str], Flow] = {}  # of registrations
        self._running: dict[tuple[str, str], Line] = {}  # lines whose REGISTER is out

    def start(self) -> None:
        """From now on."""
        self.tick()

    def tick(self) -> None:
        """One look."""
        now = self._context.timers.time()
        lines = self._trunks.lines()
        for line in lines:
            if line.trunk.register and self._due(line, now):
                self._running[line.key] = line
                self._register(line, None, 0)
            if line.circuit.probe_due(now):
                self._probe(line)
        self._forget({line.key for line in lines})
        self._context.timers.call_later(TICK_S, self.tick)

    def _forget(self, live: set[tuple[str, str]]) -> None:
        self._next = {key: at for key, at in self._next.items() if key in live}
        self._sequence = {key: number for key, number in self._sequence.items() if key in live}
        self._flows = {key: flow for key, flow in self._flows.items() if key in live}
        self._running = {key: line for key, line in self._running.items() if key in live}

    def keep_open(self) -> None:
        """NATs between us and carriers where we sign in stay open as long as something passes."""
        for flow in self._flows.values():
            if flow.transport == "udp":
                self._wire.send(flow, PING)

    def _due(self, line: Line, now: float) -> bool:
        if self._running.get(line.key) is line:
            return False
        flow = self._flows.get(line.key)
        lost = flow is not None and flow.reliable and not self._wire.alive(flow)
        fresh = line.signin == SignIn()
        return fresh or now >= self._next.get(line.key, 0.0) or (lost and line.signin.valid(now))

    def _register(self, line: Line, credentials: tuple[str, str] | None, challenges: int) -> None:
        def reached(flow: Flow | None) -> None:
            if flow is None:
                self._ended(line, 408, None)
                return
            self._flows[line.key] = flow
            context = self._context
            number = self._sequence[line.key] = self._sequence.get(line.key, 0) + 1
            contact = context.contact(flow.transport, line.token)
            aor = line.carrier.aor(line.trunk.username)
            # the Call-ID is the same over restarts of ours: the carrier then counts one registration
            request = signin.register(
                line.carrier.uri(), aor, contact, line.token, context.random(6).hex(), number + self._epoch(),
                line.signin.asked_s, credentials,
            )  # fmt: skip
            branch = context.branch()
            sip.prepend(request.headers, "Via", context.via(flow.transport, branch))
            context.layer.start_client(
                request, branch, flow, lambda response: self._heard(line, request, response, challenges)
            )

        self._trunks.reach(line, reached)

    def _epoch(self) -> int:
        """CSeq must grow over restarts as well."""
        return int(self._context.wall()) & 0x3FFFFFFF

    def _heard(self, line: Line, request: SipRequest, response: SipResponse | None, challenges: int) -> None:
        status = response.status_code if response is not None else 408
        if status < 200:
            return
        credentials = None
        if response is not None and status in (401, 407):
            credentials = self._credentials(line, request, response, challenges)
        if credentials is not None:
            self._register(line, credentials, challenges + 1)
            return
        self._ended(line, status, response)

    def _credentials(
        self, line: Line, request: SipRequest, challenge: SipResponse, challenges: int
    ) -> tuple[str, str] | None:
        """What answers the challenge; None when that was tried before, or cannot be done."""
        again = 0 < challenges < CHALLENGES_MAX and uac.asks_again(challenge)
        if not line.password or (challenges and not again):
            return None
        cnonce = self._context.random(8).hex()
        return uac.answer(challenge, request, line.trunk.username, line.password, cnonce)

    def _ended(self, line: Line, status: int, response: SipResponse | None) -> None:
        self._running.pop(line.key, None)
        now = self._context.timers.time()
        before = line.signin
        if response is not None and status < 300:
            line.signin, pause_s = before.granted(response, line.token, now)
        else:
            line.signin, pause_s = before.refused(status, response)
            line.turn += response is None
        self._next[line.key] = now + pause_s
        if bool(before.reason) != bool(line.signin.reason) or not before.until:
            _log.info(
                "registration at a carrier",
                extra={"tenant_id": line.tenant_id, "trunk": line.trunk.id, "status": status},
            )

    def _probe(self, line: Line) -> None:
        context, ended = self._context, [False]

        def end(answered: bool) -> None:
            if not ended[0]:
                ended[0] = True
                line.turn += not answered
                line.circuit.probed(answered)

        def heard(response: SipResponse | None) -> None:
            status = response.status_code if response is not None else 408
            if status >= 200:
                end(status in (405, 501) or (status < 500 and status != 408))  # whoever lacks OPTIONS lives

        def reached(flow: Flow | None) -> None:
            if flow is None:
                end(False)
                return
            ours = context.contact(flow.transport)
            request = outside.probe(line.carrier.uri(), ours, context.random(12).hex(), context.random(6).hex())
            branch = context.branch()
            sip.prepend(request.headers, "Via", context.via(flow.transport, branch))
            context.layer.start_client(request, branch, flow, heard)

        self._trunks.reach(line, reached)
        context.timers.call_later(PROBE_REPLY_S, end, False)
