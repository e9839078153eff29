"""Calls that begin: an INVITE from the edge, or a request to originate. Where the call goes is asked before it is
opened, so that a call which belongs to another worker is handed back without a trace.

Who writes the record of a call that comes to nothing, is seen by our final answer: 487 is a call of ours, 503 without
X-Call-Id is not, and the edge then goes on looking or tells of it itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pbx_core import log
from pbx_core.domain.calls.events import CALLER, EventType
from pbx_core.domain.dialplan import direction_of
from pbx_core.domain.nodes import Conference, Hangup, Join, Ring, Routed, Target, Wish
from pbx_core.domain.records import from_json, to_json
from pbx_core.errors import PeerError
from pbx_core.media import invite
from pbx_core.media.control import Reply
from pbx_core.media.errands import Errands, Failed
from pbx_core.media.floor import Floor
from pbx_core.media.guide import Advice, Guide, Known
from pbx_core.media.live_call import LiveCall
from pbx_core.media.port import PortEvent, Signal
from pbx_core.sip.display import visible

_log = log.get(__name__)

ADVICE_S_MAX = 2.0  # the database has so long; then the call goes by what was last known
STANDS_S = 0.4  # an INVITE without room waits so long: the legs of a call that has just ended go one after the other
ORIGINATED = ("callback", "informing", "click")
ORIGINATED_MAX = 1000  # remembered, so that a request sent twice calls once
TEXT_CHARS_MAX = 256  # of a destination or a number in a request
GAVE_UP = 487  # what the engine itself answers to CANCEL
LOST = Hangup(480, "Temporarily Unavailable", "done")  # where a call leads for which the dialplan was asked in vain


@dataclass
class Arrival:
    """An INVITE whose way is being asked. ended: the caller has given up meanwhile."""

    report: PortEvent
    wish: invite.Invite
    due_mono_s: float
    ended: PortEvent | None = None


class Arrivals:
    """Opens calls. `room(legs)` says whether that many more dialogs may begin here."""

    def __init__(self, floor: Floor, guide: Guide, reads: Errands, room: Callable[[int], bool]) -> None:
        self._floor = floor
        self._guide = guide
        self._reads = reads
        self._room = room
        self._asking: dict[int, Arrival] = {}
        self._standing: dict[int, tuple[PortEvent, float]] = {}  # INVITEs for which there is no room yet, until when
        self._turned_away: dict[int, PortEvent] = {}  # dialogs that are not over yet
        self._originated: deque[str] = deque(maxlen=ORIGINATED_MAX)

    @property
    def asking(self) -> int:
        """INVITEs whose way is asked."""
        return len(self._asking)

    @property
    def idle(self) -> bool:
        """Whether no INVITE waits here for anything."""
        return not self._asking and not self._standing

    def incoming(self, report: PortEvent) -> None:
        """An INVITE: ask where it goes, now or as soon as there is room, or turn it away. The edge cannot ask us
        twice for the same call: the engine would take it for a loop (RFC 3261 8.2.2.2)."""
        if self._room(1) and not self._standing:
            self._ask(report)
        elif self._room(0):
            self._standing[report.handle] = report, self._floor.clock.monotonic() + STANDS_S
        else:
            self._turn_away(report)

    def _ask(self, report: PortEvent, ended: PortEvent | None = None) -> None:
        try:
            wish = invite.parse(report.detail["message"])
        except PeerError as error:
            _log.warning("INVITE refused", extra={"reason": str(error)})
            self._floor.port.hangup(report.handle, 403, "Forbidden", {"X-Call-Id": "none"})
            return
        due = self._floor.clock.monotonic() + ADVICE_S_MAX
        arrival = self._asking[report.handle] = Arrival(report, wish, due, ended)
        question = _question(wish)
        self._reads.send(
            lambda: self._guide.ask(wish.tenant_id, question), lambda advice: self._advised(arrival, advice)
        )

    def report(self, report: PortEvent) -> bool:
        """Something happened to a leg; True when it is one of those that still wait here, or were turned away."""
        if report.signal is Signal.ENDED and report.handle in self._turned_away:
            invited = self._turned_away.pop(report.handle)
            if report.detail.get("status") == GAVE_UP:  # said before our refusal: only we can tell of this call
                self._ask(invited, report)
            return True
        if report.signal is Signal.ENDED and report.handle in self._standing:
            invited, _ = self._standing.pop(report.handle)
            self._ask(invited, report)
            return True
        arrival = self._asking.get(report.handle)
        if arrival is None:
            return False
        if report.signal is Signal.ENDED:
            arrival.ended = report
        return True

    def turn(self) -> None:
        """Those who stand go on or away; those for whom the database does not answer go by what was last known."""
        now = self._floor.clock.monotonic()
        for handle, (report, until) in list(self._standing.items()):
            if self._room(1):
                del self._standing[handle]
                self._ask(report)
            elif until <= now or not self._room(0):
                del self._standing[handle]
                self._turn_away(report)
        for arrival in [a for a in self._asking.values() if a.due_mono_s <= now]:
            self._advised(arrival, Failed("the database does not answer"))

    def originate(self, request: dict[str, Any], reply: Reply) -> None:
        """The system calls somebody. KeyError, ValueError for a request that says too little."""
        tenant_id, call_id = _text(request, "tenant_id"), _text(request, "call_id")
        target = from_json(Target, request["target"])
        direction, then = _text(request, "direction"), _text(request, "then")
        if direction not in ORIGINATED:
            raise ValueError(f"direction is none of {', '.join(ORIGINATED)}")
        wanted = {"target": to_json(target), "then": then, "shown": str(request.get("shown", ""))}
        wanted["from_name"] = visible(str(request.get("from_name", "")))
        if call_id in self._originated:
            reply({"ok": True})  # asked twice
            return
        if not self._room(2):
            reply({"error": "no_slot"})
            return

        self._originated.append(call_id)

        def learned(known: Known | Failed) -> None:
            domain = self._guide.domain(tenant_id) if isinstance(known, Failed) else known.domain
            if not domain or not self._room(2):
                self._originated.remove(call_id)
                reply({"error": "no_slot" if domain else "no_model"})
            else:
                live = LiveCall(call_id, tenant_id, domain)
                head = {"direction": direction, "caller_number": target.number, "caller_name": target.name}
                language = next(iter(self._guide.model(tenant_id).languages), "en")
                if story := str(request.get("conversation_id", ""))[:TEXT_CHARS_MAX]:
                    head["conversation_id"] = story
                self._open(live, {**head, "callee_number": then, "language": language, "originate": wanted})
                reply({"ok": True})

        self._reads.send(lambda: self._guide.learn(tenant_id), learned)

    def _advised(self, arrival: Arrival, advice: Advice | Failed) -> None:
        """The way is known: open the call, or hand it back."""
        handle, wish = arrival.report.handle, arrival.wish
        if self._asking.get(handle) is not arrival:
            return  # it went by what was last known already
        del self._asking[handle]
        if isinstance(advice, Failed):
            _log.error("dialplan asked in vain", extra={"reason": advice.reason, "alarm": True})
            advice = self._guide.recall(wish.tenant_id, _question(wish)) or advice
        if arrival.ended is not None:  # nobody waits any more; it needs no room, only its record
            lost = Advice(Routed(LOST, (), ("hangup:lost",), wish.origin), "", "en")
            self._accept(arrival, lost if isinstance(advice, Failed) else advice)
        # it may be stopping by now, or another call's transfer may have taken the last dialog
        elif isinstance(advice, Failed) or not self._room(int(isinstance(advice.routed.node, Ring))):
            self._turn_away(arrival.report)
        elif elsewhere := _elsewhere(advice, self._floor.worker):
            self._turn_away(arrival.report, "Elsewhere", {"X-Worker": elsewhere})
        else:
            self._accept(arrival, advice)

    def _accept(self, arrival: Arrival, advice: Advice) -> None:
        wish, report = arrival.wish, arrival.report
        live = LiveCall(self._floor.clock.new_id(), wish.tenant_id, advice.domain or wish.domain, answer_ready=advice)
        self._floor.take(live, CALLER, report.handle, wish.caller_number, wish.sip_call_id)
        head = {
            "direction": direction_of(advice.routed, wish.trunk_id),
            "caller_number": wish.caller_number,
            "caller_name": wish.caller_name,
            "callee_number": wish.did or wish.dialled,
            "sip_call_id": wish.sip_call_id,
            "source": wish.source,
            "did": wish.did,
            "trunk_id": wish.trunk_id,
            "language": advice.language,
            "origin": to_json(wish.origin),
        }
        self._open(live, head, report)
        if arrival.ended is not None:
            detail = {k: v for k, v in arrival.ended.detail.items() if k != "headers"}
            self._floor.tell(live, EventType.ENDED, CALLER, detail, arrival.ended)
            self._floor.by_handle.pop(report.handle, None)

    def _open(self, live: LiveCall, head: dict[str, Any], report: PortEvent | None = None) -> None:
        self._floor.calls[live.call_id] = live
        same = {"sip_call_id": "", "source": "", "did": "", "trunk_id": ""}
        detail = {
            "tenant_id": live.tenant_id,
            "domain": live.domain,
            "worker": self._floor.worker,
            "conversation_id": live.call_id,
            "music": self._guide.model(live.tenant_id).music,
            **same,
            **head,
        }
        self._floor.tell(live, EventType.OPENED, None if report is None else CALLER, detail, report)

    def _turn_away(self, invited: PortEvent, reason: str = "No Slot", headers: Mapping[str, str] | None = None) -> None:
        self._turned_away[invited.handle] = invited
        self._floor.port.hangup(invited.handle, 503, reason, headers or {})


def _question(wish: invite.Invite) -> Wish:
    return Wish(wish.origin, dialled=wish.did or wish.dialled, overflow=wish.overflow)


def _elsewhere(advice: Advice, worker: str) -> str:
    """The worker on which the call must be; "" here or anywhere."""
    node = advice.routed.node
    if isinstance(node, Join | Conference) and node.worker not in ("", worker):
        return node.worker
    return ""


def _text(request: dict[str, Any], name: str) -> str:
    value = request[name]
    if not isinstance(value, str) or not 0 < len(value) <= TEXT_CHARS_MAX:
        raise ValueError(f"{name} is no text of 1 to {TEXT_CHARS_MAX} characters")
    return value
