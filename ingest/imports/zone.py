"""In which time zone a log's stamps are, found from epochs that stand beside them. Pure.

Asterisk's unique ids begin with the second in which the channel was made (`1366720340.303267`). A row's start is that
second or a little later, so what remains of (stamp read as UTC) − (epoch) is the zone's distance from UTC; in summer
and in winter, where the log reaches through both.
"""

from __future__ import annotations

import zoneinfo
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

QUARTER_S = 900  # zones differ by quarters of an hour
LATE_S = 300  # a row may begin so long after its channel and still tell the zone
AGREE_SHARE = 0.9  # of the samples must tell the same
SAMPLES_MIN = 3
# Where many zones have one clock, the first of these that fits is named.
_KNOWN = (
    "UTC", "Europe/London", "Europe/Berlin", "Europe/Paris", "Europe/Madrid", "Europe/Rome", "Europe/Kyiv",
    "Europe/Moscow", "Europe/Istanbul", "Asia/Bishkek", "Asia/Almaty", "Asia/Tashkent", "Asia/Dubai", "Asia/Kolkata",
    "Asia/Shanghai", "Asia/Tokyo", "Africa/Nairobi", "Africa/Lagos", "Africa/Johannesburg", "America/New_York",
    "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Sao_Paulo", "Australia/Sydney",
    "Pacific/Auckland",
)  # fmt: skip

Clock = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Found:
    """The zone (None: a person must say), how it was found, and zones to choose from."""

    zone: str | None
    says: str
    options: tuple[str, ...] = ()


def decide(clock: Clock, home: str) -> Found:
    """The zone of stamps from pairs of (epoch, stamp ahead of it in s); home: the zone that is likeliest beforehand."""
    told = _offsets(clock)
    if len(told) < min(SAMPLES_MIN, max(1, len(clock))) or len(told) < AGREE_SHARE * len(clock) / 2:
        says = (
            "nothing in the file tells its time zone" if not clock else "its unique ids and stamps do not fit together"
        )
        return Found(None, says, _unique((home, "UTC")))
    at, ahead = told[0]
    shown = f"unique id {at} is {_hours(ahead)} the stamp of its row"
    if all(offset == 0 for _, offset in told):
        return Found("UTC", f"{shown}: times are GMT")
    for name in _unique((home, *_KNOWN)):
        if _fits(name, told):
            kinds = sorted({offset for _, offset in told})
            also = f", and {_hours(kinds[-1])} on other days" if len(kinds) > 1 and kinds[-1] != ahead else ""
            return Found(name, f"{shown}{also}: times are those of {name}")
    fitting = tuple(name for name in sorted(zoneinfo.available_timezones()) if "/" in name and _fits(name, told))
    if len(fitting) == 1 or (fitting and len({o for _, o in told}) > 1):
        return Found(fitting[0], f"{shown}: times are those of {fitting[0]}")
    return Found(None, f"{shown}, which is not the time of {home}", _unique((*fitting[:8], home, "UTC")))


def _offsets(clock: Clock) -> list[tuple[int, int]]:
    """Samples that tell a distance from UTC, those of rare distances (rows long after their channel) left out."""
    told = [(at, (ahead // QUARTER_S) * QUARTER_S) for at, ahead in clock if ahead % QUARTER_S <= LATE_S]
    told = [(at, offset) for at, offset in told if -12 * 3600 <= offset <= 14 * 3600]
    count = Counter(offset for _, offset in told)
    return [(at, offset) for at, offset in told if count[offset] >= max(1, len(told) // 50)]


def _fits(name: str, told: Iterable[tuple[int, int]]) -> bool:
    zone = _zone(name)
    told = list(told)
    right = sum(_ahead(zone, at) == offset for at, offset in told)
    return right >= AGREE_SHARE * len(told)


def _ahead(zone: zoneinfo.ZoneInfo, at: int) -> int:
    offset = datetime.fromtimestamp(at, UTC).astimezone(zone).utcoffset() or timedelta()
    return int(offset.total_seconds())


@cache
def _zone(name: str) -> zoneinfo.ZoneInfo:
    return zoneinfo.ZoneInfo(name)


def _hours(ahead: int) -> str:
    if ahead == 0:
        return "the same second as"
    hours = f"{abs(ahead) / 3600:g} h"
    return f"{hours} {'before' if ahead > 0 else 'after'}"


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
