"""Business hours and holidays in a time zone: "mon-fri 09:00-18:00", "12-25", "2026-12-24 09:00-12:00"."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pbx_core.domain.model import Hours

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"([0-9]{2}):([0-9]{2})-([0-9]{2}):([0-9]{2})")
_DATE = re.compile(r"(?:([0-9]{4})-)?([0-9]{2})-([0-9]{2})")
DAY_MINUTES = 24 * 60


@dataclass(frozen=True)
class Span:
    """From `start` until before `end`, minutes of the wall clock since midnight. end < start runs past midnight."""

    start: int
    end: int


@dataclass(frozen=True)
class Opening:
    """Spans on some weekdays, 0 Monday."""

    days: frozenset[int]
    spans: tuple[Span, ...]
    text: str


@dataclass(frozen=True)
class Holiday:
    """A day, every year when year is None. No spans: closed all day."""

    year: int | None
    month: int
    day: int
    spans: tuple[Span, ...]
    text: str


@functools.lru_cache(maxsize=4096)
def parse_opening(text: str) -> Opening:
    """ "mon-fri 09:00-12:00,13:00-18:00", "sat,sun 10:00-14:00", "daily 00:00-24:00". ValueError says what is wrong."""
    days, _, spans = text.strip().partition(" ")
    return Opening(_days(days), _spans(spans), text)


@functools.lru_cache(maxsize=4096)
def parse_holiday(text: str) -> Holiday:
    """ "2026-12-25", "12-25", each optionally with hours. ValueError says what is wrong."""
    day, _, spans = text.strip().partition(" ")
    match = _DATE.fullmatch(day)
    if match is None:
        raise ValueError(f"{day!r} is no date; write 2026-12-25, or 12-25 for every year")
    year = int(match[1]) if match[1] else None
    try:
        date(year or 2024, int(match[2]), int(match[3]))  # 2024: 02-29 exists in some years
    except ValueError:
        raise ValueError(f"there is no day {day}") from None
    return Holiday(year, int(match[2]), int(match[3]), _spans(spans) if spans.strip() else (), text)


def zone(name: str) -> ZoneInfo:
    """A time zone by IANA name; ValueError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name[:64]!r}; use a name like Europe/Berlin") from None


def is_open(hours: Hours, time_zone: str, at: datetime) -> tuple[bool, str]:
    """(whether it is open, why). Wall clock counts: on the day the clocks change, 09:00 is what the clock shows."""
    local = at.astimezone(zone(time_zone))
    minute = local.hour * 60 + local.minute
    shown = f"{DAYS[local.weekday()]} {local:%Y-%m-%d %H:%M} {time_zone}"
    spans, rule = _of_day(hours, local.date())
    if any(_within(span, minute) for span in spans):
        return True, f"{shown}, {rule}"
    yesterday = date.fromordinal(local.toordinal() - 1) if local.toordinal() > 1 else local.date()
    spans_before, rule_before = _of_day(hours, yesterday)
    if any(span.end < span.start and minute < span.end for span in spans_before):
        return True, f"{shown}, {rule_before}"
    return False, f"{shown}, {rule or 'outside the hours'}"


def opens_ever(hours: Hours) -> bool:
    """Whether there is a time at which it is open."""
    return any(parse_opening(text).spans for text in hours.open) or any(parse_holiday(t).spans for t in hours.holidays)


def _of_day(hours: Hours, day: date) -> tuple[tuple[Span, ...], str]:
    """The spans that begin on a day and the rule they come from; a holiday replaces the week's hours."""
    holidays = [parse_holiday(text) for text in hours.holidays]
    of_today = [h for h in holidays if (h.month, h.day) == (day.month, day.day) and h.year in (None, day.year)]
    if of_today:
        chosen = next((h for h in of_today if h.year is not None), of_today[0])  # one year's beats every year's
        return chosen.spans, f"holiday {chosen.text}"
    openings = [o for o in map(parse_opening, hours.open) if day.weekday() in o.days]
    return tuple(s for o in openings for s in o.spans), ", ".join(o.text for o in openings)


def _within(span: Span, minute: int) -> bool:
    return span.start <= minute < (span.end if span.end >= span.start else DAY_MINUTES)


def _days(text: str) -> frozenset[int]:
    if text == "daily":
        return frozenset(range(7))
    return frozenset(day for part in text.split(",") for day in _day_range(part))


def _day_range(part: str) -> Iterable[int]:
    first, dash, last = part.partition("-")
    for name in (first, last) if dash else (first,):
        if name not in DAYS:
            raise ValueError(f"{name!r} is no day of the week; write {', '.join(DAYS)} or daily")
    if not dash:
        return (DAYS.index(first),)
    start, end = DAYS.index(first), DAYS.index(last)
    return (d % 7 for d in range(start, end + 1 if end >= start else end + 8))


def _spans(text: str) -> tuple[Span, ...]:
    return tuple(map(_span, text.strip().split(",")))


def _span(text: str) -> Span:
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text.strip()!r} are no hours; write 09:00-18:00")
    start, end = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
    if start >= DAY_MINUTES or end > DAY_MINUTES or int(match[2]) > 59 or int(match[4]) > 59:
        raise ValueError(f"{text.strip()!r}: a day has 00:00 to 24:00")
    if start == end:
        raise ValueError(f"{text.strip()!r} opens for no minute")
    return Span(start, end)
