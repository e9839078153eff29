"""Virtual time and a wire that loses what it is told to lose; no sockets, no waiting."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from typing import Any

from pbx_core.sip.flow import Flow

LATENCY_S = 0.01


class _Timer:
    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class VirtualTime:
    """Timers that fire when `run` reaches them; has what an asyncio loop offers to the edge."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._due: list[tuple[float, int, _Timer, Callable[..., Any], tuple[Any, ...]]] = []
        self._numbers = itertools.count()

    def time(self) -> float:
        return self._now

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> _Timer:
        timer = _Timer()
        heapq.heappush(self._due, (self._now + delay, next(self._numbers), timer, callback, args))
        return timer

    def run(self, seconds: float, until: Callable[[], Any] = lambda: False) -> None:
        """Let so many virtual seconds pass, or fewer when `until` becomes true."""
        end = self._now + seconds
        while self._due and self._due[0][0] <= end and not until():
            at, _, timer, callback, args = heapq.heappop(self._due)
            self._now = max(self._now, at)
            if not timer.cancelled:
                callback(*args)
        if not until():
            self._now = end


class VirtualWire:
    """Carries bytes between the edge and peers known by flow (as the edge sees them). Connections (tcp, tls) are
    reliable and end when closed; datagrams are lost with probability `loss`, and doubled with `doubling`."""

    def __init__(self, time: VirtualTime, seed: int = 1) -> None:
        self.time = time
        self.loss = 0.0
        self.doubling = 0.0
        self.edge: Callable[[bytes, Flow], None] = lambda data, flow: None
        self.peers: dict[Flow, Callable[[bytes], None]] = {}
        self.connectable: set[Flow] = set()
        self.lost = 0
        self._random = random.Random(seed)

    def send(self, flow: Flow, data: bytes) -> bool:
        """From the edge to a peer."""
        if flow.reliable and flow not in self.peers:
            return False
        self._carry(flow, lambda: self.peers.get(flow, lambda _: None)(data))
        return True

    def to_edge(self, flow: Flow, data: bytes) -> bool:
        """From a peer to the edge."""
        self._carry(flow, lambda: self.edge(data, flow))
        return True

    def alive(self, flow: Flow) -> bool:
        """Whether something sent there can leave."""
        return not flow.reliable or flow in self.peers

    def connect(self, flow: Flow, done: Callable[[Flow | None], None], server_name: str = "") -> None:
        """Only to peers that listen."""
        self.time.call_later(LATENCY_S, done, flow if flow in self.connectable else None)

    def _carry(self, flow: Flow, deliver: Callable[[], None]) -> None:
        copies = 1
        if flow.transport == "udp":
            copies = 0 if self._random.random() < self.loss else 1 + (self._random.random() < self.doubling)
            self.lost += copies == 0
        for n in range(copies):
            self.time.call_later(LATENCY_S * (1 + n * self._random.random()), deliver)
