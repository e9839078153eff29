"""GET /v1/metrics…: every registered figure with its definition, its value of a period, and the very rows behind it."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import pandas as pd
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from analytics import metrics
from analytics.metrics import MetricDefinition, MetricValue
from analytics.metrics.totals import BY_NAME, MEASURE
from analytics.queries import metrics as asking
from analytics.queries.asked import BY
from analytics.queries.behind import LIMIT_MAX
from dashboard.rest.access import Program, There, time_zone
from dashboard.rest.calls import LIMIT, Cursor, Moment, Text, Until
from dashboard.rest.shapes import Shape
from dashboard.web import access, filters
from dashboard.web.api import rows as plain_rows
from pbx_core.api.answers import NotFitting
from pbx_core.domain import records
from pbx_core.errors import InputError

router = APIRouter(prefix="/v1/metrics", tags=["metrics"])

HOURS_MAX = 10_000  # keys of a series by hour: 416 days
DAYS_MAX = 36_600  # of any period: a hundred years

By = Literal[
    "hour", "day", "week", "month", "hour_of_day", "weekday", "direction", "queue", "agent", "trunk_id"
]  # fmt: skip
assert set(By.__args__) == set(BY)  # type: ignore[attr-defined]


class Definition(Shape):
    """A figure as it is defined: a new version whenever it would give another number."""

    metric_id: str
    version: str
    section: str
    title: str
    unit: str = Field(description="calls, share (0 to 1), s, MOS, …")
    grain: str = Field(description="what one counted row is")
    definition: str
    numerator: str = Field(description="what is counted or added, in words")
    denominator: str | None = Field(description="what it is divided by; null: nothing")
    exclusions: str
    parameters: dict[str, str]
    source: str
    variants: list[str] = Field(description="ids of rivals under the same name")
    unavailable: str = Field(description="why it cannot be computed here; empty: it can")


class Definitions(Shape):
    """The registry."""

    metrics: list[Definition]


class Point(Shape):
    """A figure of one key."""

    key: str = Field(description="the beginning of the hour, day …, or the queue, agent …")
    value: float | None
    numerator: float | None
    denominator: float | None


class Figure(Shape):
    """A figure of a period, with all that is needed to trust it."""

    metric: Definition
    since: datetime
    until: datetime
    time_zone: str
    value: float | None = Field(description="null: reason says why")
    numerator: float | None
    denominator: float | None
    reason: str | None
    resolution: str = Field(description="of a percentile: between which limits the exact value lies; empty: exact")
    by: str | None
    series: list[Point] = Field(description="by what was asked; keys without rows are left out")
    rows: dict[str, str] = Field(description="numerator, denominator, excluded: where the very rows are")


class RowBehind(Shape):
    """A row that a figure counts."""

    started_at: datetime
    call_id: str
    row_id: str = Field(description="the call's, conversation's, leg's … by the figure's grain; agent/state/ms: time")
    direction: str
    queue: str
    agent: str
    trunk_id: str
    caller_number: str
    callee_number: str
    value: float | None = Field(description="what the row adds")


class RowsBehind(Shape):
    """A page of them, newest first; follow next_cursor until it is null."""

    rows: list[RowBehind]
    next_cursor: str | None


class Period(BaseModel):
    """What is asked of a figure; what is not here is refused."""

    model_config = ConfigDict(extra="forbid")

    since: Moment
    until: Until
    direction: Text | None = Field(None, description="only these rows")
    queue: Text | None = Field(None, description="only these rows")
    agent: Text | None = Field(None, description="only these rows")
    trunk_id: Text | None = Field(None, description="only these rows")

    def times(self, zone: str) -> tuple[datetime, datetime]:
        """UTC; InputError for what is no period."""
        found = filters.read({"since": self.since, "until": self.until}, zone)
        if found.since is None or found.until is None or found.since >= found.until:
            raise NotFitting("The period does not fit; nothing was done.", ["since must lie before until"])
        if found.until - found.since > timedelta(days=DAYS_MAX):
            raise NotFitting("The period is too long; nothing was done.", [f"at most {DAYS_MAX} days"])
        return found.since, found.until

    @property
    def where(self) -> dict[str, str]:
        """The rows wanted."""
        names = ("direction", "queue", "agent", "trunk_id")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


class FigureQuery(Period):
    """A figure of a period."""

    by: By | None = Field(None, description="also by hour, day … of the tenant's zone, or by queue, agent …")


class RowsQuery(Period):
    """The rows behind it."""

    side: Literal["numerator", "denominator", "excluded"] = "numerator"
    cursor: Cursor | None = None
    limit: int = Field(LIMIT, ge=1, le=LIMIT_MAX, description="rows on a page")


@router.get("")
def registry(session: Program) -> Definitions:
    """Every figure there is, with its definition."""
    return Definitions(metrics=[_definition(m, section) for section, ms in metrics.SECTIONS.items() for m in ms])


@router.get("/{metric_id}")
def figure(session: Program, there: There, metric_id: str, asked: Annotated[FigureQuery, Query()]) -> Figure:
    """A figure of a period, of some rows, and by hours or queues if wanted."""
    defined = _known(metric_id)
    zone = time_zone(there, session)
    since, until = asked.times(zone)
    if asked.by == "hour" and until - since > timedelta(hours=HOURS_MAX):
        raise NotFitting("The period is too long for hours; ask for less.", [f"at most {HOURS_MAX} hours"])
    scope, where = access.scope(session), asked.where
    (value,) = asking.values(there.reader(), scope, since, until, [metric_id], where=where)
    series: list[Point] = []
    if asked.by is not None:
        frame = asking.series(there.reader(), scope, since, until, [metric_id], asked.by, where=where, time_zone=zone)
        series = [_point(row) for row in frame.to_dict("records")]
    return _figure(defined, value, since, until, zone, asked, series)


@router.get("/{metric_id}/rows")
def rows(session: Program, there: There, metric_id: str, asked: Annotated[RowsQuery, Query()]) -> RowsBehind:
    """The very rows that a figure counts, divides by or leaves out; all of them, by pages."""
    _known(metric_id)
    since, until = asked.times(time_zone(there, session))
    frame, cursor = asking.rows_behind(
        there.reader(), access.scope(session), metric_id, asked.side, since, until,
        limit=asked.limit, cursor=asked.cursor, where=asked.where,
    )  # fmt: skip
    return RowsBehind(rows=[RowBehind.model_validate(_texts(r)) for r in plain_rows(frame)], next_cursor=cursor)


def _known(metric_id: str) -> MetricDefinition:
    found = metrics.BY_ID.get(metric_id)
    if found is None:
        raise InputError(
            "There is no such figure; nothing was done. GET /v1/metrics lists them.", error_id="not_found", status=404
        )
    return found


def _definition(m: MetricDefinition, section: str) -> Definition:
    own = {name: getattr(m, name) for name in Definition.model_fields if hasattr(m, name)}
    words = {"numerator": _words(m.numerator), "denominator": _words(m.denominator) if m.denominator else None}
    return Definition.model_validate({**own, **words, "section": section, "parameters": dict(m.parameters)})


def _words(name: str) -> str:
    return (BY_NAME[name] if name in BY_NAME else MEASURE[name]).says


def _figure(
    m: MetricDefinition,
    value: MetricValue,
    since: datetime,
    until: datetime,
    zone: str,
    asked: FigureQuery,
    series: list[Point],
) -> Figure:
    section = next(name for name, ms in metrics.SECTIONS.items() if m in ms)
    period = {"since": records.iso(since), "until": records.iso(until), **asked.where}
    links = {
        side: f"/v1/metrics/{m.metric_id}/rows?{urlencode({'side': side, **period})}"
        for side in ("numerator", "denominator", "excluded")
    }
    return Figure(
        metric=_definition(m, section),
        since=since,
        until=until,
        time_zone=zone,
        value=value.value,
        numerator=value.numerator,
        denominator=value.denominator,
        reason=value.reason,
        resolution=value.resolution,
        by=asked.by,
        series=series,
        rows=links,
    )


def _point(row: dict[Any, Any]) -> Point:
    key = row["key"]
    if isinstance(key, pd.Timestamp):
        text = key.isoformat()
    else:
        text = str(int(key)) if isinstance(key, float) else str(key)
    figures = {name: _number(row[name]) for name in ("value", "numerator", "denominator")}
    return Point(key=text, **figures)


def _number(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value


def _texts(row: dict[str, Any]) -> dict[str, Any]:
    """Names that a grain does not know are empty."""
    return {name: "" if value is None and name != "value" else value for name, value in row.items()}
