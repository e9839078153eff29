"""What is asked of figures: whose, when, of which rows, told apart by what; and whether rollups can answer it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from analytics.metrics import render
from analytics.metrics.facts import DIMENSIONS
from analytics.queries.types import TEXT_CHARS_MAX, Scope, period, zone
from pbx_core.errors import InputError

_HOUR = timedelta(hours=1)
TRUNCATED = ("hour", "day", "week", "month")
PARTS = {"hour_of_day": "hour", "weekday": "isodow"}
BY = (*TRUNCATED, *PARTS, *DIMENSIONS)
_ZONES_LOOK = timedelta(days=7)  # how densely a period is looked through for a time off the hour


@dataclass(frozen=True)
class Asked:
    """A question without its figures; times are UTC."""

    scope: Scope
    since: datetime
    until: datetime
    by: str | None
    where: Mapping[str, str]
    zone: ZoneInfo

    @property
    def parameters(self) -> dict[str, Any]:
        """Bound parameters of its query."""
        values = period(self.scope, self.since, self.until)
        values |= {f"is_{name}": value for name, value in self.where.items()}
        return values | ({"zone": self.zone.key} if self.by in (*TRUNCATED, *PARTS) else {})

    @property
    def rolled_parameters(self) -> dict[str, Any]:
        """The same for rollups, which know no extension."""
        return {name: value for name, value in self.parameters.items() if name != "extension"}

    @property
    def cut(self) -> str | None:
        """The cut of the rollup that can answer; None: only the rows can."""
        if self.scope.extension is not None or not self._by_whole_hours():
            return None
        used = {*self.where, *({self.by} if self.by in DIMENSIONS else ())}
        return next((cut for cut, columns in render.CUTS.items() if used <= set(columns)), None)

    def hours(self) -> Asked | None:
        """The whole hours of the period; None when there is none."""
        low, high = -(-self.since.timestamp() // 3600) * 3600, self.until.timestamp() // 3600 * 3600
        if low >= high:
            return None
        return replace(self, since=datetime.fromtimestamp(low, self.since.tzinfo),
                       until=datetime.fromtimestamp(high, self.since.tzinfo))  # fmt: skip

    def edges(self) -> list[Asked]:
        """The parts of hours at its ends."""
        whole = self.hours()
        if whole is None:
            return [self]
        ends = (replace(self, until=whole.since), replace(self, since=whole.until))
        return [part for part in ends if part.since < part.until]

    def key(self, at: str) -> str:
        """SQL of what rows are told apart by; `at`: the column that says when."""
        if self.by is None:
            return "NULL"
        if self.by in DIMENSIONS:
            return self.by
        local = f"({at} AT TIME ZONE $zone)"
        if self.by in PARTS:
            return f"extract('{PARTS[self.by]}' FROM {local})"
        start = f"date_trunc('{self.by}', {local})"
        # the two equal hours in which clocks are put back stay apart: by the zone's offset
        return f"{start} - ({local} - ({at} AT TIME ZONE 'UTC'))" if self.by == "hour" else start

    def condition(self, columns: Mapping[str, str] | None = None) -> str:
        """SQL of the rows wanted; columns: other names of the dimensions."""
        names = columns or {}
        parts = [f"{names.get(name, name)} = $is_{name}" for name in self.where]
        if self.by in ("agent", "queue", "trunk_id"):
            parts.append(f"{names.get(self.by, self.by)} <> ''")
        return " AND ".join(parts) or "true"

    def keys(self, found: pd.Series) -> pd.Series:
        """Keys as people take them: beginnings with their zone."""
        if self.by not in TRUNCATED:
            return found
        times = pd.to_datetime(found)
        if self.by == "hour":
            return times.dt.tz_localize("UTC").dt.tz_convert(self.zone)
        return times.dt.tz_localize(self.zone, ambiguous=[True] * len(times), nonexistent="shift_forward")

    def _by_whole_hours(self) -> bool:
        """Whether no key begins within an hour of UTC."""
        if self.by not in (*TRUNCATED, *PARTS):
            return True
        at, last = self.since, min(self.until, self.since + timedelta(days=36_525))
        while at < last:
            if (self.zone.utcoffset(at.astimezone(self.zone)) or timedelta()) % _HOUR:
                return False
            at += _ZONES_LOOK
        return (self.zone.utcoffset(last.astimezone(self.zone)) or timedelta()) % _HOUR == timedelta()


def asked(
    scope: Scope,
    since: datetime,
    until: datetime,
    by: str | None = None,
    where: Mapping[str, str] | None = None,
    time_zone: str = "UTC",
) -> Asked:
    """The question; InputError for what nobody can mean."""
    values = period(scope, since, until)
    if by is not None and by not in BY:
        raise InputError(f"Figures are shown by {', '.join(BY)}, not by {by[:32]!r}.", error_id="bad_grain")
    for name, value in (where or {}).items():
        if name not in DIMENSIONS or len(value) > TEXT_CHARS_MAX or "\0" in value:  # DuckLake fails on NUL here
            raise InputError(f"Figures are chosen by {', '.join(DIMENSIONS)}.", error_id="bad_filter")
    return Asked(scope, values["since"], values["until"], by, dict(where or {}), zone(time_zone))
