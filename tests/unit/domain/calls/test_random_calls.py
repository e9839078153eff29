"""Ten thousand calls as they come, in virtual time: one record each, and it says what really happened."""

from __future__ import annotations

from collections import Counter
from random import Random

from pbx_core.domain.calls import commands as do
from pbx_core.domain.calls.cdr import fold
from pbx_core.domain.calls.events import EventType
from tests.support.random_calls import PLANS, Played, play

CALLS = 10_000
TOLERANCE_S = 0.1


def test_every_random_call_has_exactly_one_true_record() -> None:
    rng = Random(20260302)
    kinds: Counter[str] = Counter()
    for number in range(CALLS):
        played = play(rng)
        kinds[played.kind] += 1
        check(played, f"call {number}: {played.kind}")
    assert len(kinds) == len(set(PLANS))


def check(played: Played, place: str) -> None:
    """Closed once, decided once, and the record within 100 ms of the truth."""
    aborted = any(e.type is EventType.ABORTED for e in played.events)
    decided = sum(e.type is EventType.CLOSED for e in played.events)
    assert not played.open, place
    assert (played.closes, decided) == (1, 1) or (aborted and played.closes == 0 and decided <= 1), place
    record, truth = fold(played.events), played.truth
    assert record.disposition in truth.dispositions, f"{place}: {record.disposition} {record.cause}"
    assert record.talk_s >= record.hold_s >= 0.0, place
    if truth.talk_s is not None:
        assert abs(record.talk_s - truth.talk_s) <= TOLERANCE_S, f"{place}: {record.talk_s} not {truth.talk_s}"
    if truth.hold_s is not None:
        assert abs(record.hold_s - truth.hold_s) <= TOLERANCE_S, f"{place}: {record.hold_s} not {truth.hold_s}"
    assert record.voicemail == truth.voicemail, place
    starts = sum(isinstance(c, do.StartRecording) for c in played.commands)
    stops = sum(isinstance(c, do.StopRecording) for c in played.commands)
    assert starts == stops or aborted, f"{place}: {starts} recordings begun, {stops} ended"
