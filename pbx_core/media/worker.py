"""The worker: carries calls between the engine, the pure state machine and the journal.

For every event: journal first, then `step`, then the commands. It decides nothing about a call itself; it decides
whether there is room for one.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, assert_never

from pbx_core import log
from pbx_core.clock import Clock
from pbx_core.domain import commands as do
from pbx_core.domain.call import Call, State, step
from pbx_core.domain.cdr import fold, starved_share
from pbx_core.domain.events import CallEvent, EventType, to_record
from pbx_core.domain.records import Party
from pbx_core.errors import InvalidTransition, PeerError, Unavailable
from pbx_core.feed import Journal
from pbx_core.media import invite
from pbx_core.media.diary import Diary
from pbx_core.media.port import DialTarget, MediaPort, PortEvent, Signal
from pbx_core.media.tape import Segment, Tape
from pbx_core.settings import Settings

_log = log.get(__name__)

EVENTS_MAX = 5000  # per call; a phone that floods digits or re-INVITEs loses its call, not our memory
SYNCED = (EventType.OPENED, EventType.ANSWERED)
_FROM_PORT = {
    Signal.RINGING: EventType.RINGING,
    Signal.ANSWERED: EventType.ANSWERED,
    Signal.CONFIRMED: EventType.CONFIRMED,
    Signal.HELD: EventType.HELD,
    Signal.UNHELD: EventType.UNHELD,
    Signal.DTMF: EventType.DTMF,
    Signal.MEDIA_LOST: EventType.MEDIA_LOST,
    Signal.QUALITY: EventType.QUALITY,
    Signal.ENDED: EventType.ENDED,
}


@dataclass
class LiveCall:
    """A call in progress with what the shell needs of it."""

    call_id: str
    wish: invite.Invite
    handles: dict[Party, int]
    call: Call = field(default_factory=Call)
    events: list[CallEvent] = field(default_factory=list)
    timers: dict[str, float] = field(default_factory=dict)  # name → due on the monotonic clock
    tape: Tape | None = None

    @property
    def headers(self) -> dict[str, str]:
        """On every response that the state machine decides: it tells the edge that the answer is final."""
        return {"X-Call-Id": self.call_id}


class Worker:
    """All calls of one engine. `turn` is called every few milliseconds by the one thread that owns the engine."""

    def __init__(
        self, settings: Settings, name: str, port: MediaPort, journal: Journal, clock: Clock, legs: int
    ) -> None:
        """`legs`: how many dialogs the engine takes at once."""
        self._settings = settings
        self._name = name
        self._port = port
        self._diary = Diary(journal)
        self._clock = clock
        self._legs = legs
        self._calls: dict[str, LiveCall] = {}
        self._by_handle: dict[int, tuple[LiveCall, Party]] = {}
        self._tapes_watched = clock.monotonic()
        self._unmarked: list[Tape] = []  # ended, their end mark not written yet
        self.draining = False
        self.overloaded = False  # too little processor time for one more call

    @property
    def calls(self) -> int:
        """Calls in progress."""
        return len(self._calls)

    @property
    def idle(self) -> bool:
        """Whether no call runs and every ended one is marked in the spool."""
        return not self._calls and not self._unmarked

    @property
    def settled(self) -> bool:
        """Whether, besides, every line is in the journal: it may be closed."""
        return self.idle and self._diary.healthy

    def turn(self) -> None:
        """One round: what the engine reports, then timers that are due, then the recorders' health."""
        for report in self._port.pump():
            if report.signal is Signal.INCOMING:
                self._incoming(report)
            elif (known := self._by_handle.get(report.handle)) is not None:
                live, leg = known
                self._feed(live, _FROM_PORT[report.signal], leg, report.detail, report)
                if report.signal is Signal.ENDED:
                    self._by_handle.pop(report.handle, None)
        self._unmarked = [tape for tape in self._unmarked if not tape.end()]
        now = self._clock.monotonic()
        for live in list(self._calls.values()):
            self._fire_timers(live, now)
        if now - self._tapes_watched >= 1.0:
            self._tapes_watched = now
            self._watch_tapes()
            self._diary.retry()

    def drain(self) -> None:
        """Take no new calls and end the running ones; `calls` goes to 0 within a few seconds."""
        self.draining = True
        for live in list(self._calls.values()):
            self._feed(live, EventType.SHUTDOWN, None, {})

    # calls

    def _incoming(self, report: PortEvent) -> None:
        if self.draining or self.overloaded or self._port.legs_in_use() + 1 > self._legs:
            self._port.hangup(report.handle, 503, "No Slot", {})
            return
        try:
            wish = invite.parse(report.detail["message"])
        except PeerError as error:
            _log.warning("INVITE refused", extra={"reason": str(error)})
            self._port.hangup(report.handle, 403, "Forbidden", {"X-Call-Id": "none"})
            return
        live = LiveCall(self._clock.new_id(), wish, {Party.CALLER: report.handle})
        detail = {
            "tenant_id": wish.tenant_id,
            "domain": wish.domain,
            "direction": "internal",
            "caller_number": wish.caller_number,
            "caller_name": wish.caller_name,
            "callee_number": wish.dialled,
            "sip_call_id": wish.sip_call_id,
            "source": wish.source,
            "worker": self._name,
            "ring_s": self._settings.ring_s,
            "call_s_max": self._settings.call_s_max,
        }
        if not self._diary.healthy:
            self._port.hangup(report.handle, 503, "No Slot", {})
            return
        self._calls[live.call_id] = live
        self._by_handle[report.handle] = (live, Party.CALLER)
        self._feed(live, EventType.OPENED, Party.CALLER, detail, report)

    def _feed(
        self,
        live: LiveCall,
        kind: EventType,
        leg: Party | None,
        detail: dict[str, Any],
        report: PortEvent | None = None,
    ) -> None:
        """Journal, step, execute; then the same for whatever the commands brought about."""
        at = report.at if report else self._clock.now()
        mono_s = report.mono_s if report else self._clock.monotonic()
        todo: deque[tuple[datetime, float, EventType, Party | None, dict[str, Any], str]] = deque()
        todo.append((at, mono_s, kind, leg, detail, report.digit if report else ""))
        while todo and live.call.state is not State.CLOSED:
            at, mono_s, kind, leg, detail, digit = todo.popleft()
            event = CallEvent(at, mono_s, live.call_id, len(live.events), leg, kind, detail, digit)
            try:
                after, wishes = step(live.call, event)
            except InvalidTransition:
                _log.exception("event without a rule", extra={"call_id": live.call_id})
                continue
            self._diary.event(to_record(event, live.wish.tenant_id), sync=kind in SYNCED)
            live.events.append(event)
            live.call = after
            for wish in wishes:
                for made in self._execute(live, wish):
                    todo.append((self._clock.now(), self._clock.monotonic(), *made, ""))
            if len(live.events) == EVENTS_MAX:
                todo.append((at, mono_s, EventType.ENGINE_ERROR, None, {"reason": "too many events"}, ""))

    def _execute(self, live: LiveCall, wish: do.Command) -> list[tuple[EventType, Party | None, dict[str, Any]]]:
        """Carry out one command; the events that it causes at once."""
        caller, callee = live.handles.get(Party.CALLER, 0), live.handles.get(Party.CALLEE, 0)
        match wish:
            case do.Dial():
                return [self._dial(live)]
            case do.Ring(status):
                self._port.ring(caller, status, live.headers)
            case do.Answer():
                self._port.answer(caller, live.headers)
            case do.Bridge():
                self._port.bridge(caller, callee)
            case do.Unbridge():
                self._port.unbridge(caller, callee)
            case do.StartRecording():
                return [self._start_tape(live)]
            case do.StopRecording():
                if live.tape:
                    live.tape.stop()
            case do.SendDtmf(leg, method):
                self._port.send_dtmf(live.handles.get(leg, 0), wish.digit, method)
            case do.Hangup(leg, status, reason):
                self._port.hangup(live.handles.get(leg, 0), status, reason, live.headers)
            case do.StartTimer(name, after_s):
                live.timers[name] = self._clock.monotonic() + after_s
            case do.CancelTimer(name):
                live.timers.pop(name, None)
            case do.Close():
                self._close(live)
            case _:
                assert_never(wish)
        return []

    def _dial(self, live: LiveCall) -> tuple[EventType, Party | None, dict[str, Any]]:
        wish = live.wish
        target = DialTarget(
            uri=f"sip:{wish.dialled}@{wish.domain}",
            from_uri=invite.name_addr(wish.caller_name, f"sip:{wish.caller_number}@{wish.domain}"),
            headers={"X-Tenant": wish.tenant_id, **live.headers},
        )
        try:
            handle, sip_call_id = self._port.dial(target)
        except Unavailable as error:
            return EventType.DIAL_FAILED, Party.CALLEE, {"reason": str(error)[:200]}
        live.handles[Party.CALLEE] = handle
        self._by_handle[handle] = (live, Party.CALLEE)
        return EventType.DIALED, Party.CALLEE, {"sip_call_id": sip_call_id}

    def _start_tape(self, live: LiveCall) -> tuple[EventType, Party | None, dict[str, Any]]:
        try:
            numbers = {Party.CALLER: live.wish.caller_number, Party.CALLEE: live.wish.dialled}
            segment = Segment(
                live.call_id, live.wish.tenant_id, self._name, 1, "conversation", "tenant_policy", live.handles, numbers
            )
            live.tape = Tape.start(self._settings, self._port, self._clock, segment)
        except Unavailable as error:
            _log.error("call is not recorded", extra={"call_id": live.call_id, "reason": str(error), "alarm": True})
            return EventType.RECORDING_REFUSED, None, {"reason": str(error)}
        return EventType.RECORDING_STARTED, None, {"recording_id": live.tape.recording_id}

    def _close(self, live: LiveCall) -> None:
        """The call's one record, then the mark that lets the recorder begin."""
        record = fold(live.events)
        self._diary.cdr(record)
        for leg in record.legs if live.tape else ():
            if leg.starved and live.tape:
                share = starved_share(live.events, leg.party)
                live.tape.faults.append(f"starved: {100 * share:.1f} % of the {leg.party}'s frames")
                _log.error("sound starved", extra={"call_id": live.call_id, "leg": leg.party, "alarm": True})
        if live.tape and not live.tape.end():
            self._unmarked.append(live.tape)
        del self._calls[live.call_id]
        _log.info(
            "call ended",
            extra={"call_id": live.call_id, "disposition": record.disposition, "talk_s": record.talk_s},
        )

    def _fire_timers(self, live: LiveCall, now: float) -> None:
        for name, due in list(live.timers.items()):
            if due <= now and live.timers.get(name) == due:
                del live.timers[name]
                self._feed(live, EventType.TIMER, None, {"name": name})

    def _watch_tapes(self) -> None:
        for live in list(self._calls.values()):
            fault = live.tape.check() if live.tape else None
            if fault and live.call.state is State.TALKING:
                _log.error("recording is damaged", extra={"call_id": live.call_id, "fault": fault, "alarm": True})
                self._feed(live, EventType.RECORDING_FAULT, None, {"fault": fault})
