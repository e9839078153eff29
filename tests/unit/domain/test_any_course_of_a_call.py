"""Whatever happens in whatever order: a call ends in exactly one record, and its durations are sane."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pbx_core.domain import records
from pbx_core.domain.call import LINGER, MAX, RING, Call, State, step
from pbx_core.domain.cdr import fold
from pbx_core.domain.commands import CancelTimer, Close, Dial, StartTimer
from pbx_core.domain.events import CallEvent, EventType, from_record, to_record
from pbx_core.domain.records import Cdr, Disposition, Party
from pbx_core.errors import InvalidTransition
from tests.scenarios.test_scenarios import DEFAULTS, OPENED

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
EVENTS = st.tuples(
    st.sampled_from([t for t in EventType if t not in (EventType.OPENED, EventType.TIMER)]),
    st.sampled_from(list(Party)),
    st.sampled_from([200, 302, 404, 408, 480, 486, 487, 500, 600, 603]),
    st.floats(0.0, 90.0),
    st.floats(-90_000.0, 90_000.0),  # where somebody sets the wall clock meanwhile
)


class Course:
    """Drives the state machine as the worker does, in virtual time, timers included."""

    def __init__(self) -> None:
        self.call = Call()
        self.events: list[CallEvent] = []
        self.timers: dict[str, float] = {}
        self.closed = 0
        self.mono_s = 100.0
        self.feed(EventType.OPENED, Party.CALLER, dict(OPENED), START)

    def feed(self, kind: EventType, leg: Party | None, detail: dict[str, Any], at: datetime) -> None:
        event = CallEvent(at, self.mono_s, "c" * 32, len(self.events), leg, kind, detail)
        try:
            self.call, commands = step(self.call, event)
        except InvalidTransition:
            return
        self.events.append(event)
        for command in commands:
            match command:
                case StartTimer(name, after_s):
                    self.timers[name] = self.mono_s + after_s
                case CancelTimer(name):
                    self.timers.pop(name, None)
                case Close():
                    self.closed += 1
                case Dial():
                    self.feed(EventType.DIALED, Party.CALLEE, DEFAULTS[EventType.DIALED], at)

    def go_to(self, mono_s: float, at: datetime) -> None:
        """Let time pass, firing what is due."""
        while self.timers and min(self.timers.values()) <= mono_s:
            name = min(self.timers, key=lambda n: self.timers[n])
            self.mono_s = max(self.mono_s, self.timers.pop(name))
            self.feed(EventType.TIMER, None, {"name": name}, at)
        self.mono_s = mono_s


def detail_of(kind: EventType, status: int, mono_s: float) -> dict[str, Any]:
    extra: dict[EventType, dict[str, Any]] = {
        EventType.ENDED: {"status": status, "reason": "some reason"},
        EventType.DIAL_FAILED: {"reason": "no"},
        EventType.MEDIA_LOST: {"last_media_mono_s": mono_s - 55.0, "silence_s": 55.0},
        EventType.RECORDING_REFUSED: {"reason": "disk_full"},
        EventType.RECORDING_FAULT: {"fault": "disk_full"},
        EventType.ENGINE_ERROR: {"reason": "no"},
        EventType.ABORTED: {"reason": "worker died"},
    }
    return extra.get(kind, dict(DEFAULTS.get(kind, {})))


@given(st.lists(EVENTS, max_size=40))
@settings(max_examples=120, deadline=None)
def test_every_course_ends_in_one_sane_record(course: list[tuple[EventType, Party, int, float, float]]) -> None:
    run = Course()
    wall = START
    for kind, leg, status, pause_s, jump_s in course:
        wall += timedelta(seconds=jump_s)
        run.go_to(run.mono_s + pause_s, wall)
        run.feed(kind, leg, detail_of(kind, status, run.mono_s), wall)
    run.go_to(run.mono_s + 20_000.0, wall)  # every limit is over by then

    assert run.call.state is State.CLOSED
    aborted = any(e.type is EventType.ABORTED for e in run.events)
    assert run.closed == (0 if aborted and run.closed == 0 else 1)
    check(fold(run.events), run.events[0].mono_s, run.mono_s)


@given(st.lists(EVENTS, max_size=12))
@settings(max_examples=60, deadline=None)
def test_a_call_whose_worker_died_at_any_moment_has_its_record(
    course: list[tuple[EventType, Party, int, float, float]],
) -> None:
    run = Course()
    for kind, leg, status, pause_s, _ in course:
        run.go_to(run.mono_s + pause_s, START)
        run.feed(kind, leg, detail_of(kind, status, run.mono_s), START)
    if run.call.state is not State.CLOSED:
        run.feed(EventType.ABORTED, None, {"reason": "worker died"}, START)
    check(fold(run.events), run.events[0].mono_s, run.mono_s)


@given(st.lists(EVENTS, max_size=20))
@settings(max_examples=60, deadline=None)
def test_the_journal_alone_gives_the_same_record(course: list[tuple[EventType, Party, int, float, float]]) -> None:
    run = Course()
    for kind, leg, status, pause_s, _ in course:
        run.go_to(run.mono_s + round(pause_s, 3), START)
        run.feed(kind, leg, detail_of(kind, status, run.mono_s), START)
    run.go_to(run.mono_s + 20_000.0, START)
    journal = [records.to_json(to_record(e, "a" * 32)) for e in run.events]
    again = [from_record(records.from_json(records.CallEventRecord, line)) for line in journal]
    one, two = fold(run.events), fold(again)
    assert two.disposition == one.disposition
    assert abs(two.talk_s - one.talk_s) <= 0.002
    assert records.from_json(Cdr, records.to_json(two)).call_id == one.call_id


def check(record: Cdr, begin: float, end: float) -> None:
    """Durations add up and none is negative or longer than the call."""
    whole = end - begin + 0.002
    assert 0.0 <= record.hold_s <= record.talk_s <= whole
    assert 0.0 <= record.ring_s <= record.wait_s + 0.002 <= whole + 0.002
    assert record.setup_s is None or 0.0 <= record.setup_s <= record.wait_s + 0.002
    assert record.bill_s == math.ceil(record.talk_s)
    assert record.started_at <= record.ended_at
    assert (record.answered_at is not None) == (record.disposition is Disposition.ANSWERED)
    if record.answered_at is not None:
        assert record.started_at <= record.answered_at <= record.ended_at
        assert abs((record.ended_at - record.answered_at).total_seconds() - record.talk_s) <= 0.003
    else:
        assert record.talk_s == 0.0
    assert (record.recording_id is None) != (record.recording_reason is None)
    assert record.hangup_party in ("caller", "callee", "system")
    assert {leg.party for leg in record.legs} >= {Party.CALLER}


def test_the_timers_have_the_names_that_the_machine_expects() -> None:
    assert len({RING, MAX, LINGER}) == 3
