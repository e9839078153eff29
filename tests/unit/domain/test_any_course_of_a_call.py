"""Whatever happens in whatever order: a call ends, once, in one sane record; nothing is recorded that was not announced
and no digit is kept."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbx_core.domain import nodes, records
from pbx_core.domain.calls import commands as do
from pbx_core.domain.calls.cdr import fold
from pbx_core.domain.calls.events import CallEvent, EventType, from_record, to_record
from pbx_core.domain.calls.machine import adopted_name, new, step
from pbx_core.domain.calls.nodes_json import routed_detail
from pbx_core.domain.records import Cdr, Disposition, to_json
from pbx_core.errors import InvalidTransition
from tests.support.calltable import DEFAULTS, OPENED

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NOTICE = ("say:en:this call is recorded",)
MARK = "§"  # a digit that stands nowhere else
ALWAYS = nodes.RecordPolicy(nodes.RecordMode.ALWAYS, NOTICE)
ON_DEMAND = nodes.RecordPolicy(nodes.RecordMode.ON_DEMAND, NOTICE)
MOBILE = nodes.Target("+996555", routes=(nodes.TrunkRoute("main", "1", "2", "KG"), nodes.TrunkRoute("b", "1", "2", "")))
BOB, CAROL = nodes.Target("102"), nodes.Target("103")
WAY = {"on_busy": "x", "on_no_answer": "x", "on_offline": "x", "on_failed": "x"}
NODES: list[nodes.Node] = [
    nodes.Ring((BOB,), 30.0, record=ALWAYS),
    nodes.Ring((BOB, CAROL, MOBILE), 20.0, record=ON_DEMAND, **WAY),
    nodes.Ring((BOB, MOBILE), 10.0, one_by_one=True, record=ALWAYS, call_s_max=600.0),
    nodes.Menu("main", ("say:en:menu",), (("1", "x"), ("2", "y")), 5.0, 2, "x", "x", direct=("101", "205")),
    nodes.Announce(("say:en:hello",), "x"),
    nodes.Announce((), "", answer=False),
    nodes.Queue("q", "en", "music:default", NOTICE, 15.0, 90.0, 20.0, True, True, "0", "x", "", "y", "1", ALWAYS),
    nodes.Voicemail("102", ("say:en:greeting",), 60.0),
    nodes.Mailbox("101", (("m1", ("recording:m1:caller",)),), ("say:en:none",), ("say:en:help",)),
    nodes.Conference("600", "12", ("say:en:pin",), ("say:en:alone",)),
    nodes.Join(nodes.JoinHow.PICKUP, "other", "", "102", ("say:en:nothing",)),
    nodes.Join(nodes.JoinHow.LISTEN, "", "", "102"),
    nodes.Change("dnd", "on", ("say:en:on",)),
    nodes.Join(nodes.JoinHow.RETRIEVE, "", "", "701"),
    nodes.Hangup(486, "Busy Here", "busy", ("say:en:busy",)),
    nodes.Hangup(404, "Not Found", "nobody"),
]
LEGS = ["caller", "callee", "callee-2", "callee-3", "caller-2", "supervisor"]
OWN = (EventType.CLOSED, EventType.TRANSFERRED, EventType.OFFER_ENDED, EventType.QUEUE_LEFT, EventType.MENU_KEY)
OWN += (EventType.VOICEMAIL_LEFT, EventType.RECORDING_PAUSED, EventType.RECORDING_RESUMED)  # the machine's notes
KINDS = [t for t in EventType if t not in (EventType.OPENED, EventType.TIMER, *OWN)]
ENDS = (EventType.ENDED, EventType.GIVEN, EventType.ABORTED, EventType.SHUTDOWN, EventType.ENGINE_ERROR)
EVENTS = st.tuples(
    st.one_of(st.none(), st.sampled_from([k for k in KINDS if k not in ENDS]), st.sampled_from(KINDS)),  # None: go on
    st.sampled_from(LEGS),
    st.integers(0, 1000),  # which of the ways something can be
    st.one_of(st.floats(0.0, 4.0), st.floats(0.0, 200.0)),
)
Happenings = list[tuple[EventType | None, str, int, float]]
COURSES = st.lists(EVENTS, max_size=40)
SOME = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Course:
    """Drives the machine as the worker does, in virtual time: its notes and timers come back, the rest is chance."""

    def __init__(self, first: int) -> None:
        self.call = new()
        self.events: list[CallEvent] = []
        self.commands: list[do.Command] = []
        self.timers: dict[str, float] = {}
        self.mono_s = 100.0
        self.asked = False  # the dialplan
        self.playing: dict[str, do.Play] = {}
        self.heard: set[str] = set()  # legs that heard the announcement to its end
        self.feed(EventType.OPENED, "caller", dict(OPENED))
        self.feed(EventType.ROUTED, None, self.routed(first))

    def routed(self, which: int) -> dict[str, Any]:
        node = NODES[which % len(NODES)]
        origin = nodes.Origin("extension", "101", extension="101")
        return routed_detail("x", nodes.Routed(node, (), (*self.call.visited, node.kind), origin))

    def happen(self, kind: EventType | None, leg: str, which: int, pause_s: float) -> None:
        """One event of chance, some time later; what cannot happen now is refused and forgotten."""
        self.go_to(self.mono_s + pause_s)
        if kind is None:
            kind, leg = self.next_step(leg, which)
        if kind is EventType.ROUTED and not self.asked:
            return  # nobody asked
        if kind is EventType.ADOPTED:
            how = ["transfer", "pickup", "retrieve", "listen", "whisper", "barge"][which % 6]
            leg = adopted_name(self.call, how)
        digit = "*2567#10"[which % 8] if which % 3 else MARK
        self.feed(kind, leg, self.detail(kind, leg, which), digit if kind is EventType.DTMF else "")

    def next_step(self, leg: str, which: int) -> tuple[EventType, str]:
        """What people and machines do next when nothing goes wrong."""
        dialled = [name for name, known in self.call.legs.items() if known.state == "dialling"]
        playing = [name for name, play in self.playing.items() if not play.loop and name in self.call.legs]
        if self.asked:
            return EventType.ROUTED, leg
        if playing:
            return EventType.PLAYED, playing[which % len(playing)]
        if dialled:
            return EventType.ANSWERED, dialled[which % len(dialled)]
        if self.call.doing == "waiting":
            return EventType.QUEUE_OFFER, leg
        calm = (EventType.DTMF, EventType.TRANSFER_ASKED, EventType.HELD, EventType.UNHELD, EventType.ADOPTED)
        return calm[which % len(calm)], leg

    def detail(self, kind: EventType, leg: str, which: int) -> dict[str, Any]:
        status = [200, 302, 404, 408, 480, 486, 487, 500, 503, 600, 603][which % 11]
        playing = self.playing.get(leg)
        current = playing.token if playing and which % 5 else "stale-0"
        how = ["transfer", "pickup", "retrieve", "listen", "whisper", "barge"][which % 6]
        what = ["hangup", "transfer", "pause_recording", "resume_recording", "start_recording", "stop_recording"]
        details: dict[EventType, dict[str, Any]] = {
            EventType.ROUTED: self.routed(which),
            EventType.ENDED: {"status": status, "reason": "some reason"},
            EventType.DIAL_FAILED: {"reason": "no"},
            EventType.ANSWERED: {"by": "102", "offers": {"102": 200, "103": 0}},
            EventType.MEDIA_LOST: {"last_media_mono_s": self.mono_s - 55.0, "silence_s": 55.0},
            EventType.PLAYED: {"token": current, "fault": "" if which % 7 else "no such file"},
            EventType.RECORDING_REFUSED: {"reason": "disk_full"},
            EventType.TRANSFER_ASKED: {"target": "103", "replaces": "x@y" if which % 2 else "", "means": "refer"},
            EventType.TRANSFERRED: {"how": "blind", "target": "103", "by": "102"},
            EventType.PARKED: {"slot": "701", "by": "102"},
            EventType.ADOPTED: {"how": how, "number": "103", "answered": bool(which % 2), "target": "102"},
            EventType.GIVEN: {"to_call": "other", "how": "transfer"},
            EventType.JOIN_FAILED: {"reason": "ringing" if which % 2 else "gone"},
            EventType.JOINED: {"room": "600", "people": 1 + which % 3},
            EventType.PEER_GONE: {"people": 1},
            EventType.QUEUE_JOINED: {"queue": "q", "position": 2},
            EventType.QUEUE_POSITION: {"position": 1, "wait_s": 30.0},
            EventType.QUEUE_OFFER: {"offer_id": f"o{which}", "agents": to_json([BOB, MOBILE][: 1 + which % 2])},
            EventType.QUEUE_FULL: {"reason": "empty" if which % 2 else "full"},
            EventType.CONTROL: {"what": what[which % 6], "who": "anna", "target": "103", "leg": ""},
            EventType.ENGINE_ERROR: {"reason": "no"},
            EventType.ABORTED: {"reason": "worker died"},
        }
        return details.get(kind, dict(DEFAULTS.get(kind, {})))

    def feed(self, kind: EventType, leg: str | None, detail: dict[str, Any], digit: str = "") -> None:
        event = CallEvent(START, round(self.mono_s, 3), "c" * 32, len(self.events), leg, kind, detail, digit)
        try:
            after, commands = step(self.call, event)
        except InvalidTransition:
            return
        if kind is EventType.ROUTED:
            self.asked = False
        playing = self.playing.get(leg or "")
        if kind is EventType.PLAYED and playing and playing.token == detail["token"]:
            del self.playing[leg or ""]
            known = self.call.legs.get(leg or "")
            if playing.sounds == NOTICE and not detail["fault"] and known and not known.held:
                self.heard.add(leg or "")
        self.call = after
        self.events.append(event)
        self.commands += commands
        for command in commands:
            self.obey(command)

    def obey(self, command: do.Command) -> None:
        match command:
            case do.StartTimer(name, after_s):
                self.timers[name] = self.mono_s + after_s
            case do.CancelTimer(name):
                self.timers.pop(name, None)
            case do.Note(kind, leg, detail):
                self.feed(kind, leg, detail)
            case do.Dial(leg):
                self.feed(EventType.DIALED, leg, {"sip_call_id": leg, "targets": [], "trunk_id": ""})
            case do.Route():
                self.asked = True
            case do.Play(leg):
                self.playing[leg] = command
            case do.StopPlay(leg):
                self.playing.pop(leg, None)
            case do.StartRecording(caller, callee, segment, "conversation"):
                unheard = {caller, callee} - self.heard
                assert not unheard, f"recorded although {unheard} had not heard the announcement"
                self.feed(EventType.RECORDING_STARTED, None, {"recording_id": f"{segment:032x}", "segment": segment})

    def go_to(self, mono_s: float) -> None:
        """Let time pass, firing what is due."""
        while self.timers and min(self.timers.values()) <= mono_s:
            name = min(self.timers, key=lambda n: self.timers[n])
            self.mono_s = max(self.mono_s, self.timers.pop(name))
            self.feed(EventType.TIMER, None, {"name": name})
        self.mono_s = mono_s


def run(first: int, course: Happenings) -> Course:
    played = Course(first)
    for kind, leg, which, pause_s in course:
        played.happen(kind, leg, which, pause_s)
    return played


@given(st.integers(0, 100), COURSES)
@SOME
def test_every_course_ends_once_in_one_sane_record(first: int, course: Happenings) -> None:
    played = run(first, course)
    played.go_to(played.mono_s + 100_000.0)  # every limit is over by then

    assert played.call.closed
    aborted = any(e.type is EventType.ABORTED for e in played.events)
    closes = sum(isinstance(c, do.Close) for c in played.commands)
    decided = sum(isinstance(c, do.Note) and c.type is EventType.CLOSED for c in played.commands)
    assert (closes, decided) == (1, 1) or (aborted and closes == 0 and decided <= 1)
    assert len(played.call.legs) <= 12
    check(fold(played.events), played.events[0].mono_s, played.mono_s)


@given(st.integers(0, 100), COURSES)
@SOME
def test_no_digit_is_kept(first: int, course: Happenings) -> None:
    played = run(first, course)
    # what a transfer's number was is a fact; all else that was typed is nobody's business
    kept = [e for e in played.events if e.type is not EventType.TRANSFER_ASKED and e.type is not EventType.TRANSFERRED]
    assert MARK not in json.dumps([to_json(to_record(e, "a" * 32)) for e in kept], ensure_ascii=False)
    asked = (do.Route, do.Note)
    assert MARK not in repr([c for c in played.commands if not isinstance(c, asked)])
    assert MARK not in repr(played.events[-1])


@given(st.integers(0, 100), st.lists(EVENTS, max_size=20))
@SOME
def test_a_call_whose_worker_died_at_any_moment_has_its_record(first: int, course: Happenings) -> None:
    played = run(first, course)
    for length in range(1, len(played.events) + 1):
        begun = played.events[:length]
        last = begun[-1]
        died = CallEvent(START, last.mono_s + 1.0, last.call_id, length, None, EventType.ABORTED, {"reason": "died"})
        record = fold([*begun, died])
        assert record.aborted
        check(record, begun[0].mono_s, died.mono_s)


@given(st.integers(0, 100), COURSES)
@SOME
def test_the_journal_alone_gives_the_same_record(first: int, course: Happenings) -> None:
    played = run(first, course)
    played.go_to(played.mono_s + 100_000.0)
    journal = [to_json(to_record(e, "a" * 32)) for e in played.events]
    again = [from_record(records.from_json(records.CallEventRecord, line)) for line in journal]
    assert fold(again) == fold(played.events)
    assert records.from_json(Cdr, json.loads(json.dumps(to_json(fold(again))))) == fold(again)


def check(record: Cdr, begin: float, end: float) -> None:
    """Durations add up and none is negative or longer than the call."""
    whole = end - begin + 0.002
    assert 0.0 <= record.hold_s <= record.talk_s <= whole
    assert 0.0 <= record.recording_pause_s <= record.talk_s
    assert 0.0 <= record.ring_s <= record.wait_s + 0.002 <= whole + 0.002
    assert record.setup_s is None or 0.0 <= record.setup_s <= record.wait_s + 0.002
    assert record.bill_s == math.ceil(record.talk_s)
    assert (record.answered_at is not None) == (record.disposition is Disposition.ANSWERED)
    if record.answered_at is not None:
        assert record.started_at <= record.answered_at <= record.ended_at
        assert abs(record.ended_at - record.answered_at - timedelta(seconds=record.talk_s)) <= timedelta(milliseconds=3)
    else:
        assert record.talk_s == 0.0
    assert (record.recording_id is None) != (record.recording_reason is None)
    assert record.hangup_party in ("caller", "callee", "system")
    names = [leg.leg_id for leg in record.legs]
    assert len(names) == len(set(names))
    assert names[0].endswith("-caller")
    assert all(leg.started_at <= leg.ended_at for leg in record.legs)
