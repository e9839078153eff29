"""From the facts of a call to its one record: `cdr = fold(events)`. Durations come from the monotonic clock only.

A call counts as answered (definition cdr-2) when a person did: an extension or an outside number answered, took the
call by pickup or from its park slot; or when the exchange itself was what the caller wanted: a conference, his
mailbox, a changed setting, another call that he joined. A menu, queue, announcement or voicemail alone is no answer:
whoever hangs up there has cancelled, whoever is sent away or reaches the voicemail had no answer. talk_s counts from
the first such answer to the end, whatever comes between.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from pbx_core.domain.calls.cdr_course import course_of, outcome_of
from pbx_core.domain.calls.cdr_facts import (
    closed_hours,
    conversation,
    forwarded_by,
    holds,
    queue_facts,
    recording,
    recording_pauses,
    refused,
    route,
    trunk,
)
from pbx_core.domain.calls.cdr_legs import leg_records, starved_share
from pbx_core.domain.calls.events import CallEvent, EventType
from pbx_core.domain.records import Cdr

__all__ = ["DEFINITION_VERSION", "fold", "starved_share", "wall_clock"]
DEFINITION_VERSION = "cdr-2"


def wall_clock(opened: CallEvent, mono_s: float) -> datetime:
    """The time of a moment, counted from the call's start: a clock set in mid-call bends no record."""
    return opened.at + timedelta(seconds=max(0.0, round(mono_s - opened.mono_s, 3)))


def fold(events: Sequence[CallEvent]) -> Cdr:
    """The record of a finished call, its events in order. ValueError when they do not begin with `opened` or the
    outcome is not decided yet."""
    if not events or events[0].type is not EventType.OPENED:
        raise ValueError("the events of a call begin with `opened`")
    opened, head = events[0], events[0].detail
    outcome = outcome_of(events)
    course = course_of(events, outcome)
    recording_id, recording_reason = recording(events, course.answered_at is not None)
    passed = route(events)
    return Cdr(
        call_id=opened.call_id,
        tenant_id=str(head["tenant_id"]),
        direction=str(head["direction"]),
        caller_number=str(head["caller_number"]),
        caller_name=str(head["caller_name"]),
        callee_number=str(head["callee_number"]),
        started_at=opened.at,
        ringing_at=None if course.ringing_at is None else wall_clock(opened, course.ringing_at),
        answered_at=None if course.answered_at is None else wall_clock(opened, course.answered_at),
        ended_at=wall_clock(opened, course.end),
        setup_s=course.setup_s,
        ring_s=course.ring_s,
        wait_s=course.wait_s,
        talk_s=course.talk_s,
        hold_s=course.part_of_talk_s(holds(events)),
        bill_s=math.ceil(course.talk_s),
        disposition=outcome.disposition,
        cause=outcome.cause,
        hangup_party=outcome.hangup_party,
        aborted=any(e.type is EventType.ABORTED for e in events),
        dtmf_digits=sum(e.type is EventType.DTMF and course.talking(e.mono_s) for e in events),
        recording_id=recording_id,
        recording_reason=recording_reason,
        worker=str(head["worker"]),
        definition_version=DEFINITION_VERSION,
        legs=leg_records(events, course.answered_at, course.end, wall_clock),
        conversation_id=conversation(events),
        did=str(head.get("did") or ""),
        trunk_id=trunk(events),
        answered_by=outcome.answered_by,
        destination=passed[0] if passed else "",
        **queue_facts(events, course.end),
        menu_path=",".join(str(e.detail.get("key", "")) for e in events if e.type is EventType.MENU_KEY),
        voicemail=any(e.type is EventType.VOICEMAIL_LEFT for e in events),
        transferred=next((str(e.detail["how"]) for e in reversed(events) if e.type is EventType.TRANSFERRED), ""),
        forwarded_by=forwarded_by(events),
        recording_pause_s=course.part_of_talk_s(recording_pauses(events)),
        segments=sum(e.type is EventType.RECORDING_STARTED for e in events),
        route=passed,
        closed_hours=closed_hours(events),
        refused=refused(events),
    )
