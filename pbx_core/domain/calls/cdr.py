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
from typing import Any

from pbx_core.domain.calls.cdr_facts import (
    conversation,
    forwarded_by,
    inferred_answer,
    pause_s,
    queue_facts,
    recording,
    route,
    spans,
)
from pbx_core.domain.calls.cdr_legs import leg_records, starved_share
from pbx_core.domain.calls.events import CallEvent, EventType
from pbx_core.domain.records import Cdr, Disposition

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
    outcome = _outcome(events)
    start = opened.mono_s
    answered_at: float | None = outcome["answered_mono_s"]
    if outcome["disposition"] is not Disposition.ANSWERED:
        answered_at = None
    elif answered_at is None:
        answered_at = outcome["mono_s"]
    if answered_at is not None:
        answered_at = max(start, answered_at)
    end = max(start, answered_at or start, outcome["mono_s"])
    ring_end = end if answered_at is None else answered_at
    ringing_at = next((e.mono_s for e in events if e.type is EventType.RINGING and e.mono_s <= ring_end), None)
    first_sign = ringing_at if ringing_at is not None else answered_at
    talk_s = 0.0 if answered_at is None else _span(answered_at, end)
    recording_id, recording_reason = recording(events, answered_at is not None)
    passed = route(events)
    return Cdr(
        call_id=opened.call_id,
        tenant_id=str(head["tenant_id"]),
        direction=str(head["direction"]),
        caller_number=str(head["caller_number"]),
        caller_name=str(head["caller_name"]),
        callee_number=str(head["callee_number"]),
        started_at=opened.at,
        ringing_at=None if ringing_at is None else wall_clock(opened, ringing_at),
        answered_at=None if answered_at is None else wall_clock(opened, answered_at),
        ended_at=wall_clock(opened, end),
        setup_s=None if first_sign is None else _span(start, first_sign),
        ring_s=0.0 if ringing_at is None else _span(ringing_at, ring_end),
        wait_s=_span(start, ring_end),
        talk_s=talk_s,
        hold_s=0.0 if answered_at is None else min(talk_s, _hold_s(events, answered_at, end)),
        bill_s=math.ceil(talk_s),
        disposition=outcome["disposition"],
        cause=outcome["cause"],
        hangup_party=outcome["hangup_party"],
        aborted=any(e.type is EventType.ABORTED for e in events),
        dtmf_digits=sum(
            e.type is EventType.DTMF and answered_at is not None and answered_at <= e.mono_s <= end for e in events
        ),
        recording_id=recording_id,
        recording_reason=recording_reason,
        worker=str(head["worker"]),
        definition_version=DEFINITION_VERSION,
        legs=leg_records(events, answered_at, end, wall_clock),
        conversation_id=conversation(events),
        did=str(head.get("did") or ""),
        trunk_id=_trunk(events),
        answered_by=outcome["answered_by"],
        destination=passed[0] if passed else "",
        **queue_facts(events, end),
        menu_path=",".join(str(e.detail.get("key", "")) for e in events if e.type is EventType.MENU_KEY),
        voicemail=any(e.type is EventType.VOICEMAIL_LEFT for e in events),
        transferred=next((str(e.detail["how"]) for e in reversed(events) if e.type is EventType.TRANSFERRED), ""),
        forwarded_by=forwarded_by(events),
        recording_pause_s=0.0 if answered_at is None else min(talk_s, pause_s(events, answered_at, end)),
        segments=sum(e.type is EventType.RECORDING_STARTED for e in events),
        route=passed,
    )


def _outcome(events: Sequence[CallEvent]) -> dict[str, Any]:
    """What `closed` says; for a call whose worker died before, what the facts tell."""
    closed = next((e for e in events if e.type is EventType.CLOSED), None)
    if closed is not None:
        detail = closed.detail
        answered_at = detail.get("answered_mono_s")
        return {
            "disposition": Disposition(detail["disposition"]),
            "cause": str(detail["cause"]),
            "hangup_party": str(detail["hangup_party"]),
            "mono_s": float(detail["mono_s"]),
            "answered_mono_s": None if answered_at is None else float(answered_at),
            "answered_by": str(detail.get("answered_by") or ""),
        }
    aborted = next((e for e in events if e.type is EventType.ABORTED), None)
    if aborted is None:
        raise ValueError(f"call {events[0].call_id} is still open")
    answered_mono_s, by = inferred_answer(events)
    return {
        "disposition": Disposition.FAILED if answered_mono_s is None else Disposition.ANSWERED,
        "cause": str(aborted.detail.get("reason", "worker died")),
        "hangup_party": "system",
        "mono_s": aborted.mono_s,
        "answered_mono_s": answered_mono_s,
        "answered_by": by,
    }


def _hold_s(events: Sequence[CallEvent], answered_at: float, end: float) -> float:
    """Seconds between answer and end in which at least one leg held."""
    held: set[str] = set()
    moments: list[tuple[float, bool]] = []
    for event in events:
        if event.type is EventType.HELD:
            held.add(event.leg or "")
        elif event.type in (EventType.UNHELD, EventType.ENDED, EventType.GIVEN):
            held.discard(event.leg or "")
        else:
            continue
        moments.append((event.mono_s, bool(held)))
    return spans(moments, answered_at, end)


def _trunk(events: Sequence[CallEvent]) -> str:
    """The trunk that brought the call, or the one that carried it last."""
    brought = str(events[0].detail.get("trunk_id") or "")
    carried = [str(e.detail.get("trunk_id") or "") for e in events if e.type is EventType.DIALED]
    return brought or next((t for t in reversed(carried) if t), "")


def _span(start: float, end: float) -> float:
    return round(max(0.0, end - start), 3)
