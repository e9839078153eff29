"""The worker: carries calls between the engine, the pure state machine and the journal.

For every fact: journal first, then `step`, then the commands. It decides nothing about a call itself; it decides
whether there is room for one. Nothing here waits: what takes its time (database, prompts) is done by `errands`.
"""

from __future__ import annotations

import sqlalchemy as sa

from pbx_core import log
from pbx_core.clock import Clock
from pbx_core.domain.calls import cdr
from pbx_core.domain.calls.commands import Close
from pbx_core.domain.calls.events import CallEvent, EventType, to_record
from pbx_core.domain.calls.machine import step
from pbx_core.errors import InvalidTransition
from pbx_core.feed import Journal
from pbx_core.media import reports
from pbx_core.media.arrivals import Arrivals
from pbx_core.media.control import ControlSocket
from pbx_core.media.deeds import Deeds
from pbx_core.media.desk import Desk
from pbx_core.media.diary import Diary
from pbx_core.media.errands import Errands
from pbx_core.media.floor import Fact, Floor
from pbx_core.media.guide import Guide
from pbx_core.media.live import Board
from pbx_core.media.live_call import LiveCall
from pbx_core.media.port import MediaPort, PortEvent, Signal
from pbx_core.media.prompts import Prompts
from pbx_core.media.requests import Requests
from pbx_core.media.rooms import Rooms
from pbx_core.media.sounds import Sounds
from pbx_core.media.taping import Taping
from pbx_core.media.waiting import Waiting
from pbx_core.settings import Settings
from pbx_core.store import presence

_log = log.get(__name__)

EVENTS_MAX = 5000  # per call; a phone that floods digits or re-INVITEs loses its call, not our memory
CLOSE_S = 3.0  # the background threads have so long to finish when the worker stops


class Worker:
    """All calls of one engine. `turn` is called every few milliseconds by the one thread that owns the engine."""

    def __init__(
        self,
        settings: Settings,
        name: str,
        port: MediaPort,
        journal: Journal,
        clock: Clock,
        legs: int,
        db: sa.Engine,
    ) -> None:
        """`legs`: how many dialogs the engine takes at once."""
        self._floor = Floor(settings, name, port, clock)
        self._diary = Diary(journal)
        self._legs = legs
        self._db = db
        self._reads, self._writes, self._studio = Errands("reads"), Errands("writes"), Errands("studio")
        self._taping = Taping(self._floor)
        self._waiting = Waiting(self._floor, db, self._writes)
        self._rooms = Rooms(port)
        self._board = Board(self._floor, db, self._rooms, self._writes)
        guide = Guide(db, clock)
        self._arrivals = Arrivals(self._floor, guide, self._reads, self._room)
        self._deeds = Deeds(
            self._floor,
            guide,
            self._reads,
            Sounds(Prompts(settings), port, self._studio, self._unheard),
            self._taping,
            self._rooms,
            self._waiting,
            Desk(self._floor, db, guide, self._writes, self._waiting.told),
        )
        self._control = ControlSocket(settings, name, Requests(self._floor, self._arrivals).handle)
        self._forget_predecessor(settings, name)
        self.draining = False
        self.overloaded = False  # too little processor time for one more call

    @property
    def calls(self) -> int:
        """Calls in progress, those included whose way is still being asked."""
        return len(self._floor.calls) + self._arrivals.asking

    @property
    def idle(self) -> bool:
        """Whether no call runs, every ended one is marked in the spool, and its row is gone."""
        return not self._floor.calls and self._arrivals.idle and self._taping.settled and self._board.settled

    @property
    def settled(self) -> bool:
        """Whether, besides, every line is in the journal: it may be closed."""
        return self.idle and self._diary.healthy

    @property
    def errands(self) -> int:
        """Errands under way."""
        return self._reads.outstanding + self._writes.outstanding + self._studio.outstanding

    def turn(self) -> None:
        """One round: what the engine reports, what came of errands, timers that are due, the recorders' health."""
        for report in self._floor.port.pump():
            self._report(report)
            self._work()
        for part in (self._reads.collect, self._writes.collect, self._studio.collect, self._control.poll):
            part()
            self._work()
        self._arrivals.turn()
        self._work()
        now = self._floor.clock.monotonic()
        for live in list(self._floor.calls.values()):
            self._fire_timers(live, now)
        self._taping.turn()
        self._work()
        self._waiting.turn()
        self._board.turn()
        self._diary.retry()

    def drain(self) -> None:
        """Take no new calls and end the running ones; `calls` goes to 0 within a few seconds."""
        self.draining = True
        for live in list(self._floor.calls.values()):
            self._floor.tell(live, EventType.SHUTDOWN)
        self._work()

    def close(self) -> None:
        """Let go of what is ours beside the engine; after the last turn."""
        self._control.close()
        for errands in (self._reads, self._writes, self._studio):
            errands.close(CLOSE_S)
        self._waiting.shut()

    def _forget_predecessor(self, settings: Settings, name: str) -> None:
        try:
            presence.clear(self._db, name)
            self._waiting.forget_predecessor()
        except sa.exc.DatabaseError as error:  # locked, full, broken: rows of the dead are tidied up by others, too
            _log.error("rows of the predecessor not removed", extra={"reason": str(error.orig), "alarm": True})

    def _room(self, legs: int) -> bool:
        """Whether so many dialogs may begin (0: whether new calls are taken at all); the INVITE that asks is counted by
        the engine already. Each one whose way is still asked will need another."""
        if self.draining or self.overloaded or not self._diary.healthy:
            return False
        return self._floor.port.legs_in_use() + self._arrivals.asking + legs <= self._legs

    # what comes from outside

    def _report(self, report: PortEvent) -> None:
        if report.signal is Signal.INCOMING:
            self._arrivals.incoming(report)
            return
        if self._arrivals.report(report) or (known := self._floor.by_handle.get(report.handle)) is None:
            return
        live, leg = known
        fact = reports.fact_of(self._floor.port, live, leg, report)
        if fact is None:
            return
        if report.signal is Signal.ENDED:
            self._floor.by_handle.pop(report.handle, None)
            if leg in live.rooms:
                self._deeds.leave_room(live, leg)
        self._floor.tell(live, fact[0], leg, fact[1], report)

    def _unheard(self, live: LiveCall, leg: str, token: str, fault: str) -> None:
        self._floor.tell(live, EventType.PLAYED, leg, {"token": token, "fault": fault})

    def _fire_timers(self, live: LiveCall, now: float) -> None:
        for name, due in list(live.timers.items()):
            if due <= now and live.timers.get(name) == due:
                del live.timers[name]
                self._floor.tell(live, EventType.TIMER, None, {"name": name})
                self._work()

    # what calls do with it

    def _work(self) -> None:
        """Journal, step, execute, until no fact waits: what the commands bring about comes in the same queue."""
        facts = self._floor.facts
        while facts:
            fact = facts.popleft()
            if not fact.live.closed:
                self._happened(fact)

    def _happened(self, fact: Fact) -> None:
        live = fact.live
        event = CallEvent(
            fact.at, fact.mono_s, live.call_id, len(live.events), fact.leg, fact.type, dict(fact.detail), fact.digit
        )
        before = live.call.doing
        try:
            after, wishes = step(live.call, event)
        except InvalidTransition:
            _log.exception("event without a rule", extra={"call_id": live.call_id})
            return
        self._diary.event(to_record(_kept(event), live.tenant_id), sync=live.must_last(event))
        live.events.append(event)
        live.call = after
        if before == "parked" != after.doing:
            live.slot = ""
        for wish in wishes:
            if isinstance(wish, Close):
                self._close(live)
            else:
                self._deeds.carry_out(live, wish)
        if not live.closed:
            self._board.touch(live)
        if len(live.events) == EVENTS_MAX:
            self._floor.tell(live, EventType.ENGINE_ERROR, None, {"reason": "too many events"})

    def _close(self, live: LiveCall) -> None:
        """The call's one record, then the marks that let the recorder begin."""
        live.closed = True
        record = cdr.fold(live.events)
        self._diary.cdr(record)
        starved = {leg: cdr.starved_share(live.events, leg) for leg in live.handles}
        marked = {f"{live.call_id}-{leg}": leg for leg in live.handles}
        bad = {marked[r.leg_id] for r in record.legs if r.starved and r.leg_id in marked}
        self._taping.close(live, {leg: share for leg, share in starved.items() if leg in bad})
        self._waiting.close(live)
        for leg in list(live.rooms):
            self._deeds.leave_room(live, leg)
        for handle in [h for h, (owner, _) in self._floor.by_handle.items() if owner is live]:
            del self._floor.by_handle[handle]
        self._board.remove(live)
        del self._floor.calls[live.call_id]
        extra = {"call_id": live.call_id, "disposition": record.disposition, "talk_s": record.talk_s}
        _log.info("call ended", extra=extra)


def _kept(event: CallEvent) -> CallEvent:
    """The event as it is written down: without the PIN of a conference."""
    node = event.detail.get("node")
    if event.type is not EventType.ROUTED or not isinstance(node, dict) or not node.get("pin"):
        return event
    detail = {**event.detail, "node": {**node, "pin": ""}}
    return CallEvent(event.at, event.mono_s, event.call_id, event.seq, event.leg, event.type, detail)
