"""Carries out what the call machine asks: one branch a command, by subject; the larger ones in modules of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from pbx_core import log
from pbx_core.domain.calls import commands as do
from pbx_core.domain.calls.events import EventType
from pbx_core.domain.calls.nodes_json import routed_detail
from pbx_core.domain.nodes import Conference
from pbx_core.media import dialling, joining
from pbx_core.media.desk import Desk
from pbx_core.media.errands import Errands, Failed
from pbx_core.media.floor import Floor
from pbx_core.media.guide import Advice, Guide, wish_of
from pbx_core.media.live_call import LiveCall
from pbx_core.media.rooms import Rooms
from pbx_core.media.sounds import Sounds
from pbx_core.media.taping import Taping
from pbx_core.media.waiting import Waiting

_log = log.get(__name__)


@dataclass
class Deeds:
    """The hands of the machine."""

    floor: Floor
    guide: Guide
    reads: Errands
    sounds: Sounds
    taping: Taping
    rooms: Rooms
    waiting: Waiting
    desk: Desk

    def carry_out(self, live: LiveCall, wish: do.Command) -> None:
        """Do one command; what comes of it is told to the call. Close is the worker's own."""
        match wish:
            case do.Route():
                self._route(live, wish)
            case do.Dial():
                dialling.dial(self.floor, live, wish, self.guide.model(live.tenant_id))
            case do.RingBack() | do.Answer() | do.SendDtmf() | do.TellTransfer() | do.Hangup():
                self._signal(live, wish)
            case do.Mix() | do.Play() | do.StopPlay():
                self._sound(live, wish)
            case do.StartRecording() | do.StopRecording() | do.PauseRecording() | do.ResumeRecording():
                self._record(live, wish)
            case do.AdoptConsultation() | do.GiveCaller() | do.JoinRoom() | do.LeaveRoom():
                self._join(live, wish)
            case do.QueueJoin() | do.QueueOfferEnded() | do.QueueLeave() | do.QueueTalkEnded():
                self._queue(live, wish)
            case do.Park() | do.Store() | do.Message():
                self._at_desk(live, wish)
            case do.StartTimer(name, after_s):
                live.timers[name] = self.floor.clock.monotonic() + after_s
            case do.CancelTimer(name):
                live.timers.pop(name, None)
            case do.Note(kind, leg, detail):
                self.floor.tell(live, kind, leg, detail)
            case do.Close():
                pass
            case _:
                assert_never(wish)

    def _signal(self, live: LiveCall, wish: do.Signalling) -> None:
        port, handle = self.floor.port, live.handles.get(wish.leg, 0)
        match wish:
            case do.RingBack(_, status):
                port.ring(handle, status, live.headers)
            case do.Answer(leg):
                live.answered.add(leg)
                port.answer(handle, live.headers)
            case do.SendDtmf(_, method):
                port.send_dtmf(handle, wish.digit, method)
            case do.TellTransfer(_, status, reason):
                port.tell_transfer(handle, status, reason, status >= 200)
            case do.Hangup(_, status, reason, elsewhere):
                headers = {**live.headers, "X-Elsewhere": "1"} if elsewhere else live.headers
                port.hangup(handle, status, reason, headers)
            case _:
                assert_never(wish)

    def _sound(self, live: LiveCall, wish: do.Sound) -> None:
        match wish:
            case do.Mix(pairs):
                live.pairs = pairs
                self.floor.rewire(live)
            case do.Play():
                self.sounds.play(live, wish, self.guide.model(live.tenant_id))
            case do.StopPlay(leg):
                self.sounds.stop(live, leg)
            case _:
                assert_never(wish)

    def _record(self, live: LiveCall, wish: do.Recording) -> None:
        match wish:
            case do.StartRecording():
                self.taping.start(live, wish)
            case do.StopRecording():
                self.taping.stop(live)
            case do.PauseRecording():
                self.taping.pause(live)
            case do.ResumeRecording():
                self.taping.resume(live)
            case _:
                assert_never(wish)

    def _join(self, live: LiveCall, wish: do.Joining) -> None:
        match wish:
            case do.AdoptConsultation():
                joining.adopt_consultation(self.floor, live, wish)
            case do.GiveCaller():
                joining.give_caller(self.floor, live, wish)
            case do.JoinRoom():
                self._join_room(live, wish)
            case do.LeaveRoom(leg):
                self.leave_room(live, leg)
            case _:
                assert_never(wish)

    def _queue(self, live: LiveCall, wish: do.Queueing) -> None:
        match wish:
            case do.QueueJoin():
                self.waiting.join(live, wish)
            case do.QueueOfferEnded():
                self.waiting.offer_ended(live, wish)
            case do.QueueLeave():
                self.waiting.leave(live, wish)
            case do.QueueTalkEnded():
                self.waiting.talk_ended(live, wish)
            case _:
                assert_never(wish)

    def _at_desk(self, live: LiveCall, wish: do.AtDesk) -> None:
        match wish:
            case do.Park():
                self.desk.park(live, wish)
            case do.Store():
                self.desk.store(live, wish)
            case do.Message():
                self.desk.message(live, wish)
            case _:
                assert_never(wish)

    def leave_room(self, live: LiveCall, leg: str) -> None:
        """Take a leg out of its conference, and tell those who stay how many they are."""
        number = live.rooms.get(leg, "")
        for other, _ in self.rooms.leave(live, leg):
            people = self.rooms.people(live.tenant_id, number)
            self.floor.tell(other, EventType.PEER_GONE, None, {"people": people})

    def _join_room(self, live: LiveCall, wish: do.JoinRoom) -> None:
        if wish.leg not in live.handles:
            return
        node = getattr(live.call.stage, "node", None)
        if isinstance(node, Conference) and node.worker not in ("", self.floor.worker):
            self.floor.tell(live, EventType.JOIN_FAILED, wish.leg, {"reason": f"the room is on {node.worker}"})
            return
        before = self.rooms.join(live, wish.leg, wish.room, wish.people_max, self.floor.clock.now())
        if before is None:
            self.floor.tell(live, EventType.JOIN_FAILED, wish.leg, {"reason": "the room is full"})
            return
        people = self.rooms.people(live.tenant_id, wish.room)
        for member, leg in (*before, (live, wish.leg)):
            self.floor.tell(member, EventType.JOINED, leg, {"room": wish.room, "people": people})

    def _route(self, live: LiveCall, wish: do.Route) -> None:
        """Ask the dialplan, or give the answer that was had before the call was opened."""
        asked = wish.destination or wish.dialled
        if live.answer_ready is not None:
            ready, live.answer_ready = live.answer_ready, None
            self._routed(live, asked, ready)
            return

        def answered(advice: Advice | Failed) -> None:
            if isinstance(advice, Failed):
                _log.error("dialplan asked in vain", extra={"call_id": live.call_id, "reason": advice.reason})
                advice = self.guide.recall(live.tenant_id, wish_of(wish)) or advice
            if isinstance(advice, Failed):
                self.floor.tell(live, EventType.ENGINE_ERROR, None, {"reason": "the dialplan cannot be read"})
            else:
                self._routed(live, asked, advice)

        self.reads.send(lambda: self.guide.ask(live.tenant_id, wish_of(wish)), answered)

    def _routed(self, live: LiveCall, asked: str, advice: Advice) -> None:
        self.floor.tell(live, EventType.ROUTED, None, routed_detail(asked, advice.routed))
