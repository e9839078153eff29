"""Business hours: weekdays, holidays, nights, and the days on which the clocks change."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from pbx_core.domain.hours import is_open, parse_holiday, parse_opening
from pbx_core.domain.model import Hours


def _open(at: str, *opening: str, holidays: tuple[str, ...] = (), zone: str = "Europe/Berlin") -> bool:
    hours = Hours("x", opening, "", "", holidays)
    moment = datetime.fromisoformat(at)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(zone))
    return is_open(hours, zone, moment)[0]


@pytest.mark.parametrize(
    ("at", "opening", "expected"),
    [
        ("2026-11-23 09:00", "mon-fri 09:00-18:00", True),
        ("2026-11-23 17:59:59", "mon-fri 09:00-18:00", True),
        ("2026-11-23 18:00", "mon-fri 09:00-18:00", False),
        ("2026-11-22 12:00", "mon-fri 09:00-18:00", False),  # Sunday
        ("2026-11-22 12:00", "sat,sun 09:00-18:00", True),
        ("2026-11-22 12:00", "fri-mon 09:00-18:00", True),  # over the week's end
        ("2026-11-25 12:00", "fri-mon 09:00-18:00", False),
        ("2026-11-23 12:30", "mon-fri 09:00-12:00,13:00-18:00", False),
        ("2026-11-23 13:00", "mon-fri 09:00-12:00,13:00-18:00", True),
        ("2026-11-23 23:59", "daily 00:00-24:00", True),
        ("2026-11-23 23:00", "mon 22:00-06:00", True),  # a night
        ("2026-11-24 05:59", "mon 22:00-06:00", True),
        ("2026-11-24 06:00", "mon 22:00-06:00", False),
        ("2026-11-23 05:00", "mon 22:00-06:00", False),  # the night before belongs to Sunday
    ],
)
def test_a_week(at: str, opening: str, expected: bool) -> None:
    assert _open(at, opening) is expected


@pytest.mark.parametrize(
    ("at", "holidays", "expected"),
    [
        ("2026-12-25 12:00", ("12-25",), False),
        ("2030-12-25 12:00", ("12-25",), False),
        ("2026-12-25 12:00", ("2027-12-25",), True),
        ("2026-12-24 10:00", ("12-24 09:00-12:00",), True),
        ("2026-12-24 13:00", ("12-24 09:00-12:00",), False),
        ("2026-12-24 13:00", ("12-24", "2026-12-24 13:00-14:00"), True),  # one year's rule beats every year's
        ("2028-02-29 12:00", ("02-29",), False),
    ],
)
def test_holidays_replace_the_weeks_hours(at: str, holidays: tuple[str, ...], expected: bool) -> None:
    assert _open(at, "daily 08:00-20:00", holidays=holidays) is expected


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-03-29T06:59+00:00", False),  # 08:59 on the first day of summer time; it was 07:59 UTC the day before
        ("2026-03-29T07:00+00:00", True),
        ("2026-03-28T07:00+00:00", False),
        ("2026-03-28T08:00+00:00", True),
        ("2026-10-25T07:59+00:00", False),  # back in winter time: 08:59
        ("2026-10-25T08:00+00:00", True),
        ("2026-10-25T00:30+00:00", False),  # 02:30 for the first time
        ("2026-10-25T01:30+00:00", False),  # and for the second
    ],
)
def test_the_clocks_change_and_opening_stays_at_nine(at: str, expected: bool) -> None:
    assert _open(at, "daily 09:00-18:00") is expected


def test_a_night_shift_over_the_change_of_clocks() -> None:
    for at in ("2026-10-25T00:30+00:00", "2026-10-25T01:30+00:00", "2026-10-25T04:59+00:00"):
        assert _open(at, "sat 22:00-06:00")
    assert not _open("2026-10-25T05:00+00:00", "sat 22:00-06:00")
    assert _open("2026-03-29T03:59+00:00", "sat 22:00-06:00")  # 05:59 although an hour is missing
    assert not _open("2026-03-29T04:00+00:00", "sat 22:00-06:00")


def test_the_same_moment_is_day_here_and_night_there() -> None:
    at = "2026-11-23T05:00+00:00"
    assert _open(at, "mon-fri 09:00-18:00", zone="Asia/Bishkek")
    assert not _open(at, "mon-fri 09:00-18:00", zone="Europe/Berlin")


@pytest.mark.parametrize(
    "text",
    ["", "mon", "mon-", "mon 9:00-18:00", "mon 09:00", "mon 09:00-09:00", "mon 25:00-26:00", "mon 24:00-25:00",
     "mon 09:60-10:00", "mon-fri-sun 09:00-10:00", "MON 09:00-10:00", "mon 09:00-18:00,", "mon  x"],
)  # fmt: skip
def test_hours_that_mean_nothing_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"write|a day has|opens for no minute"):
        parse_opening(text)


@pytest.mark.parametrize("text", ["", "25-12", "13-01", "02-30", "2026-02-29", "2026-1-1", "12-24 morning"])
def test_holidays_that_mean_nothing_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"write|there is no day"):
        parse_holiday(text)
