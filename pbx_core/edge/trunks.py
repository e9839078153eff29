"""The trunks of all tenants as the edge sees them now: from their models, with circuit, rate and registration."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aiosipua.message import SipRequest

from pbx_core import log
from pbx_core.domain.model import Did, Model, Trunk
from pbx_core.edge.context import Context, Wire
from pbx_core.edge.names import Names
from pbx_core.edge.pool import Pool
from pbx_core.edge.reach import Reached
from pbx_core.sip import message as sip
from pbx_core.sip import outside
from pbx_core.sip.circuit import Circuit
from pbx_core.sip.flow import Flow
from pbx_core.sip.outside import Carrier
from pbx_core.sip.rate import Bucket
from pbx_core.sip.signin import SignIn
from pbx_core.store.trunks import TrunkState

_log = log.get(__name__)
PREFIX_MIN = {4: 20, 6: 48}  # a tenant who lists the whole world must not switch the guards off for it
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Book:
    """What a tenant's model says about the world outside. `passwords`: trunk id → password."""

    tenant_id: str
    domain: str
    model: Model
    passwords: Mapping[str, str] = field(default_factory=dict, repr=False)

    def verified(self, number: str) -> bool:
        """Whether the tenant may show this number."""
        return number in self.model.outbound.verified or any(did.number == number for did in self.model.dids)


@dataclass
class Line:
    """One trunk, running. `token`: the user of our Contact there, which nobody can guess. `lost`: how often a call
    beyond its limits is written down; its address is easily forged."""

    tenant_id: str
    trunk: Trunk
    carrier: Carrier
    password: str = field(repr=False)
    token: str
    rate: Bucket
    lost: Bucket
    circuit: Circuit = field(default_factory=Circuit)
    signin: SignIn = field(default_factory=SignIn)
    turn: int = 0  # which of the carrier's addresses is asked; the next one after each that did not reply

    @property
    def key(self) -> tuple[str, str]:
        """Tenant and trunk."""
        return self.tenant_id, self.trunk.id


@dataclass(frozen=True)
class Arrival:
    """An INVITE of a carrier that is for a public number of a tenant."""

    line: Line
    book: Book
    did: Did


class Trunks:
    """All lines, found by name, by address and by the number called."""

    def __init__(self, context: Context, wire: Wire, pool: Pool) -> None:
        self._context, self._wire, self._pool = context, wire, pool
        self.names = Names(self._index)
        self._books: dict[str, Book] = {}
        self._lines: dict[tuple[str, str], Line] = {}
        self._dids: dict[str, tuple[Book, Did]] = {}
        self._tokens: dict[str, Line] = {}
        self._hosts: dict[str, list[Line]] = {}
        self._networks: list[tuple[Network, Line]] = []
        self.on_known: Callable[[str], None] = lambda host: None  # told every address of a carrier

    def lines(self) -> list[Line]:
        """All of them."""
        return list(self._lines.values())

    def hosts(self) -> set[str]:
        """Names and addresses of all carriers."""
        return {line.trunk.host for line in self._lines.values()}

    def apply(self, books: Mapping[str, Book]) -> None:
        """Take over changed models; a trunk that did not change keeps its circuit, rate and registration."""
        self._books = dict(books)
        held, self._lines, self._dids = self._lines, {}, {}
        for book in books.values():
            for trunk in book.model.trunks:
                line = self._line(book, trunk)
                before = held.get(line.key)
                same = before is not None and (before.trunk, before.password) == (line.trunk, line.password)
                self._lines[line.key] = before if same and before is not None else line
            for did in book.model.dids:
                self._dids.setdefault(did.number, (book, did))
        self._tokens = {line.token: line for line in self._lines.values() if line.trunk.register}
        self._index()

    def _line(self, book: Book, trunk: Trunk) -> Line:
        carrier = Carrier(trunk.host, trunk.port, trunk.transport, trunk.number_format)
        token = self._context.tokens.name("trunk", book.tenant_id, trunk.id)
        password, per_s = book.passwords.get(trunk.id, ""), trunk.calls_per_s
        return Line(book.tenant_id, trunk, carrier, password, token, Bucket(per_s), Bucket(per_s))

    def _index(self) -> None:
        """Names or models changed."""
        self._hosts, self._networks = {}, []
        for line in self._lines.values():
            for address in self.names.addresses(line.trunk.host):
                self._hosts.setdefault(address, []).append(line)
            self._networks += [(network, line) for text in line.trunk.addresses if (network := _network(text))]
        self.vouch()

    def vouch(self) -> None:
        """Say again which addresses are carriers'."""
        for host in self._hosts:
            self.on_known(host)

    def at(self, host: str) -> list[Line]:
        """The trunks whose calls come from an address."""
        found = list(self._hosts.get(host, ()))
        if self._networks:
            address = ipaddress.ip_address(host)
            found += [line for network, line in self._networks if address in network and line not in found]
        return found

    def known(self, host: str) -> bool:
        """Whether a carrier is there."""
        return host in self._hosts or (bool(self._networks) and bool(self.at(host)))

    def same(self, one: str, other: str) -> bool:
        """Whether two addresses belong to one trunk: carriers may go on from another of theirs."""
        return one == other or any(line in self.at(other) for line in self.at(one))

    def find(self, tenant_id: str, trunk_id: str) -> Line | None:
        """A trunk of a tenant."""
        return self._lines.get((tenant_id, trunk_id))

    def book(self, tenant_id: str) -> Book | None:
        """What the tenant's model says."""
        return self._books.get(tenant_id)

    def arrival(self, request: SipRequest, flow: Flow) -> Arrival | None:
        """Whose public number a carrier calls; None when it is no number that this carrier may bring calls for."""
        here = self.at(flow.host)
        self.on_known(flow.host)
        signed = self._tokens.get(sip.uri(request.uri).user or "")
        if signed is not None and signed in here:
            book = self._books[signed.tenant_id]
            did = self._did(book, signed, outside.called(request))
            return Arrival(signed, book, did) if did else None
        here.sort(key=lambda line: line.trunk.port != flow.port)
        for line in here:
            book = self._books[line.tenant_id]
            did = self._meant(book, line, outside.number_in(request.uri))
            if did is not None:
                return Arrival(line, book, did)
        return None

    def _did(self, book: Book, line: Line, numbers: list[str]) -> Did | None:
        """Of a trunk where we sign in. Some carriers say the account's name only: fine when it has one number."""
        for number in numbers:
            did = self._meant(book, line, number)
            if did is not None:
                return did
        own = [did for did in book.model.dids if did.trunk == line.trunk.id]
        return own[0] if len(own) == 1 and not numbers else None

    def _meant(self, book: Book, line: Line, number: str) -> Did | None:
        """The tenant's DID that a carrier's spelling means: +49…, 0049…, 49… or, with national format, 030…"""
        if not number:
            return None
        digits = number.lstrip("+")
        spelled = {digits, digits.removeprefix("00")}
        for did in book.model.dids:
            tail = did.number.lstrip("+")
            national = line.trunk.number_format == "national" and len(digits) > 5 and tail.endswith(digits.lstrip("0"))
            if (tail in spelled or national) and did.trunk in ("", line.trunk.id):
                return did
        return None

    def reach(self, line: Line, done: Reached) -> None:
        """Give `done` a flow to the carrier, or None when its name is not known or it does not take a connection."""
        addresses = self.names.addresses(line.trunk.host)
        address = addresses[line.turn % len(addresses)] if addresses else ""
        if not address or self._is_us(address, line.trunk.port):
            done(None)
            return
        flow = Flow(line.trunk.transport, address, line.trunk.port)
        if self._wire.alive(flow):
            done(flow)
        else:
            self._wire.connect(flow, done, line.trunk.host)

    def reach_again(self, flow: Flow, done: Reached) -> None:
        """The other end of a dialog with a carrier: as it was, or over a new connection."""
        lines = [line for line in self.at(flow.host) if line.trunk.transport == flow.transport]
        if self._wire.alive(flow) or not lines:
            done(flow if self._wire.alive(flow) else None)
        else:
            self.reach(lines[0], done)

    def _is_us(self, host: str, port: int) -> bool:
        """A trunk that points at this server would send calls round in circles."""
        context = self._context
        return context.is_ours(host) and port in {context.port(name) for name in ("udp", "tls", "int")}

    def states(self) -> list[TrunkState]:
        """How they are, for the board."""
        now, wall = self._context.timers.time(), self._context.wall()
        return [
            TrunkState(
                line.tenant_id,
                line.trunk.id,
                wall + line.signin.until - now if line.signin.valid(now) else None,
                line.circuit.state.value,
                line.circuit.failures,
                self._pool.tally.count("trunk", line.tenant_id, line.trunk.id),
                line.circuit.reason or line.signin.reason,
                wall,
            )
            for line in self._lines.values()
        ]


def _network(text: str) -> Network | None:
    """An address or network of a carrier; None when it cannot be read, or is too wide to be one carrier's."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        network = None
    if network is None or network.prefixlen < PREFIX_MIN[network.version]:
        _log.warning("address of a trunk is not used", extra={"reason": text[:64]})
        return None
    return network
