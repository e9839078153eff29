"""The whole edge but for its sockets, on a virtual wire and in virtual time, with scripted peers."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from aiosipua.auth import SipDigestAuth, build_credentials
from aiosipua.header_codec import parse_auth, stringify_auth
from aiosipua.headers import CaseInsensitiveDict
from aiosipua.message import SipMessage, SipRequest, SipResponse

from pbx_core.domain.model import Model
from pbx_core.edge.service import Edge
from pbx_core.edge.transactions import Layer, ServerTransaction
from pbx_core.edge.trunks import Book
from pbx_core.sip import message as sip
from pbx_core.sip.flow import Flow
from pbx_core.sip.routing import WorkerSlot
from pbx_core.store.directory import Tenant
from tests.conftest import World
from tests.support.edge import edge_settings
from tests.support.virtual import VirtualTime, VirtualWire

ACME = "acme.test"
WALL = 1_800_000_000.0
_ids = itertools.count(1)


@dataclass
class Peer:
    """A SIP user agent: sends through real transactions, answers what comes as `answer` says."""

    net: Net
    flow: Flow  # as the edge sees it
    requests: list[SipRequest] = field(default_factory=list)
    responses: list[SipResponse] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    answer: Callable[[Peer, SipRequest], int | list[int]] = lambda peer, request: 200
    answer_headers: list[tuple[str, str]] = field(default_factory=list)
    silent: bool = False

    def __post_init__(self) -> None:
        self.layer = Layer(self.net.time, lambda _, data: self.net.wire.to_edge(self.flow, data))
        self.net.wire.peers[self.flow] = self.received

    @property
    def address(self) -> str:
        return f"{self.flow.host}:{self.flow.port}"

    def received(self, data: bytes) -> None:
        self.raw.append(data)
        if self.silent:
            return
        message = SipMessage.parse(data)
        if isinstance(message, SipResponse):
            self.layer.response(message, self.flow)
            return
        known = self.layer.find_server(self.layer.key(message))
        if known and not known.passes(message):
            known.repeated(message)
            return
        self.requests.append(message)
        if message.method == "ACK":
            return
        server = self.layer.serve(message, self.flow)
        statuses = self.answer(self, message)
        if message.method == "CANCEL" and self.layer.find_server(self.layer.key(message, "INVITE")) is None:
            statuses = 481
        for status in [statuses] if isinstance(statuses, int) else statuses:
            server.respond(self.response(message, status))
            if message.method == "INVITE" and 200 <= status < 300:
                self._insist(server, self.response(message, status), 0.5)

    def _insist(self, server: ServerTransaction, response: SipResponse, after_s: float) -> None:
        """RFC 3261 13.3.1.4: a 2xx is repeated end to end until its ACK comes."""

        def again() -> None:
            call = sip.header(response, "call-id")
            if not any(r.method == "ACK" and sip.header(r, "call-id") == call for r in self.requests):
                server.respond(response)
                self._insist(server, response, min(2 * after_s, 4.0))

        if server.state != "terminated" and after_s < 4.0:
            self.net.time.call_later(after_s, again)

    def response(self, request: SipRequest, status: int) -> SipResponse:
        """A response of this peer, with Record-Route and Contact where they belong."""
        made = sip.response(request, status, f"t{self.flow.port}", self.answer_headers)
        for value in request.headers.get("record-route"):
            made.headers.append("Record-Route", value)
        made.headers.append("Contact", f"<sip:{self.address}>")
        return made

    def request(self, method: str, uri: str, user: str, domain: str, to: str = "", **more: str) -> SipRequest:
        """A request outside any dialog. `more`: headers, underscores for hyphens."""
        n = next(_ids)
        headers = CaseInsensitiveDict()
        name = {"udp": "UDP", "int": "UDP", "tcp": "TCP", "tls": "TLS"}[self.flow.transport]
        headers.append("Via", f"SIP/2.0/{name} {self.address};branch=z9hG4bKt{n};rport")
        headers.append("From", f"<sip:{user}@{domain}>;tag=f{n}")
        headers.append("To", f"<{to or uri}>")
        headers.append("Call-ID", f"call-{n}")
        headers.append("CSeq", f"1 {method}")
        headers.append("Contact", f"<sip:{user}@{self.address}>")
        headers.append("Max-Forwards", "70")
        for key, value in more.items():
            headers.set_single(key.replace("_", "-"), value)
        return SipRequest(headers=headers, body=b"", method=method, uri=uri)

    def send(self, request: SipRequest, wait_s: float = 40.0) -> SipResponse | None:
        """Send and let time pass until a final answer; None for silence."""
        finals: list[SipResponse | None] = []

        def heard(response: SipResponse | None) -> None:
            if response is not None:
                self.responses.append(response)
            if response is None or response.status_code >= 200:
                finals.append(response)

        self.layer.start_client(request, sip.top_via(request).branch or "", self.flow, heard)
        self.net.run(wait_s, until=lambda: bool(finals))
        return finals[0] if finals else None

    def authorised(self, request: SipRequest, challenge: SipResponse, password: str, nc: int = 1) -> SipRequest:
        """The same request again with credentials for the first challenge."""
        status = challenge.status_code
        side = ("WWW-Authenticate", "Authorization") if status == 401 else ("Proxy-Authenticate", "Proxy-Authorization")
        user = sip.user_host(sip.header(request, "from"))[0]
        chosen = parse_auth(challenge.headers.get(side[0])[0])
        made = build_credentials(SipDigestAuth(user, password), chosen, request.method, request.uri, nonce_count=nc)
        assert made is not None
        again = sip.clone(request)
        again.headers.set_single(side[1], stringify_auth(made))
        return next_attempt(again)

    def register(self, user: str, domain: str, password: str = "", **more: str) -> SipResponse | None:
        """REGISTER with digest; the final answer."""
        request = self.request("REGISTER", f"sip:{domain}", user, domain, to=f"sip:{user}@{domain}", **more)
        challenge = self.send(request)
        if challenge is None or challenge.status_code != 401:
            return challenge
        return self.send(self.authorised(request, challenge, password or f"pw-{domain}-{user}"))

    def invite(self, user: str, domain: str, target: str) -> tuple[SipRequest, SipResponse | None]:
        """INVITE with digest; the request as sent last, and the final answer."""
        request = self.request("INVITE", target, user, domain)
        challenge = self.send(request)
        if challenge is None or challenge.status_code != 407:
            return request, challenge
        again = self.authorised(request, challenge, f"pw-{domain}-{user}")
        return again, self.send(again)

    def in_dialog(self, invite: SipRequest, answer: SipResponse, method: str) -> SipRequest:
        """An ACK or BYE of the dialog that `answer` made, along the route it recorded."""
        made = sip.in_dialog(invite, answer, method, "")
        name = sip.top_via(invite).transport
        made.headers.set_single("Via", f"SIP/2.0/{name} {self.address};branch=z9hG4bKt{next(_ids)};rport")
        for value in reversed(answer.headers.get("record-route")):
            made.headers.append("Route", value)
        return made


def next_attempt(request: SipRequest) -> SipRequest:
    """The same request as a new transaction: fresh branch, CSeq one higher."""
    again = sip.clone(request)
    via = sip.top_via(request)
    again.headers.get("via")[0] = again.headers.get("via")[0].replace(via.branch or "", f"z9hG4bKt{next(_ids)}")
    number, method = sip.cseq_of(request)
    again.headers.set_single("CSeq", f"{number + 1} {method}")
    return again


class Net:
    """The edge, the wire and the clock. Phones get addresses of their own; worker n listens on 127.0.0.1:6000+n."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.settings = edge_settings(world.settings.data)
        self.time = VirtualTime()
        self.wire = VirtualWire(self.time)
        self._books: dict[str, Book] = {}
        self.start()
        self._hosts = itertools.count(10)

    def start(self) -> None:
        """A fresh edge on the same database, as after a restart."""
        counter = itertools.count(1)
        self.edge = Edge(
            self.settings,
            self.world.db,
            lambda: WALL + self.time.time(),
            self.time,
            self.wire,
            lambda n: next(counter).to_bytes(n, "big"),
        )
        self.wire.edge = self.arrived
        if self._books:
            self.edge.trunks.apply(self._books)

    def arrived(self, data: bytes, flow: Flow) -> None:
        """What the sockets do with a message: nobody banned gets in."""
        if flow.transport == "int" or not self.edge.banned(flow.host):
            self.edge.server.receive(data, flow)

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Let time pass; registrations are written as they come."""
        end = self.time.time() + seconds
        while self.time.time() < end and not until():
            self.time.run(min(0.05, end - self.time.time()), until)
            if self.edge.location.dirty:
                asyncio.run(self.edge.location.flush())

    def phone(self, transport: str = "udp", host: str = "", port: int = 5060) -> Peer:
        """A phone behind an address of its own."""
        return Peer(self, Flow(transport, host or f"198.51.100.{next(self._hosts)}", port))

    def worker(self, n: int = 0, capacity: int = 2, calls: int = 0) -> Peer:
        """A worker on the board. It answers INVITEs 200 with its X-Call-Id unless told otherwise."""
        peer = Peer(self, Flow("int", "127.0.0.1", 6000 + n))
        peer.answer_headers = [("X-Call-Id", f"c{n}")]
        self._board = [*getattr(self, "_board", []), WorkerSlot(f"worker-{n}", 6000 + n, capacity, calls)]
        self.edge.pool.seen(self._board)
        return peer

    def office(self, model: Model, tenant: Tenant | None = None, **passwords: str) -> None:
        """Give a tenant (acme) a model; passwords: of his trunks."""
        owner = tenant or self.world.acme
        self._books[owner.tenant_id] = Book(owner.tenant_id, owner.domain, model, passwords)
        self.edge.trunks.apply(self._books)


def registered(net: Net, user: str, domain: str = ACME, transport: str = "udp") -> Peer:
    """A phone that has signed in."""
    phone = net.phone(transport)
    answer = phone.register(user, domain)
    assert answer is not None and answer.status_code == 200
    return phone


def worker_invite(
    net: Net, worker: Peer, number: str = "102", tenant_id: str = "", domain: str = ACME, **more: str
) -> SipRequest:
    """A worker's INVITE to an extension, in the name of 101."""
    return worker.request(
        "INVITE",
        f"sip:{number}@{domain}",
        "101",
        domain,
        X_Tenant=tenant_id or net.world.acme.tenant_id,
        X_Call_Id="c1",
        Route=f"<sip:127.0.0.1:{net.settings.sip_internal_port};lr>",
        **more,
    )


@pytest.fixture
def net(world: World) -> Iterator[Net]:
    """No message may have caused a fault inside the edge."""
    made = Net(world)
    yield made
    assert made.edge.server.failures == 0
