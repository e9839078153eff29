"""How a call ended and when what began in it: the outcome and the moments from which its record's figures come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pbx_core.domain.calls.cdr_facts import inferred_answer, spans
from pbx_core.domain.calls.events import CallEvent, EventType
from pbx_core.domain.records import Disposition


@dataclass(frozen=True)
class Outcome:
    """How a call ended. answered_mono_s: as it was told, None also when an answered call does not say when."""

    disposition: Disposition
    cause: str
    hangup_party: str
    mono_s: float
    answered_mono_s: float | None
    answered_by: str


@dataclass(frozen=True)
class Course:
    """The moments of a call on the monotonic clock, none before its start."""

    start: float
    ringing_at: float | None
    answered_at: float | None
    end: float

    @property
    def ring_end(self) -> float:
        return self.end if self.answered_at is None else self.answered_at

    @property
    def setup_s(self) -> float | None:
        first_sign = self.ringing_at if self.ringing_at is not None else self.answered_at
        return None if first_sign is None else _span(self.start, first_sign)

    @property
    def ring_s(self) -> float:
        return 0.0 if self.ringing_at is None else _span(self.ringing_at, self.ring_end)

    @property
    def wait_s(self) -> float:
        return _span(self.start, self.ring_end)

    @property
    def talk_s(self) -> float:
        return 0.0 if self.answered_at is None else _span(self.answered_at, self.end)

    def talking(self, mono_s: float) -> bool:
        """Whether a moment lies between answer and end."""
        return self.answered_at is not None and self.answered_at <= mono_s <= self.end

    def part_of_talk_s(self, moments: Sequence[tuple[float, bool]]) -> float:
        """Seconds of the talk in which a state was on; moments: when it changed, in order."""
        if self.answered_at is None:
            return 0.0
        return min(self.talk_s, spans(moments, self.answered_at, self.end))


def outcome_of(events: Sequence[CallEvent]) -> Outcome:
    """What `closed` says; for a call whose worker died before, what the facts tell. ValueError when neither does."""
    closed = next((e for e in events if e.type is EventType.CLOSED), None)
    if closed is not None:
        detail = closed.detail
        answered_at = detail.get("answered_mono_s")
        return Outcome(
            disposition=Disposition(detail["disposition"]),
            cause=str(detail["cause"]),
            hangup_party=str(detail["hangup_party"]),
            mono_s=float(detail["mono_s"]),
            answered_mono_s=None if answered_at is None else float(answered_at),
            answered_by=str(detail.get("answered_by") or ""),
        )
    aborted = next((e for e in events if e.type is EventType.ABORTED), None)
    if aborted is None:
        raise ValueError(f"call {events[0].call_id} is still open")
    answered_mono_s, by = inferred_answer(events)
    return Outcome(
        disposition=Disposition.FAILED if answered_mono_s is None else Disposition.ANSWERED,
        cause=str(aborted.detail.get("reason", "worker died")),
        hangup_party="system",
        mono_s=aborted.mono_s,
        answered_mono_s=answered_mono_s,
        answered_by=by,
    )


def course_of(events: Sequence[CallEvent], outcome: Outcome) -> Course:
    """The moments of a call; an answer counts only where the outcome says so."""
    start = events[0].mono_s
    answered_at = None
    if outcome.disposition is Disposition.ANSWERED:
        told = outcome.mono_s if outcome.answered_mono_s is None else outcome.answered_mono_s
        answered_at = max(start, told)
    end = max(start, answered_at or start, outcome.mono_s)
    ring_end = end if answered_at is None else answered_at
    ringing_at = next((e.mono_s for e in events if e.type is EventType.RINGING and e.mono_s <= ring_end), None)
    return Course(start, ringing_at, answered_at, end)


def _span(start: float, end: float) -> float:
    return round(max(0.0, end - start), 3)
