"""Receives every message: bans first, then parsing, then transactions, then whoever it is for."""

from __future__ import annotations

from aiosipua.message import SipRequest, SipResponse

from pbx_core import log
from pbx_core.edge.auth import Authenticator
from pbx_core.edge.carriers import Carriers
from pbx_core.edge.context import Context
from pbx_core.edge.proxy import Proxy
from pbx_core.edge.registrar import Registrar
from pbx_core.edge.ringing import Extensions
from pbx_core.edge.trunks import Trunks
from pbx_core.errors import PeerError
from pbx_core.sip import message as sip
from pbx_core.sip import offers, routing
from pbx_core.sip.flow import Ends, Flow

_log = log.get(__name__)
FAILURES_LOGGED = 100  # then every thousandth: whoever found a way to cause them must not fill the disk
ALLOW = ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, PRACK, UPDATE, INFO, REFER, NOTIFY")


class Server:
    """The edge's dispatcher. Nothing that a peer sends gets an exception out of `receive`."""

    def __init__(
        self,
        context: Context,
        auth: Authenticator,
        registrar: Registrar,
        proxy: Proxy,
        extensions: Extensions,
        carriers: Carriers,
        trunks: Trunks,
    ) -> None:
        self._context = context
        self._auth = auth
        self._registrar = registrar
        self._proxy = proxy
        self._extensions = extensions
        self._carriers = carriers
        self._trunks = trunks
        self.received = 0
        self.failures = 0

    def receive(self, data: bytes, flow: Flow) -> None:
        """One message from the network."""
        self.received += 1
        try:
            self._receive(data, flow)
        except Exception:  # noqa: BLE001 outer loop; one message must not end the service
            self.failures += 1
            if self.failures <= FAILURES_LOGGED or self.failures % 1000 == 0:
                _log.exception("message not served", extra={"pii_source": str(flow), "failures": self.failures})

    def _receive(self, data: bytes, flow: Flow) -> None:
        try:
            message = sip.parse(data)
            if isinstance(message, SipResponse):
                if not self._context.layer.response(message, flow) and not self._proxy.orphan(message, flow):
                    self._auth.admit(flow)
                return
        except sip.Malformed as fault:
            if self._auth.admit(flow) and fault.request is not None:
                sip.stamp_source(fault.request, flow.host, flow.port)
                self._stateless(fault.request, flow, fault.status)
            return
        try:
            sip.stamp_source(message, flow.host, flow.port)
            self._request(message, flow)
        except PeerError:
            self._refuse(message, flow, 400)

    def _request(self, request: SipRequest, flow: Flow) -> None:
        layer = self._context.layer
        known = layer.find_server(layer.key(request))
        if known is not None and known.flow.host == flow.host and not known.passes(request):
            known.repeated(request)
            return
        if request.method == "CANCEL":
            self._cancel(request, flow)
            return
        fault = self._fault(request)
        if fault is not None:
            self._refuse(request, flow, *fault)
            return
        ends = routing.take_routes(request, self._context.tokens)
        if ends is not None:
            self._in_dialog(request, flow, ends)
        elif request.method == "ACK":
            self._auth.admit(flow)  # of a challenge of ours: absorbed, but a flood of them counts
        elif sip.tag_of(request, "to"):
            self._refuse(request, flow, 481)
        else:
            self._initial(request, flow)

    def _in_dialog(self, request: SipRequest, flow: Flow, ends: Ends) -> None:
        inside = flow.transport == "int"
        if not inside and not (
            flow.host == ends.flow.host or (ends.trunk and self._trunks.same(flow.host, ends[0].host))
        ):
            self._auth.admit(flow)  # a token overheard elsewhere: no answer
        elif request.method == "ACK":
            self._proxy.ack(request, flow, ends)
        elif not inside and (request.method == "MESSAGE" or (request.method == "REFER" and ends.trunk)):
            # MESSAGE is how a transfer is told to the worker; carriers do not transfer our calls
            self._refuse(request, flow, 405, [ALLOW])
        elif inside and request.method == "REFER":
            self._refuse(request, flow, 405, [ALLOW])
        else:
            self._proxy.in_dialog(request, flow, ends)

    def _initial(self, request: SipRequest, flow: Flow) -> None:
        routing.strip(request, "Route")
        inside = flow.transport == "int"
        match request.method:
            case "REGISTER" if not inside:
                self._registrar.register(request, flow)
            case "INVITE" if inside and sip.header(request, "x-trunk"):
                self._carriers.place(request, flow)
            case "INVITE" if inside:
                self._extensions.invite(request, flow)
            case "INVITE" if self._trunks.known(flow.host):
                self._from_carrier(request, flow)
            case "INVITE":
                self._proxy.from_phone(request, flow)
            case "OPTIONS":
                self._refuse(request, flow, 200, [ALLOW, ("Accept", "application/sdp")])
            case "SUBSCRIBE" | "PUBLISH":
                self._refuse(request, flow, 489)
            case "BYE" | "INFO" | "UPDATE" | "PRACK":
                self._refuse(request, flow, 481)
            case _:
                self._refuse(request, flow, 405, [ALLOW])

    def _from_carrier(self, request: SipRequest, flow: Flow) -> None:
        """Calls from a carrier's address need no digest, and lead to public numbers only."""
        arrival = self._trunks.arrival(request, flow)
        if arrival is not None:
            if not self._carriers.arrived(request, flow, arrival):
                _log.warning("trunk far beyond its limits", extra={"trunk": arrival.line.trunk.id})
                self._refuse(request, flow, 503, [("Retry-After", "5")])
        elif self._proxy.claims_phone(request):
            self._proxy.from_phone(request, flow)
        else:
            self._refuse(request, flow, 404)

    def _cancel(self, request: SipRequest, flow: Flow) -> None:
        """RFC 3261 9.2: answered 200 where there is an INVITE to cancel, from the same source as the INVITE."""
        layer = self._context.layer
        invite = layer.find_server(layer.key(request, "INVITE"))
        if invite is None and flow.transport == "int" and self._extensions.given_up(request, flow):
            layer.serve(request, flow).respond(self._context.answer(request, 200))
        elif invite is None and flow.transport != "int" and self._proxy.may_be_orphaned():
            if self._auth.admit(flow):
                self._proxy.given_up(request, flow)
        elif invite is None or invite.flow.host != flow.host:
            self._refuse(request, flow, 481)
        else:
            layer.serve(request, flow).respond(self._context.answer(request, 200))
            if invite.on_cancel:
                invite.on_cancel(flow.transport == "int" and bool(sip.header(request, offers.ELSEWHERE)))

    def _fault(self, request: SipRequest) -> tuple[int, list[tuple[str, str]]] | None:
        if routing.loops(request):
            return 482, []
        if routing.hops_left(request) == 0 and request.method != "OPTIONS":
            return 483, []
        wanted = request.headers.get("proxy-require")
        if wanted and request.method not in ("ACK", "CANCEL"):
            return 420, [("Unsupported", value) for value in wanted[:10]]
        if self._context.layer.full and request.method != "ACK":
            return 503, [("Retry-After", "10")]
        return None

    def _refuse(
        self, request: SipRequest, flow: Flow, status: int, headers: list[tuple[str, str]] | None = None
    ) -> None:
        """Answer a request nobody vouched for, keeping nothing; silently drop what comes too often."""
        if self._auth.admit(flow):
            self._stateless(request, flow, status, headers)

    def _stateless(
        self, request: SipRequest, flow: Flow, status: int, headers: list[tuple[str, str]] | None = None
    ) -> None:
        self._context.layer.reply(request, flow, self._context.answer(request, status, headers or ()))
