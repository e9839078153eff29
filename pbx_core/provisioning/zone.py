"""A time zone as phones want it told: the offset from UTC and the rule of summer time, from the zone's POSIX line."""

from __future__ import annotations

import re
import zoneinfo
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

# std offset [dst [offset] , start , end], as EET-2EEST,M3.5.0/3,M10.5.0/4 or <+06>-6 (POSIX 8.3, RFC 8536 3.3)
_NAME = r"(?:<[^>]+>|[A-Za-z]{3,})"
_OFFSET = r"[+-]?\d{1,3}(?::\d\d){0,2}"
_RULE = r"M(\d+)\.(\d)\.(\d)(?:/([+-]?\d+)(?::\d\d)*)?"
_LINE = re.compile(rf"{_NAME}({_OFFSET})(?:{_NAME}(?:({_OFFSET}))?,{_RULE},{_RULE})?$")
_UTC = "UTC0"


@dataclass(frozen=True)
class Change:
    """When the clock is changed. week 1..5, 5: the last of the month; weekday 0..6 from Sunday; hour of local time."""

    month: int
    week: int
    weekday: int
    hour: int


@dataclass(frozen=True)
class Zone:
    """utc_offset_s: in winter, east positive. summer: (begins, ends), None where there is none or its rule is not of
    the usual form. posix: for phones that read it."""

    utc_offset_s: int
    summer: tuple[Change, Change] | None
    posix: str


def zone_of(name: str) -> Zone:
    """A zone by its IANA name; UTC when this machine does not know it."""
    line = _posix(name)
    found = _LINE.fullmatch(line)
    if found is None:
        return zone_of("UTC") if line != _UTC else Zone(0, None, _UTC)
    offset_s, summer = -_seconds(found[1]), None
    if found[3]:
        begins, ends = (_change(found.group(*range(first, first + 4))) for first in (3, 7))
        summer = (begins, ends)
        if found[2] and -_seconds(found[2]) < offset_s:  # Ireland: winter is the exception there
            offset_s, summer = -_seconds(found[2]), (ends, begins)
    return Zone(offset_s, summer, _lettered(line))


def _change(parts: tuple[str | None, ...]) -> Change:
    month, week, weekday, hour = parts
    return Change(int(month or 0), int(week or 0), int(weekday or 0), min(23, max(0, int(hour or 2))))


def _seconds(offset: str) -> int:
    sign = -1 if offset.startswith("-") else 1
    hours, minutes, seconds = (*(int(p) for p in offset.lstrip("+-").split(":")), 0, 0)[:3]
    return sign * (hours * 3600 + minutes * 60 + seconds)


def _lettered(line: str) -> str:
    """Phones know names of letters only."""
    names = iter(("STD", "DST"))
    return re.sub(r"<[^>]+>", lambda _: next(names), line)


def _posix(name: str) -> str:
    """The last line of the zone's file (RFC 8536 section 3.3)."""
    try:
        zoneinfo.ZoneInfo(name)  # refuses names that lead out of its folders
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return _UTC
    for folder in zoneinfo.TZPATH:
        file = Path(folder, name)
        if file.is_file():
            return _footer(file.read_bytes())
    packaged = resources.files("tzdata").joinpath("zoneinfo", *name.split("/"))
    return _footer(packaged.read_bytes()) if packaged.is_file() else _UTC


def _footer(data: bytes) -> str:
    return data.rstrip(b"\n").rpartition(b"\n")[2].decode("ascii", "replace") or _UTC
