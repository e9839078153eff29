"""What the name of a recording says: when, who, whom, and by which exchange's pattern it was made. Pure.

Known patterns come first; of any other name the date, the time and the numbers are taken as they stand in it, the date
also from folders named year/month/day.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

_NUMBER = r"[+0-9*#][0-9*#]{1,18}"
# out-+4930111-201-20260301-101500-1772355600.123 (the number called, then who called)
_FREEPBX = re.compile(
    r"(?P<kind>out|in|external|internal|q|rg|exten|conf|generic|force|ondemand)-(?P<dst>.+)-(?P<src>[^-]+)"
    r"-(?P<date>\d{8})-(?P<time>\d{6})-(?P<unique>\d{9,10}\.\d+)"
)
# [Anna Berg]_201-+4930111_20260301101500(123)
_3CX = re.compile(
    rf"\[(?P<name>[^\]]*)\]_(?P<src>{_NUMBER})-(?P<dst>{_NUMBER})_(?P<date>\d{{8}})(?P<time>\d{{6}})\(\d+\)"
)
_KNOWN = {"FreePBX": _FREEPBX, "3CX": _3CX}

_DATE = r"(?P<y>(?:19|20)\d\d)(?P<s>[-_.]?)(?P<m>0[1-9]|1[0-2])(?P=s)(?P<d>0[1-9]|[12]\d|3[01])"
_DAY_FIRST = r"(?P<d>0[1-9]|[12]\d|3[01])(?P<s>[-_.])(?P<m>0[1-9]|1[0-2])(?P=s)(?P<y>(?:19|20)\d\d)"
_TIME = r"(?P<H>[01]\d|2[0-3])(?P<t>[-_.:h]?)(?P<M>[0-5]\d)(?:[-_.:m]?)(?P<S>[0-5]\d)s?"
_DATED = [re.compile(rf"(?<!\d){date}(?:[-_ T.]*{_TIME})?(?!\d)") for date in (_DATE, _DAY_FIRST)]
_ALONE = re.compile(rf"(?<![\d+]){_TIME}(?!\d)")
_FOLDERS = re.compile(r"(?:^|/)((?:19|20)\d\d)/(0[1-9]|1[0-2])/(0[1-9]|[12]\d|3[01])/")
_UNIQUE = re.compile(r"(?<!\d)\d{9,10}\.\d+|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NUMBERS = re.compile(rf"(?<![A-Za-z0-9]){_NUMBER}(?![A-Za-z0-9])")
_DIRECTIONS = {"out": "outbound", "in": "inbound", "internal": "internal", "exten": "internal"}


@dataclass(frozen=True)
class Named:
    """What a name says. at: on the clock of the exchange; None: no date in it. unique_id: of Asterisk's channel, which
    begins with the second; empty when there is none."""

    pattern: str
    at: datetime | None = None
    src: str = ""
    dst: str = ""
    src_name: str = ""
    direction: str | None = None
    unique_id: str = ""


def parse(path: str) -> Named:
    """Of a path below the folder, with slashes."""
    stem = path.rsplit("/", 1)[-1]
    stem = stem.rsplit(".", 1)[0] if "." in stem else stem
    for pattern, form in _KNOWN.items():
        if (found := form.fullmatch(stem)) and (at := _at(found["date"] + found["time"])):
            told = found.groupdict()
            direction = _DIRECTIONS.get(told.get("kind", ""))
            name = told.get("name") or ""
            return Named(pattern, at, told["src"], told["dst"], name, direction, told.get("unique") or "")
    return _any(path, stem)


def _any(path: str, stem: str) -> Named:
    unique = _UNIQUE.search(stem)
    rest = stem.replace(unique[0], "|") if unique else stem
    for form in _DATED:
        if found := form.search(rest):
            day = found["y"] + found["m"] + found["d"]
            clock = found["H"] + found["M"] + found["S"] if found["H"] else ""
            rest = f"{rest[: found.start()]}|{rest[found.end() :]}"
            break
    else:
        folders = _FOLDERS.search(path)
        day, clock = ("".join(folders.groups()), "") if folders else ("", "")
    if day and not clock and (found := _ALONE.search(rest)):
        clock = found["H"] + found["M"] + found["S"]
        rest = f"{rest[: found.start()]}|{rest[found.end() :]}"
    at = _at(day + clock) if day and clock else None
    numbers = [*_NUMBERS.findall(rest), "", ""]
    said = [word for word, there in (("date and time", at), ("numbers", numbers[0])) if there]
    asterisk = unique[0] if unique and "." in unique[0] else ""
    return Named(" and ".join(said) or "nothing", at, numbers[0], numbers[1], unique_id=asterisk)


def _at(digits: str) -> datetime | None:
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%S")
    except ValueError:
        return None
