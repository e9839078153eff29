"""When reports fall due: days of the wall clock, over changes of the clock and ends of months."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx_core.domain.report_slots import Rhythm, latest

BERLIN, BISHKEK = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Bishkek")


@pytest.mark.parametrize(
    ("rhythm", "zone", "now", "key", "first", "last", "hours"),
    [
        ("daily", BISHKEK, "2026-11-22T01:00", "2026-11-22", "2026-11-21", "2026-11-21", 24),  # 07:00 there
        ("daily", BISHKEK, "2026-11-22T00:59", "2026-11-21", "2026-11-20", "2026-11-20", 24),
        ("daily", BERLIN, "2026-03-30T12:00", "2026-03-30", "2026-03-29", "2026-03-29", 23),  # clocks went forward
        ("daily", BERLIN, "2026-10-26T12:00", "2026-10-26", "2026-10-25", "2026-10-25", 25),
        ("weekly", BERLIN, "2026-11-22T12:00", "2026-11-16", "2026-11-09", "2026-11-15", 168),
        ("weekly", BERLIN, "2026-11-23T05:59", "2026-11-16", "2026-11-09", "2026-11-15", 168),
        ("weekly", BERLIN, "2026-11-23T06:00", "2026-11-23", "2026-11-16", "2026-11-22", 168),
        ("monthly", BERLIN, "2026-03-01T07:00", "2026-03-01", "2026-02-01", "2026-02-28", 28 * 24),
        ("monthly", BERLIN, "2026-01-01T01:00", "2025-12-01", "2025-11-01", "2025-11-30", 30 * 24),
        ("monthly", BERLIN, "2026-04-02T07:00", "2026-04-01", "2026-03-01", "2026-03-31", 31 * 24 - 1),
    ],
)
def test_the_last_slot(rhythm, zone, now, key, first, last, hours) -> None:
    slot = latest(Rhythm(rhythm), 7, zone, datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert (slot.key, slot.first.isoformat(), slot.last.isoformat()) == (key, first, last)
    assert slot.until - slot.since == timedelta(hours=hours) and slot.before < slot.since


@given(
    st.sampled_from(list(Rhythm)),
    st.integers(0, 23),
    st.sampled_from([BERLIN, BISHKEK, ZoneInfo("America/St_Johns"), ZoneInfo("Pacific/Apia")]),
    st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)),
)
def test_every_moment_has_one_slot_that_is_due_and_none_is_passed_over(rhythm, hour, zone, at) -> None:
    now = at.replace(tzinfo=UTC)
    slot = latest(rhythm, hour, zone, now)
    assert slot.due <= now and slot.before < slot.since < slot.until <= slot.due
    after = latest(rhythm, hour, zone, slot.due)
    assert after.key == slot.key
    before = latest(rhythm, hour, zone, slot.due - timedelta(seconds=1))
    assert (before.key < slot.key and before.until == slot.since) or before.last < slot.last
