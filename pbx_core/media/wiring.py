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
        self._edges: set[tuple[int, int]] = set()  # (speaker, listener)
        self._recorders: dict[int, Any] = {}
        self._muted: set[int] = set()
        self._players: dict[int, Any] = {}
        self._paused: set[int] = set()
        self.drain: Any | None = None  # hears every leg: one that nobody heard would let its jitter buffer run over

    def rewire(self, handle: int) -> None:
        """Connect a leg's (perhaps new) port to its recorder, its player, and all that it hears and that hear it."""
        port = self._port_of(handle)
        if port is None:
            return
        if self.drain is not None:
            self.connect(port, self.drain)
        if handle in self._recorders and handle not in self._muted:
            self.connect(port, self._recorders[handle])
        if handle in self._players and handle not in self._paused:
            self.connect(self._players[handle], port)
        for edge in self._edges:
            if handle in edge:
                self._join(*edge)

    def hear(self, speaker: int, listener: int, on: bool) -> None:
        """One leg hears another from now on, or no longer."""
        if on:
            self._edges.add((speaker, listener))
            self._join(speaker, listener)
        elif (speaker, listener) in self._edges:
            self._edges.discard((speaker, listener))
            source, sink = self._port_of(speaker), self._port_of(listener)
            if source is not None and sink is not None:
                self.part(source, sink)

    def record(self, handle: int, recorder: Any) -> None:
        """A leg's sound goes to a recorder."""
        self._recorders[handle] = recorder
        self._muted.discard(handle)
        self.rewire(handle)

    def mute(self, handle: int, on: bool) -> None:
        """The recorder no longer hears the leg, or does again; whatever else feeds it stays."""
        recorder, port = self._recorders.get(handle), self._port_of(handle)
        if recorder is None:
            return
        if not on:
            self._muted.discard(handle)
            self.rewire(handle)
            return
        self._muted.add(handle)
        if port is not None:
            self.part(port, recorder)

    def unrecord(self, handle: int) -> None:
        """Drop a leg's recorder; without other references its file is closed."""
        self._recorders.pop(handle, None)
        self._muted.discard(handle)

    def play(self, handle: int, player: Any) -> None:
        """A player speaks into a leg."""
        self._players[handle] = player
        self.rewire(handle)

    def unplay(self, handle: int) -> None:
        """It no longer does."""
        player, port = self._players.pop(handle, None), self._port_of(handle)
        if player is not None and port is not None:
            self.part(player, port)

    def pause(self, handle: int, on: bool) -> None:
        """The leg's player is not heard, until `on` is False and the leg is wired again."""
        if not on:
            self._paused.discard(handle)
            return
        self._paused.add(handle)
        port = self._port_of(handle)
        if port is not None and handle in self._players:
            self.part(self._players[handle], port)

    def forget(self, handle: int) -> None:
        """The leg is over; its recorder goes on taking silence until unrecord."""
        self._edges = {edge for edge in self._edges if handle not in edge}
        self._players.pop(handle, None)
        self._paused.discard(handle)

    def clear(self) -> None:
        """Drop everything."""
        for held in (self._edges, self._recorders, self._players):
            held.clear()
        self.drain = None

    def connect(self, source: Any, sink: Any) -> None:
        """Let a sink hear a source; harmless when it does."""
        try:
            source.startTransmit(sink)
        except self._error as error:
            _log.warning("sound not connected", extra={"reason": str(error)})

    def part(self, source: Any, sink: Any) -> None:
        """A sink no longer hears a source; harmless when it did not."""
        try:
            source.stopTransmit(sink)
        except self._error:
            return

    def _join(self, speaker: int, listener: int) -> None:
        source, sink = self._port_of(speaker), self._port_of(listener)
        if source is not None and sink is not None:
            self.connect(source, sink)
