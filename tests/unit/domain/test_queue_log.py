"""The story of calls in queues, rebuilt in Asterisk's words from the events that the call machine really makes and from
what agents do, both through the journal's own form."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pbx_core.domain.calls import commands, machine
from pbx_core.domain.calls.events import CallEvent, EventType, to_record
from pbx_core.domain.calls.nodes_json import routed_detail
from pbx_core.domain.nodes import Hangup, Node, Origin, Queue, Routed, Target
from pbx_core.domain.queuelog import queue_log
from pbx_core.domain.records import CallEventRecord, QueueEvent, from_json, to_json

NINE = datetime(2026, 1, 5, 9, tzinfo=UTC)
QUEUE = Queue("sales", "en", "music:default", (), 15.0, 300.0, 0.0, True, True, "0", "hangup:done", "hangup:busy",
              "hangup:busy", "5")  # fmt: skip
BOB = Origin("trunk", "+4930123456", did="+493011111", trunk_id="carrier")


class Conversation:
    """One call driven through the machine; its notes come back as events, as the worker sends them."""

    def __init__(self, call_id: str, begin_s: float, node: Node = QUEUE) -> None:
        self.call_id, self.call, self.node = call_id, machine.new(), node
        self.events: list[CallEvent] = []
        self.dialled = ""
        opened = {"direction": "inbound", "caller_number": BOB.number, "callee_number": BOB.did}
        self.feed(begin_s, EventType.OPENED, None, **opened, origin=to_json(BOB))

    def feed(self, at_s: float, kind: EventType, leg: str | None = None, digit: str = "", **detail: Any) -> None:
        at = NINE + timedelta(seconds=at_s)
        event = CallEvent(at, at_s, self.call_id, len(self.events), leg, kind, detail, digit)
        self.call, wishes = machine.step(self.call, event)
        self.events.append(event)
        for wish in wishes:
            match wish:
                case commands.Note(type=noted, leg=whose, detail=what):
                    self.feed(at_s, noted, whose, **what)
                case commands.Route(destination=destination):
                    end = Hangup(486, "Busy Here", "busy")
                    first = not any(e.type is EventType.ROUTED for e in self.events)
                    routed = Routed(self.node if first else end, (), (), BOB)
                    self.feed(at_s, EventType.ROUTED, None, **routed_detail(destination or "queue:sales", routed))
                case commands.Dial(leg=name, targets=targets):
                    self.dialled = name
                    self.feed(at_s, EventType.DIALED, name, sip_call_id="x", targets=[t.number for t in targets])
                case commands.Hangup(leg=name):
                    self.feed(at_s, EventType.ENDED, name, status=487, reason="")
                case commands.StartRecording():
                    self.feed(at_s, EventType.RECORDING_REFUSED, None, reason="no recording here")

    def offer(self, at_s: float, offer_id: str, *agents: str) -> None:
        told = [to_json(Target(number)) for number in agents]
        self.feed(at_s, EventType.QUEUE_OFFER, None, offer_id=offer_id, agents=told)

    def records(self) -> list[CallEventRecord]:
        """As they come out of a journal."""
        return [from_json(CallEventRecord, to_json(to_record(e, "t"))) for e in self.events]


def log(*calls: Conversation, queues: tuple[QueueEvent, ...] = ()) -> list[str]:
    mixed = sorted((r for c in calls for r in c.records()), key=lambda r: r.at)
    lines = [str(entry) for entry in queue_log(mixed, queues)]
    begin = NINE.timestamp()
    return [f"{float(line.split('|')[0]) - begin:g}|{line.split('|', 1)[1]}" for line in lines]


def test_waiting_a_missed_offer_a_cancelled_one_an_answer_and_the_callers_hang_up() -> None:
    call = Conversation("c1", 0)
    call.feed(1, EventType.QUEUE_JOINED, queue="sales", position=2)
    call.feed(5, EventType.QUEUE_POSITION, position=1, wait_s=None)
    call.offer(6, "o1", "101")
    call.feed(21, EventType.TIMER, name="offer")
    call.offer(22, "o2", "102", "103")
    call.feed(25, EventType.ANSWERED, call.dialled, by="102", offers={"102": 200, "103": 0})
    call.feed(85, EventType.ENDED, "caller", status=200, reason="")
    assert log(call) == [
        "1|c1|sales|NONE|ENTERQUEUE||+4930123456|2",
        "21|c1|sales|101|RINGNOANSWER|15000",
        "25|c1|sales|102|CONNECT|24|c1|3",
        "25|c1|sales|103|RINGCANCELED|3000",
        "85|c1|sales|102|COMPLETECALLER|24|60|2",
    ]


def test_the_agent_hangs_up_and_a_busy_phone_counts_as_not_answered() -> None:
    call = Conversation("c1", 0)
    call.feed(0, EventType.QUEUE_JOINED, queue="sales", position=1)
    call.offer(1, "o1", "101")
    call.feed(1, EventType.ENDED, call.dialled, status=486, reason="Busy Here", offers={"101": 486})
    call.offer(7, "o2", "102")
    call.feed(10, EventType.ANSWERED, call.dialled, by="102", offers={"102": 200})
    call.feed(40, EventType.ENDED, call.dialled, status=200, reason="")
    assert log(call) == [
        "0|c1|sales|NONE|ENTERQUEUE||+4930123456|1",
        "1|c1|sales|101|RINGNOANSWER|0",
        "10|c1|sales|102|CONNECT|10|c1|3",
        "40|c1|sales|102|COMPLETEAGENT|10|30|1",
    ]


def test_every_way_out_of_the_queue_has_its_word() -> None:
    def waiting(name: str) -> Conversation:
        call = Conversation(name, 0)
        call.feed(0, EventType.QUEUE_JOINED, queue="sales", position=1)
        return call

    gone, key, late, empty, back = (waiting(n) for n in ("gone", "key", "late", "empty", "back"))
    gone.feed(10, EventType.ENDED, "caller", status=200, reason="")
    key.feed(11, EventType.DTMF, "caller", "0", method="rfc2833")
    late.feed(300, EventType.TIMER, name="wait")
    empty.feed(12, EventType.QUEUE_FULL, reason="empty")
    back.feed(13, EventType.DTMF, "caller", "5", method="rfc2833")
    full = Conversation("full", 0)
    full.feed(14, EventType.QUEUE_FULL, reason="full")
    told = [line for line in log(gone, key, late, empty, back, full) if "ENTERQUEUE" not in line]
    assert told == [
        "10|gone|sales|NONE|ABANDON|1|1|10",
        "11|key|sales|NONE|EXITWITHKEY||1|1|11",
        "12|empty|sales|NONE|EXITEMPTY|1|1|12",
        "13|back|sales|NONE|CALLBACK||1|1|13",
        "14|full|sales|NONE|FULL|0|0|14",
        "300|late|sales|NONE|EXITWITHTIMEOUT|1|1|300",
    ]


@pytest.mark.parametrize("said_s", [84.5, 85, 85.5])
def test_a_wrap_up_follows_its_talk_whatever_the_clocks_say(said_s: float) -> None:
    call = Conversation("c1", 0)
    call.feed(1, EventType.QUEUE_JOINED, queue="sales", position=1)
    call.offer(2, "o1", "102")
    call.feed(5, EventType.ANSWERED, call.dialled, by="102", offers={"102": 200})
    call.feed(85, EventType.ENDED, "caller", status=200, reason="")
    at = NINE + timedelta(seconds=said_s)
    told = log(call, queues=(QueueEvent("e1", "t", at, "sales", "102", "wrap_up", "10", "c1"),))
    assert told[-2:] == [
        "85|c1|sales|102|COMPLETECALLER|4|80|1",
        f"{max(85, said_s):g}|c1|sales|102|WRAPUP|10",
    ]


def test_a_call_that_is_called_back_enters_the_queue_after_the_call_back_is_done() -> None:
    call = Conversation("c1", 0)
    call.feed(1, EventType.QUEUE_JOINED, queue="sales", position=1)
    done = QueueEvent("e1", "t", NINE + timedelta(seconds=1), "sales", "", "callback_done", "c0", "c1")
    told = [line.split("|")[4] for line in log(call, queues=(done,))]
    assert told == ["CALLBACKDONE", "ENTERQUEUE"], "of the same moment"


def test_what_agents_do_stands_between_the_calls() -> None:
    def fact(at_s: float, kind: str, reason: str = "", call_id: str = "") -> QueueEvent:
        return QueueEvent(f"e{at_s}", "t", NINE + timedelta(seconds=at_s), "sales", "101", kind, reason, call_id)

    facts = (fact(9, "wrap_up", "10", "c1"), fact(1, "login"), fact(3, "pause", "lunch|\nbreak"), fact(4, "unpause"))
    back = replace(fact(5, "callback_due", "c0", "c2"), agent="")
    assert log(queues=(*facts, back, fact(20, "logout"))) == [
        "1|NONE|sales|101|ADDMEMBER",
        "3|NONE|sales|101|PAUSE|lunch  break",
        "4|NONE|sales|101|UNPAUSE",
        "5|c2|sales|NONE|CALLBACKDUE|c0",
        "9|c1|sales|101|WRAPUP|10",
        "20|NONE|sales|101|REMOVEMEMBER",
    ]
