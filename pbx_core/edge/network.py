"""Sockets of the edge: UDP, the loopback socket for workers, TCP and TLS connections. Bytes in, bytes out."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import cast

from pbx_core import log
from pbx_core.errors import ConfigError, PeerError
from pbx_core.settings import Settings
from pbx_core.sip.flow import Flow
from pbx_core.sip.framing import PING, Framer

_log = log.get(__name__)

Receive = Callable[[bytes, Flow], None]
Banned = Callable[[str], bool]

WRITE_BUFFER_MAX = 256 * 1024  # a phone that does not read is cut off
SWEEP_S = 10.0
HANDSHAKE_S = 10.0
HANDSHAKES_MAX = 500  # at once
HANDSHAKES_PER_SOURCE_MAX = 50
UDP_RECEIVE_BUFFER = 1 << 20


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, network: Network, name: str) -> None:
        self._network, self._name = network, name

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._network.datagram(data, Flow(self._name, addr[0], addr[1]))

    def error_received(self, exc: Exception) -> None:  # ICMP: the transaction notices by silence
        _log.debug("datagram refused", extra={"reason": str(exc)})


class _Stream(asyncio.Protocol):
    """One TCP or TLS connection."""

    def __init__(self, network: Network, name: str) -> None:
        self._network, self._name = network, name
        self._framer = Framer(network.settings.sip_message_bytes_max)
        self.transport: asyncio.Transport | None = None
        self.flow = Flow(name, "", 0)
        self._early = b""  # came with the end of the TLS handshake, before connection_made
        self.heard_at = 0.0
        self.proven = False  # a whole message came; before that the idle limit is short

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername") or ("", 0)
        self.transport = cast(asyncio.Transport, transport)
        self.flow = Flow(self._name, peer[0], peer[1])
        self.heard_at = asyncio.get_running_loop().time()
        if not self._network.accept(self):
            self.transport.abort()
        elif self._early:
            early, self._early = self._early, b""
            self.data_received(early)

    def data_received(self, data: bytes) -> None:
        network = self._network
        if self.transport is None:
            self._early = (self._early + data)[: network.settings.sip_message_bytes_max + 1]
            return
        if self.transport.is_closing():
            return
        if network.banned(self.flow.host):
            self.transport.abort()
            return
        self.heard_at = asyncio.get_running_loop().time()
        try:
            for raw in self._framer.feed(data):
                if raw is PING:
                    self.transport.write(b"\r\n")
                else:
                    self.proven = True
                    network.receive(raw, self.flow)
        except PeerError as error:
            _log.info("connection closed", extra={"pii_source": str(self.flow), "reason": str(error)})
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._network.lost(self)


class _Handshake(asyncio.Protocol):
    """A connection that asks for TLS: bans and limits are looked at before any cryptography."""

    def __init__(self, network: Network, tls: ssl.SSLContext) -> None:
        self._network, self._tls = network, tls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        raw = cast(asyncio.Transport, transport)
        host = (raw.get_extra_info("peername") or ("", 0))[0]
        raw.pause_reading()  # what the phone says first is for the TLS layer
        if self._network.begin_handshake(host):
            self._network.spawn(self._shake(raw, host))
        else:
            raw.abort()

    async def _shake(self, raw: asyncio.Transport, host: str) -> None:
        stream = _Stream(self._network, "tls")
        try:
            made = await asyncio.get_running_loop().start_tls(
                raw, stream, self._tls, server_side=True, ssl_handshake_timeout=HANDSHAKE_S
            )
            if made is not None:
                stream.connection_made(made)
        except (OSError, ssl.SSLError) as error:  # ConnectionError, TimeoutError
            _log.debug("no TLS", extra={"pii_source": host, "reason": str(error)})
            raw.abort()
        finally:
            self._network.end_handshake(host)


class Network:
    """Owns the sockets. `receive` gets whole messages of hosts that are not banned; it must not raise."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.receive: Receive = lambda data, flow: None
        self.banned: Banned = lambda host: False
        self._datagrams: dict[str, asyncio.DatagramTransport] = {}
        self._servers: list[asyncio.Server] = []
        self._streams: dict[Flow, _Stream] = {}
        self._per_host: Counter[str] = Counter()
        self._handshakes: Counter[str] = Counter()
        self._connecting: dict[Flow, list[Callable[[Flow | None], None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._client_tls: ssl.SSLContext | None = None

    @property
    def connections(self) -> int:
        """Open TCP and TLS connections."""
        return len(self._streams)

    async def open(self, tls: ssl.SSLContext, receive: Receive, banned: Banned) -> None:
        """Bind everything; ConfigError names the port and the setting when one is taken."""
        s = self.settings
        self.receive, self.banned = receive, banned
        await self._bind_udp("int", "127.0.0.1", s.sip_internal_port, "sip_internal_port")
        await self._bind_udp("udp", s.sip_host, s.sip_port, "sip_port")
        await self._bind_stream("tcp", s.sip_port, "sip_port", None)
        await self._bind_stream("tls", s.sip_tls_port, "sip_tls_port", tls)
        self._sweep()

    async def _bind_udp(self, name: str, host: str, port: int, setting: str) -> None:
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.create_datagram_endpoint(lambda: _Udp(self, name), local_addr=(host, port))
        except OSError as error:
            raise _busy("UDP", host, port, setting, error) from error
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UDP_RECEIVE_BUFFER)
        self._datagrams[name] = transport

    async def _bind_stream(self, name: str, port: int, setting: str, tls: ssl.SSLContext | None) -> None:
        loop, host = asyncio.get_running_loop(), self.settings.sip_host

        def protocol() -> asyncio.Protocol:
            return _Stream(self, name) if tls is None else _Handshake(self, tls)

        try:
            server = await loop.create_server(protocol, host, port, backlog=256)
        except OSError as error:
            raise _busy("TCP" if tls is None else "TLS", host, port, setting, error) from error
        self._servers.append(server)

    def datagram(self, data: bytes, flow: Flow) -> None:
        """One datagram came in."""
        if flow.transport == "int" and flow.host != "127.0.0.1":
            return
        if flow.transport == "udp" and self.banned(flow.host):
            return
        if len(data) > self.settings.sip_message_bytes_max or len(data) < 16:  # keep-alives are shorter
            return
        self.receive(data, flow)

    def send(self, flow: Flow, data: bytes) -> bool:
        """Send bytes; False when the flow is a connection that is gone."""
        datagrams = self._datagrams.get(flow.transport)
        if datagrams is not None:
            datagrams.sendto(data, (flow.host, flow.port))
            return True
        stream = self._streams.get(flow)
        if stream is None or stream.transport is None or stream.transport.is_closing():
            return False
        if stream.transport.get_write_buffer_size() > WRITE_BUFFER_MAX:
            stream.transport.abort()
            return False
        stream.transport.write(data)
        return True

    def alive(self, flow: Flow) -> bool:
        """Whether something sent on this flow can leave the machine."""
        return flow.transport in self._datagrams or flow in self._streams

    def connect(self, flow: Flow, done: Callable[[Flow | None], None], server_name: str = "") -> None:
        """Open a connection to a phone whose own one is gone, or to a carrier; `done` gets the flow, or None.
        `server_name`: of TLS, whose certificate is expected."""
        if flow in self._streams:
            done(flow)
            return
        if flow in self._connecting:
            self._connecting[flow].append(done)
            return
        if len(self._connecting) >= 100:
            done(None)
            return
        self._connecting[flow] = [done]
        self.spawn(self._connect(flow, server_name))

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Run something beside, until the network closes."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def begin_handshake(self, host: str) -> bool:
        """Whether this host may begin TLS: not banned, and not with too many beginnings at once."""
        if self.banned(host) or self._handshakes.total() >= HANDSHAKES_MAX:
            return False
        if self._handshakes[host] >= HANDSHAKES_PER_SOURCE_MAX:
            return False
        self._handshakes[host] += 1
        return True

    def end_handshake(self, host: str) -> None:
        """It succeeded or failed."""
        self._handshakes[host] -= 1
        if self._handshakes[host] <= 0:
            del self._handshakes[host]

    async def _connect(self, target: Flow, server_name: str) -> None:
        made: Flow | None = None
        try:
            tls = self._verifying() if target.transport == "tls" else None
            async with asyncio.timeout(self.settings.sip_connect_s):
                _, stream = await asyncio.get_running_loop().create_connection(
                    lambda: _Stream(self, target.transport),
                    target.host,
                    target.port,
                    ssl=tls,
                    server_hostname=(server_name or target.host) if tls else None,
                )
            stream.proven = True
            made = stream.flow
        except (OSError, TimeoutError) as error:  # ssl.SSLError among them
            _log.info("no connection", extra={"pii_target": str(target), "reason": str(error)[:200]})
        for done in self._connecting.pop(target):
            done(made)

    def _verifying(self) -> ssl.SSLContext:
        """What we demand of a carrier: a certificate for its name, signed by whom the system or the setting trusts."""
        if self._client_tls is None:
            authorities = self.settings.trunk_tls_ca
            self._client_tls = ssl.create_default_context(cafile=str(authorities) if authorities else None)
        return self._client_tls

    def accept(self, stream: _Stream) -> bool:
        """Take a connection in; False beyond the limits or from a banned host."""
        s, flow = self.settings, stream.flow
        if self.banned(flow.host) or len(self._streams) >= s.sip_connections_max:
            return False
        if self._per_host[flow.host] >= s.sip_connections_per_source_max:
            return False
        self._streams[flow] = stream
        self._per_host[flow.host] += 1
        return True

    def lost(self, stream: _Stream) -> None:
        """A connection ended."""
        if self._streams.get(stream.flow) is stream:
            del self._streams[stream.flow]
            self._per_host[stream.flow.host] -= 1
            if self._per_host[stream.flow.host] <= 0:
                del self._per_host[stream.flow.host]

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        now, s = loop.time(), self.settings
        for stream in list(self._streams.values()):
            limit = s.sip_idle_s if stream.proven else min(s.sip_idle_s, 10.0)
            if stream.transport and now - stream.heard_at > limit:
                stream.transport.abort()
        self._sweeper = loop.call_later(SWEEP_S, self._sweep)

    async def close(self) -> None:
        """Close everything."""
        if self._sweeper:
            self._sweeper.cancel()
        for task in self._tasks:
            task.cancel()
        for server in self._servers:
            server.close()
        for stream in list(self._streams.values()):
            if stream.transport:
                stream.transport.close()
        for transport in self._datagrams.values():
            transport.close()


def _busy(kind: str, host: str, port: int, setting: str, error: OSError) -> ConfigError:
    return ConfigError(
        f"{kind} port {port} on {host} cannot be opened ({error.strerror or error}); the SIP edge was not started. "
        f"Free the port or set {setting} (CALLBENCH_{setting.upper()}) to another one.",
        error_id="port_busy",
    )
