"""Connections before a request is understood: few from one address, and none that only dawdles."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

CONNECTIONS_MAX = 200  # at once; more are answered 503
PER_ADDRESS_MAX = 40  # of them from one address: an office's programs and phones behind NAT
REQUEST_S = 20.0  # a request must have come in whole; a large model over a slow line takes 10 s


class Doorstep(HttpToolsProtocol):
    """uvicorn's connection, with a limit per address and a time for each request to arrive in."""

    _hurry: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._await_request()
        host = self.client[0] if self.client else ""
        neighbours = sum(1 for other in self.connections if (getattr(other, "client", None) or ("",))[0] == host)
        if neighbours > PER_ADDRESS_MAX:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_request()

    def on_message_complete(self) -> None:
        self._arrived()
        super().on_message_complete()

    def _await_request(self) -> None:
        self._arrived()
        self._hurry = self.loop.call_later(REQUEST_S, self.transport.abort)

    def _arrived(self) -> None:
        if self._hurry is not None:
            self._hurry.cancel()
            self._hurry = None
