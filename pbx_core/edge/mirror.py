"""Shows every SIP message to a HOMER server over UDP (HEP v3), where the setting asks for it; it never waits."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable

from pbx_core import log
from pbx_core.edge.context import LOOPBACK
from pbx_core.edge.network import Network, Receive
from pbx_core.errors import ConfigError
from pbx_core.settings import Settings
from pbx_core.sip import hep
from pbx_core.sip.flow import Flow

_log = log.get(__name__)
_CALL_ID = re.compile(rb"^(?:call-id|i)[ \t]*:[ \t]*([^\r\n]{1,256}?)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)


class Mirror:
    """The UDP socket to the capture server. `on` tells whether there is one."""

    def __init__(self, settings: Settings, wall: Callable[[], float]) -> None:
        self._settings, self._wall = settings, wall
        self._socket: socket.socket | None = None
        self._host = LOOPBACK

    @property
    def on(self) -> bool:
        """Whether messages are shown."""
        return self._socket is not None

    async def open(self) -> None:
        """Connect the socket; ConfigError when the setting cannot be read or its name is not found."""
        where = self._settings.hep_server
        if not where:
            return
        host, _, port = where.rpartition(":")
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)
            family, kind, protocol, _, address = found[0]
            out = socket.socket(family, kind, protocol)
            out.setblocking(False)
            out.connect(address)
        except (OSError, ValueError, OverflowError) as error:
            raise ConfigError(
                f"The capture server {where!r} cannot be used ({error}); the SIP edge was not started. "
                "Set hep_server to host:port, or to nothing."
            ) from error
        self._socket = out

    def watching(self, receive: Receive, host: str) -> Receive:
        """The same receiver, with everything that comes in shown. `host`: our own address."""
        self._host = host

        def watched(data: bytes, flow: Flow) -> None:
            self._show(flow, data, inward=True)
            receive(data, flow)

        return watched

    def sent(self, flow: Flow, data: bytes) -> None:
        """Something went out."""
        self._show(flow, data, inward=False)

    def _show(self, flow: Flow, data: bytes, *, inward: bool) -> None:
        out = self._socket
        if out is None or len(data) < 16:  # keep-alives are shorter
            return
        s = self._settings
        port = {"int": s.sip_internal_port, "tls": s.sip_tls_port}.get(flow.transport, s.sip_port)
        ours, theirs = (LOOPBACK if flow.transport == "int" else self._host, port), (flow.host, flow.port)
        source, target = (theirs, ours) if inward else (ours, theirs)
        call_id = _CALL_ID.search(data)
        correlation = call_id.group(1).decode("ascii", "replace") if call_id else ""
        try:
            out.send(
                hep.encode(hep.Capture(flow.transport, source, target, self._wall(), data), s.hep_node_id, correlation)
            )
        except (ValueError, OSError) as error:  # our address is a name; the buffer is full; nobody listens there
            _log.debug("message not shown", extra={"reason": str(error)})

    def close(self) -> None:
        """No more."""
        if self._socket:
            self._socket.close()


class Mirrored:
    """The wire, with everything that goes out shown."""

    def __init__(self, network: Network, mirror: Mirror) -> None:
        self._network, self._mirror = network, mirror

    def send(self, flow: Flow, data: bytes) -> bool:
        """As the network does."""
        sent = self._network.send(flow, data)
        if sent:
            self._mirror.sent(flow, data)
        return sent

    def alive(self, flow: Flow) -> bool:
        """As the network does."""
        return self._network.alive(flow)

    def connect(self, flow: Flow, done: Callable[[Flow | None], None], server_name: str = "") -> None:
        """As the network does."""
        self._network.connect(flow, done, server_name)
