"""Who hears whom: what is to be connected in the engine's conference bridge, re-made whenever a re-INVITE gives a leg
a new port. Ports are objects with startTransmit(sink) and stopTransmit(sink)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pbx_core import log

_log = log.get(__name__)


class Wiring:
    """The wanted connections of all legs, by handle."""

    def __init__(self, port_of: Callable[[int], Any | None], error: type[Exception]) -> None:
        """`port_of` gives a leg's port while it has one, `error` is what the engine raises."""
        self._port_of = port_of
        self._error = error
        self._peers: dict[int, int] = {}
        self._recorders: dict[int, Any] = {}
        self._players: dict[int, Any] = {}
        self._paused: set[int] = set()

    def rewire(self, handle: int) -> None:
        """Connect a leg's (perhaps new) port to its recorder, player and peer."""
        port = self._port_of(handle)
        if port is None:
            return
        if handle in self._recorders:
            self.connect(port, self._recorders[handle])
        if handle in self._players and handle not in self._paused:
            self.connect(self._players[handle], port)
        peer = self._port_of(self._peers.get(handle, 0))
        if peer is not None:
            self.connect(port, peer)
            self.connect(peer, port)

    def bridge(self, one: int, two: int) -> None:
        """Two legs hear each other from now on."""
        self._peers[one], self._peers[two] = two, one
        self.rewire(one)

    def unbridge(self, one: int, two: int) -> None:
        """They no longer do."""
        self._peers.pop(one, None)
        self._peers.pop(two, None)
        first, second = self._port_of(one), self._port_of(two)
        if first is not None and second is not None:
            self._part(first, second)
            self._part(second, first)

    def record(self, handle: int, recorder: Any) -> None:
        """A leg's sound goes to a recorder."""
        self._recorders[handle] = recorder
        self.rewire(handle)

    def unrecord(self, handle: int) -> None:
        """Drop a leg's recorder; without other references its file is closed."""
        self._recorders.pop(handle, None)

    def play(self, handle: int, player: Any) -> None:
        """A player speaks into a leg."""
        self._players[handle] = player
        self.rewire(handle)

    def pause(self, handle: int, on: bool) -> None:
        """The leg's player is not heard, until `on` is False and the leg is wired again."""
        if not on:
            self._paused.discard(handle)
            return
        self._paused.add(handle)
        port = self._port_of(handle)
        if port is not None and handle in self._players:
            self._part(self._players[handle], port)

    def forget(self, handle: int) -> None:
        """The leg is over; its recorder goes on taking silence until unrecord."""
        peer = self._peers.pop(handle, None)
        if peer is not None:
            self._peers.pop(peer, None)
        self._players.pop(handle, None)
        self._paused.discard(handle)

    def clear(self) -> None:
        """Drop everything."""
        for held in (self._peers, self._recorders, self._players):
            held.clear()

    def connect(self, source: Any, sink: Any) -> None:
        """Let a sink hear a source; harmless when it does."""
        try:
            source.startTransmit(sink)
        except self._error as error:
            _log.warning("sound not connected", extra={"reason": str(error)})

    def _part(self, source: Any, sink: Any) -> None:
        try:
            source.stopTransmit(sink)
        except self._error:
            return  # was not connected
