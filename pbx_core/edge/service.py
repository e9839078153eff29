"""Puts the edge together and runs it until it is told to stop."""

from __future__ import annotations

import asyncio
import secrets
import signal
from typing import Any

import sqlalchemy as sa

from pbx_core import log
from pbx_core.clock import Clock
from pbx_core.edge.accounts import Accounts
from pbx_core.edge.auth import Authenticator
from pbx_core.edge.context import Context
from pbx_core.edge.location import Location
from pbx_core.edge.network import Network
from pbx_core.edge.pool import Pool
from pbx_core.edge.proxy import Proxy
from pbx_core.edge.registrar import Registrar
from pbx_core.edge.server import Server
from pbx_core.edge.tls import server_context, write_secret
from pbx_core.edge.transactions import Layer
from pbx_core.netaddr import public_address
from pbx_core.settings import Settings
from pbx_core.sip.digest import Nonces
from pbx_core.sip.flow import Flow, FlowTokens
from pbx_core.sip.guard import Guard, GuardLimits
from pbx_core.store.heartbeat import announced

_log = log.get(__name__)
DRAIN_S = 0.3  # answers on their way get so long when we are told to stop


class Edge:
    """Everything the edge consists of; build it inside a running loop."""

    def __init__(self, settings: Settings, db: sa.Engine, clock: Clock) -> None:
        loop = asyncio.get_running_loop()
        self.settings, self.db = settings, db
        self._wall = lambda: clock.now().timestamp()
        s = settings
        self.guard = Guard(
            GuardLimits(s.flood_requests_max, s.flood_window_s, s.ban_s, s.guess_failures_max, s.guess_window_s)
        )
        self.host = public_address(settings)
        self.network = Network(settings, self._receive, lambda host: self.guard.banned(host, loop.time()))
        self.layer = Layer(loop, self.network.send)
        context = Context(
            settings,
            self.host,
            loop,
            self.layer,
            FlowTokens(_flow_key(settings)),
            secrets.token_bytes,
            self._wall,
            secrets.token_bytes(16),
        )
        accounts = Accounts(db, loop.time)
        self.location = Location(db, self._wall)
        for host in self.location.hosts():
            self.guard.vouch(host, loop.time())
        auth = Authenticator(context, accounts, self.guard, Nonces(secrets.token_bytes(32), s.nonce_ttl_s))
        self.pool = Pool(loop)
        proxy = Proxy(context, auth, accounts, self.location, self.pool, self.network)
        self.server = Server(context, auth, Registrar(context, auth, self.location), proxy)

    def _receive(self, data: bytes, flow: Flow) -> None:
        self.server.receive(data, flow)

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
            "connections": self.network.connections,
            "transactions": self.layer.count,
            "bans": self.guard.bans,
            "messages": self.server.received,
            "failures": self.server.failures,
        }


def _flow_key(settings: Settings) -> bytes:
    """The key of the flow tokens; kept, so that calls survive a restart of the edge."""
    path = settings.data / "tls" / "flow.key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_secret(path, secrets.token_bytes(32))
    return path.read_bytes()


async def run(settings: Settings, db: sa.Engine, clock: Clock) -> None:
    """Serve until SIGTERM or SIGINT."""
    edge = Edge(settings, db, clock)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    tls = server_context(settings, edge.host, clock.now())
    work = [
        loop.create_task(edge.pool.read_forever(db, edge._wall)),
        loop.create_task(edge.location.write_forever()),
        loop.create_task(edge.location.purge_forever()),
    ]
    try:
        await edge.network.open(tls)
        with announced(db, clock, "edge", edge.detail):
            _log.info("serving", extra=edge.detail())
            ended, _ = await asyncio.wait([*work, loop.create_task(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()  # a writer that died is an error, not an end
            await asyncio.sleep(DRAIN_S)
            _log.info("stopping", extra=edge.detail())
    finally:
        for task in work:
            task.cancel()
        await edge.network.close()
