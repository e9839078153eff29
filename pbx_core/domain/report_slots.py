"""When a report is sent, and which days it is about. Pure.

A slot is a day of the tenant's calendar on which a report falls due; its key is that day, so each report exists once
however often it is looked for. Days are those of the wall clock: one on which clocks change has 23 or 25 hours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class Rhythm(StrEnum):
    """How often: every day about the day before, every Monday about the week before, every first about the month."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


@dataclass(frozen=True)
class Slot:
    """key: the day on which it is sent, ISO. The report is about first until last, both included; since <= t < until
    are the same as instants, and `before` is the beginning of the period of equal length before it."""

    key: str
    due: datetime
    first: date
    last: date
    before: datetime
    since: datetime
    until: datetime


def latest(rhythm: Rhythm, hour: int, zone: ZoneInfo, now: datetime) -> Slot:
    """The last slot that has fallen due; hour: 0..23 of the wall clock."""
    today = now.astimezone(zone).date()
    day = _on_or_before(rhythm, today)
    if _at(day, hour, zone) > now:
        day = _on_or_before(rhythm, day - timedelta(days=1))
    return slot(rhythm, hour, zone, day)


def slot(rhythm: Rhythm, hour: int, zone: ZoneInfo, day: date) -> Slot:
    """The slot that is sent on `day`, one on which the rhythm falls."""
    first = _on_or_before(rhythm, day - timedelta(days=1))
    before = _on_or_before(rhythm, first - timedelta(days=1))
    return Slot(
        day.isoformat(),
        _at(day, hour, zone),
        first,
        day - timedelta(days=1),
        _at(before, 0, zone),
        _at(first, 0, zone),
        _at(day, 0, zone),
    )


def _on_or_before(rhythm: Rhythm, day: date) -> date:
    match rhythm:
        case Rhythm.DAILY:
            return day
        case Rhythm.WEEKLY:
            return day - timedelta(days=day.weekday())
        case Rhythm.MONTHLY:
            return day.replace(day=1)


def _at(day: date, hour: int, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(hour), zone).astimezone(UTC)
