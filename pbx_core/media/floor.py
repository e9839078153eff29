"""The floor of a worker: what all its parts share, and the one queue through which facts reach the calls."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pbx_core.clock import Clock
from pbx_core.domain.calls.events import EventType
from pbx_core.media.live_call import LiveCall
from pbx_core.media.port import MediaPort, PortEvent
from pbx_core.settings import Settings


@dataclass(frozen=True)
class Fact:
    """Something happened in a call; it has not been told yet."""

    live: LiveCall
    at: datetime
    mono_s: float
    type: EventType
    leg: str | None
    detail: Mapping[str, Any]
    digit: str = field(default="", repr=False)


@dataclass
class Floor:
    """The engine, the clock, all calls, and the facts that wait to be told."""

    settings: Settings
    worker: str
    port: MediaPort
    clock: Clock
    calls: dict[str, LiveCall] = field(default_factory=dict)
    by_handle: dict[int, tuple[LiveCall, str]] = field(default_factory=dict)
    facts: deque[Fact] = field(default_factory=deque)

    def tell(
        self,
        live: LiveCall,
        kind: EventType,
        leg: str | None = None,
        detail: Mapping[str, Any] | None = None,
        report: PortEvent | None = None,
    ) -> None:
        """Queue a fact, of now or of the moment of a report."""
        at, mono_s = (report.at, report.mono_s) if report else (self.clock.now(), self.clock.monotonic())
        digit = report.digit if report else ""
        self.facts.append(Fact(live, at, mono_s, kind, leg, detail or {}, digit))

    def take(self, live: LiveCall, leg: str, handle: int, number: str, sip_call_id: str) -> None:
        """A dialog is this call's leg from now on."""
        live.handles[leg] = handle
        live.numbers[leg] = number
        live.sip_call_ids[leg] = sip_call_id
        self.by_handle[handle] = (live, leg)
        self.rewire(live)

    def part_with(self, live: LiveCall, leg: str) -> int:
        """The leg is no longer this call's; its handle. Nobody of this call hears it any more."""
        handle = live.handles.pop(leg, 0)
        self.by_handle.pop(handle, None)
        self.rewire(live)
        if live.playing.pop(leg, None) is not None:
            self.port.stop_play(handle)
        live.answered.discard(leg)
        return handle

    def rewire(self, live: LiveCall) -> None:
        """Let those hear each other whom the machine wants to, and no others."""
        own = live.handles
        wanted = frozenset((own[a], own[b]) for a, b in live.pairs if a in own and b in own)
        for speaker, listener in sorted(live.wired - wanted):
            self.port.hear(speaker, listener, False)
        for speaker, listener in sorted(wanted - live.wired):
            self.port.hear(speaker, listener, True)
        live.wired = wanted

    def find(self, tenant_id: str, call_id: str) -> LiveCall | None:
        """A call of the tenant on this worker."""
        live = self.calls.get(call_id)
        return live if live and live.tenant_id == tenant_id and not live.closed else None
