"""The time zone of a log, from unique ids that begin with an epoch."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta

import pytest

from ingest.imports import zone

WINTER = datetime(2024, 1, 15, 9, tzinfo=UTC)
SUMMER = datetime(2024, 7, 15, 9, tzinfo=UTC)


def clock(name: str, *days: datetime, late_s: int = 0) -> list[tuple[int, int]]:
    """Twenty calls of each day, as a machine in a zone writes them."""
    out = []
    for day in days:
        for i in range(20):
            at = day + timedelta(minutes=17 * i)
            local = (at + timedelta(seconds=late_s)).astimezone(zoneinfo.ZoneInfo(name)).replace(tzinfo=UTC)
            out.append((int(at.timestamp()), int(local.timestamp()) - int(at.timestamp())))
    return out


@pytest.mark.parametrize(
    ("written", "home", "found"),
    [
        ("UTC", "Europe/Berlin", "UTC"),
        ("Europe/Berlin", "Europe/Berlin", "Europe/Berlin"),
        ("Asia/Bishkek", "Asia/Bishkek", "Asia/Bishkek"),
        ("America/New_York", "Europe/Berlin", "America/New_York"),
        ("Asia/Kolkata", "UTC", "Asia/Kolkata"),
        ("Australia/Adelaide", "UTC", "Australia/Adelaide"),
    ],
)
def test_summer_and_winter_tell_the_zone(written, home, found):
    made = zone.decide(clock(written, WINTER, SUMMER, late_s=2), home)
    told = zoneinfo.ZoneInfo(made.zone)
    for day in (WINTER, SUMMER):
        assert day.astimezone(told).utcoffset() == day.astimezone(zoneinfo.ZoneInfo(found)).utcoffset()
    assert "unique id" in made.says
    if written == home or written == "UTC":
        assert made.zone == found


def test_the_tenants_zone_is_believed_before_another_with_the_same_clock():
    assert zone.decide(clock("Europe/Paris", WINTER, SUMMER), "Europe/Vienna").zone == "Europe/Vienna"


def test_the_words_are_evidence():
    told = zone.decide([(1366720340, 7200)] * 5, "Europe/Berlin")
    assert told.says == "unique id 1366720340 is 2 h before the stamp of its row: times are those of Europe/Berlin"
    assert zone.decide([(1366720340, 0)] * 5, "Europe/Berlin").says.endswith("times are GMT")


def test_rows_that_begin_long_after_their_channel_mislead_nobody():
    late = [(at, ahead + 840 + i) for i, (at, ahead) in enumerate(clock("Europe/Berlin", WINTER)[:4])]
    assert zone.decide([*clock("Europe/Berlin", WINTER, SUMMER), *late], "UTC").zone == "Europe/Berlin"


def test_nothing_is_guessed_where_nothing_is_known():
    nothing = zone.decide([], "Europe/Berlin")
    assert nothing.zone is None
    assert nothing.options == ("Europe/Berlin", "UTC")
    noise = [(1700000000 + i, 400 + 37 * i) for i in range(40)]
    assert zone.decide(noise, "UTC").zone is None
