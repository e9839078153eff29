"""Puts the edge together and runs it until it is told to stop."""

from __future__ import annotations

import asyncio
import secrets
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pbx_core import log
from pbx_core.clock import Clock
from pbx_core.domain.model import Model
from pbx_core.edge import trunk_books
from pbx_core.edge.accounts import Accounts
from pbx_core.edge.auth import Authenticator
from pbx_core.edge.carriers import Carriers
from pbx_core.edge.context import Context, Wire
from pbx_core.edge.ledger import Ledger
from pbx_core.edge.location import Location
from pbx_core.edge.mirror import Mirror, Mirrored
from pbx_core.edge.network import Network
from pbx_core.edge.pool import Pool
from pbx_core.edge.proxy import Proxy
from pbx_core.edge.registrar import Registrar
from pbx_core.edge.ringing import Extensions
from pbx_core.edge.server import Server
from pbx_core.edge.tls import server_context, write_secret
from pbx_core.edge.transactions import Layer, Timers
from pbx_core.edge.trunks import Trunks
from pbx_core.edge.upkeep import Upkeep
from pbx_core.netaddr import public_address
from pbx_core.settings import Settings
from pbx_core.sip.digest import Nonces
from pbx_core.sip.flow import FlowTokens
from pbx_core.sip.framing import PING
from pbx_core.sip.guard import Guard, GuardLimits
from pbx_core.store.heartbeat import announced

_log = log.get(__name__)
NAT_PING_S = 25.0  # most NATs forget a UDP flow after 30 s
DRAIN_S = 0.3  # answers on their way get so long when we are told to stop


class Edge:
    """Everything the edge consists of but the sockets. `wall()`: UTC epoch seconds."""

    def __init__(
        self,
        settings: Settings,
        db: sa.Engine,
        wall: Callable[[], float],
        timers: Timers,
        wire: Wire,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        s = self.settings = settings
        self.guard = Guard(
            GuardLimits(s.flood_requests_max, s.flood_window_s, s.ban_s, s.guess_failures_max, s.guess_window_s)
        )
        self.host = public_address(settings)
        self.layer = Layer(timers, wire.send)
        succeeds = _flow_key_path(settings).exists()  # there was an edge before this one
        tokens = FlowTokens(_flow_key(settings))
        context = Context(settings, self.host, timers, self.layer, tokens, random, wall, tag_key=random(16))
        accounts = Accounts(db, timers.time)
        self.location = Location(db, wall)
        for host in self.location.hosts():
            self.guard.vouch(host, timers.time())
        auth = Authenticator(context, accounts, self.guard, Nonces(random(32), s.nonce_ttl_s))
        self.pool = Pool(timers)
        self.trunks = Trunks(context, wire, self.pool)
        self.trunks.on_known = lambda host: self.guard.vouch(host, timers.time())
        self.upkeep = Upkeep(context, wire, self.trunks)
        self.ledger = Ledger(context, self._model)
        tell = self.ledger.tell
        proxy = Proxy(context, auth, accounts, self.location, self.pool, self.trunks, wire, tell, succeeds)
        extensions = Extensions(context, accounts, self.location, self.pool, wire)
        carriers = Carriers(context, self.trunks, self.pool, tell)
        registrar = Registrar(context, auth, accounts, self.location)
        self.server = Server(context, auth, registrar, proxy, extensions, carriers, self.trunks)
        self._timers = timers

    def _model(self, tenant_id: str) -> Model | None:
        book = self.trunks.book(tenant_id)
        return book.model if book else None

    def banned(self, host: str) -> bool:
        """Whether a host is not listened to. A carrier never is: whoever forges its address must not cut it off."""
        return self.guard.banned(host, self._timers.time()) and not self.trunks.known(host)

    def detail(self) -> dict[str, Any]:
        """The row on the board."""
        s = self.settings
        return {
            "udp": s.sip_port,
            "tcp": s.sip_port,
            "tls": s.sip_tls_port,
            "internal": s.sip_internal_port,
            "address": self.host,
            "phones": self.location.phones,
            "calls": self.pool.calls,
            "turned_away": self.ledger.calls,
            "trunks": len(self.trunks.lines()),
            "transactions": self.layer.count,
            "bans": self.guard.bans,
            "messages": self.server.received,
            "failures": self.server.failures,
        }


def _flow_key_path(settings: Settings) -> Path:
    return settings.data / "tls" / "flow.key"


def _flow_key(settings: Settings) -> bytes:
    """The key of the flow tokens; kept, so that calls survive a restart of the edge."""
    path = _flow_key_path(settings)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_secret(path, secrets.token_bytes(32))
    return path.read_bytes()


async def _keep_open(edge: Edge, network: Network) -> None:
    """Phones behind NAT stay reachable over UDP as long as something passes."""
    while True:
        await asyncio.sleep(NAT_PING_S)
        for flow in edge.location.behind_nat():
            network.send(flow, PING)
        edge.upkeep.keep_open()


async def run(settings: Settings, db: sa.Engine, clock: Clock) -> None:
    """Serve until SIGTERM or SIGINT."""

    def wall() -> float:
        return clock.now().timestamp()

    loop = asyncio.get_running_loop()
    network = Network(settings)
    mirror = Mirror(settings, wall)
    await mirror.open()
    edge = Edge(settings, db, wall, loop, Mirrored(network, mirror) if mirror.on else network)
    edge.ledger.open(clock)
    receive = mirror.watching(edge.server.receive, edge.host) if mirror.on else edge.server.receive
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    tls = server_context(settings, edge.host, clock.now())
    work = [
        loop.create_task(edge.pool.read_forever(db, wall)),
        loop.create_task(edge.location.write_forever()),
        loop.create_task(edge.location.purge_forever()),
        loop.create_task(edge.ledger.write_forever()),
        loop.create_task(_keep_open(edge, network)),
        loop.create_task(trunk_books.follow_forever(edge.trunks, settings, db)),
        loop.create_task(trunk_books.tell_forever(edge.trunks, db)),
        loop.create_task(edge.trunks.names.refresh_forever(edge.trunks.hosts)),
    ]
    stopped = loop.create_task(stop.wait())

    def detail() -> dict[str, Any]:
        return {**edge.detail(), "connections": network.connections}

    try:
        await network.open(tls, receive, edge.banned)
        edge.upkeep.start()
        with announced(db, clock, "edge", detail):
            _log.info("serving", extra=detail())
            ended, _ = await asyncio.wait([*work, stopped], return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()  # a writer that died is an error, not an end
            edge.pool.shut()
            await asyncio.sleep(DRAIN_S)
            _log.info("stopping", extra=detail())
    finally:
        for task in work:
            task.cancel()
        await network.close()
        edge.ledger.close()
        mirror.close()
