"""The story of the queues in the words of Asterisk's queue_log, rebuilt from call events and queue events. Pure.

For reports made for that format, and proof that nothing of a call's story in a queue is missing. Of each event the
data fields are Asterisk's: ENTERQUEUE url|caller|position · CONNECT hold s|call|ring s · COMPLETECALLER and
COMPLETEAGENT hold s|talk s|entry position · BLINDTRANSFER and ATTENDEDTRANSFER target|hold s|talk s|entry position ·
ABANDON, EXITWITHTIMEOUT, EXITEMPTY position|entry position|wait s · EXITWITHKEY key|position|entry position|wait s ·
RINGNOANSWER and RINGCANCELED ring ms · PAUSE reason. Ours besides: CALLBACK (as EXITWITHKEY), FULL (as ABANDON),
WRAPUP seconds, CALLBACKDUE, CALLBACKDONE, CALLBACKFAILED reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pbx_core.domain.calls.events import EventType
from pbx_core.domain.records import CallEventRecord, QueueEvent

WRAPUP = "WRAPUP"
TALK_ENDS = ("COMPLETECALLER", "COMPLETEAGENT", "BLINDTRANSFER", "ATTENDEDTRANSFER")
LEFT = {
    "abandoned": "ABANDON",
    "overflow": "EXITWITHTIMEOUT",
    "empty": "EXITEMPTY",
    "key": "EXITWITHKEY",
    "callback": "CALLBACK",
}
QUEUE_EVENTS = {
    "login": "ADDMEMBER",
    "logout": "REMOVEMEMBER",
    "pause": "PAUSE",
    "unpause": "UNPAUSE",
    "wrap_up": WRAPUP,
    "callback_due": "CALLBACKDUE",
    "callback_done": "CALLBACKDONE",
    "callback_failed": "CALLBACKFAILED",
}


@dataclass(frozen=True)
class Entry:
    """One line of the log; str() gives Asterisk's form."""

    at: datetime
    call_id: str
    queue: str
    agent: str
    event: str
    data: tuple[str, ...] = ()

    def __str__(self) -> str:
        fields = (f"{self.at.timestamp():.6f}", self.call_id or "NONE", self.queue, self.agent or "NONE", self.event)
        return "|".join(text.replace("|", " ").replace("\n", " ") for text in (*fields, *self.data))


def queue_log(calls: Iterable[CallEventRecord], queues: Iterable[QueueEvent]) -> list[Entry]:
    """The log of these events, in order of time. The events of a call may be mixed with those of others."""
    by_call: dict[str, list[CallEventRecord]] = {}
    for event in calls:
        by_call.setdefault(event.call_id, []).append(event)
    facts = [_of_agent(event) for event in queues if event.type in QUEUE_EVENTS]
    told: list[Entry] = []
    for events in by_call.values():
        story = _Story()
        for event in sorted(events, key=lambda e: e.seq):
            told += story.tell(event)
    before = [entry for entry in facts if entry.event != WRAPUP]
    after = [_after_the_talk(entry, told) for entry in facts if entry.event == WRAPUP]
    return sorted([*before, *told, *after], key=lambda entry: entry.at)  # of the same moment they stay in this order


def _after_the_talk(entry: Entry, told: Sequence[Entry]) -> Entry:
    """A wrap-up, which follows its talk even where two processes' clocks and milliseconds say otherwise."""
    whose = entry.call_id, entry.queue, entry.agent
    ends = [e.at for e in told if e.event in TALK_ENDS and (e.call_id, e.queue, e.agent) == whose]
    return replace(entry, at=max(entry.at, min(ends, key=lambda at: abs(at - entry.at), default=entry.at)))


def _of_agent(event: QueueEvent) -> Entry:
    data = (event.reason,) if event.reason else ()
    return Entry(event.at, event.call_id, event.queue, event.agent, QUEUE_EVENTS[event.type], data)


class _Story:
    """One call as it is told; it may pass several queues and agents one after another."""

    def __init__(self) -> None:
        self.caller = ""
        self.queue = ""
        self.full = False  # it was refused for want of room
        self.place = 0  # on entry
        self.position = 0
        self.joined_s = 0.0
        self.offered_s: dict[str, float] = {}
        self.agent = ""  # who talks with him
        self.hold_s = 0.0
        self.talk_from_s = 0.0
        self.legs: dict[str, str] = {}  # of who answered, by number
        self.parted: CallEventRecord | None = None  # one of the two hung up; the record is closed later

    def tell(self, event: CallEventRecord) -> list[Entry]:
        detail, mono_s = event.detail, event.mono_s
        match event.type:
            case EventType.OPENED:
                self.caller = str(detail.get("caller_number", ""))
            case EventType.QUEUE_JOINED:
                self.queue, self.joined_s = str(detail["queue"]), mono_s
                self.place = self.position = int(detail["position"])
                return [self._entry(event, "", "ENTERQUEUE", "", self.caller, self.place)]
            case EventType.QUEUE_POSITION:
                self.position = int(detail.get("position", self.position))
            case EventType.QUEUE_OFFER:
                self.offered_s[str(detail["offer_id"])] = mono_s
            case EventType.OFFER_ENDED:
                return self._offer_ended(event)
            case EventType.QUEUE_FULL if detail.get("reason") != "empty":
                self.full = True
            case EventType.QUEUE_LEFT if detail.get("how") in LEFT:
                return [self._left(event)]
            case EventType.ANSWERED:
                self.legs[str(detail.get("by", ""))] = event.leg or ""
            case EventType.ENDED if self.agent and event.leg in ("caller", self.legs.get(self.agent)):
                self.parted = self.parted or event
            case EventType.TRANSFERRED if self.agent:
                name = "BLINDTRANSFER" if detail.get("how") == "blind" else "ATTENDEDTRANSFER"
                return [self._talked(event, name, str(detail.get("target", "")))]
            case EventType.CLOSED | EventType.ABORTED if self.agent:
                return [self._talked(event, "COMPLETECALLER" if _by_caller(detail) else "COMPLETEAGENT")]
        return []

    def _offer_ended(self, event: CallEventRecord) -> list[Entry]:
        ring_s = event.mono_s - self.offered_s.pop(str(event.detail["offer_id"]), event.mono_s)
        found: list[Entry] = []
        for agent, result in sorted(event.detail.get("results", {}).items()):
            if result == "answered":
                self.agent, self.talk_from_s, self.parted = agent, event.mono_s, None
                self.hold_s = event.mono_s - self.joined_s
                seconds = round(self.hold_s), event.call_id, round(ring_s)
                found.append(self._entry(event, agent, "CONNECT", *seconds))
            else:
                name = "RINGCANCELED" if result == "cancelled" else "RINGNOANSWER"
                found.append(self._entry(event, agent, name, round(1000 * ring_s)))
        return found

    def _left(self, event: CallEventRecord) -> Entry:
        self.queue = self.queue or str(event.detail.get("queue", ""))
        how = str(event.detail["how"])
        wait_s = round(float(event.detail.get("wait_s", 0.0)))
        key = (str(event.detail.get("key", "")),) if how in ("key", "callback") else ()
        name = "FULL" if self.full and how == "overflow" else LEFT[how]
        self.full = False
        return self._entry(event, "", name, *key, self.position, self.place, wait_s)

    def _talked(self, event: CallEventRecord, name: str, *before: str) -> Entry:
        agent, self.agent = self.agent, ""
        event = self.parted or event
        talk_s = round(event.mono_s - self.talk_from_s)
        return self._entry(event, agent, name, *before, round(self.hold_s), talk_s, self.place)

    def _entry(self, event: CallEventRecord, agent: str, name: str, *data: object) -> Entry:
        return Entry(event.at, event.call_id, self.queue, agent, name, tuple(str(d) for d in data))


def _by_caller(detail: dict[str, Any]) -> bool:
    return detail.get("hangup_party") == "caller"
