"""Whether a call of the demo went as its script says."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pbx_core.demo.check import SeenCall
from pbx_core.demo.progress import Progress, assign, faults
from pbx_core.demo.script import CALLS, OFFICES, DemoCall, phone_groups
from pbx_core.domain.records import Disposition, Party
from tests.conftest import World
from tests.support import facts

SALES = DemoCall("an order", "acme.test", "101", "102", "sales", 0.0, Disposition.ANSWERED)


def _seen(world: World, **changes: object) -> SeenCall:
    """A call that went well, with what is to be different."""
    rng, at = random.Random(7), datetime(2026, 5, 4, 9, tzinfo=UTC)
    bundle = facts.make_call(
        rng, world.acme, at, disposition=Disposition.ANSWERED, caller="101", callee="102", said=["hello there", "yes"],
        recorded=True,
    )  # fmt: skip
    assert bundle.recording
    cdr = replace(bundle.cdr, **changes)  # type: ignore[arg-type]
    return SeenCall(cdr, replace(bundle.recording, quality="ok", quality_reason=None), bundle.turns, bundle.transcript)


def _progress(seen: SeenCall | None, call: DemoCall = SALES) -> Progress:
    return Progress(call, over=True, seen=seen, sound_faults=[])


def test_a_good_call_has_no_faults(world: World) -> None:
    item = _progress(_seen(world))
    assert item.complete
    assert faults(item) == []


def test_a_call_without_a_record_is_not_complete() -> None:
    item = _progress(None)
    assert not item.complete
    assert faults(item) == ["there is no record of it"]


def test_a_wrong_ending_is_a_fault(world: World) -> None:
    seen = _seen(world, disposition=Disposition.BUSY, cause="486 Busy Here")
    assert "ended busy (486 Busy Here) instead of answered" in faults(_progress(seen))


def test_words_that_were_not_heard_are_a_fault(world: World) -> None:
    item = _progress(_seen(world))
    item.expected_words = {Party.CALLER: 100_000}
    assert any("only" in fault for fault in faults(item))


def test_a_recording_of_an_unanswered_call_is_a_fault(world: World) -> None:
    missed = replace(SALES, dialogue=None, ends=Disposition.NO_ANSWER)
    seen = _seen(world, disposition=Disposition.NO_ANSWER)
    assert faults(_progress(seen, missed)) == ["has a recording although nobody answered"]


def test_calls_between_the_same_numbers_are_told_apart_by_their_order(world: World) -> None:
    first = _seen(world)
    second = _seen(world, started_at=first.cdr.started_at + timedelta(hours=1))
    items = [Progress(SALES), Progress(replace(SALES, title="again"))]
    assign(items, {"acme.test": [second, first], "birch.test": []})
    assert [item.seen for item in items] == [first, second]


def test_the_script_fits_the_simulated_phones() -> None:
    numbers = {(o.domain, number) for o in OFFICES for number, _ in o.phones}
    for group in phone_groups(CALLS).values():
        assert len(group) <= 8
        assert set(group) <= numbers
    assert {c.domain for c in CALLS} == {o.domain for o in OFFICES}
    assert any(c.ends is not Disposition.ANSWERED for c in CALLS)
