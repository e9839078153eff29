"""What a figure is made of: rows of a grain, totals over them, and the definition that puts totals together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum


class Grain(StrEnum):
    """What one counted row is."""

    CONVERSATION = "conversation"
    CALL = "call"
    QUEUE_CALL = "queue_call"
    OFFER = "offer"
    LEG = "leg"
    RECORDING = "recording"
    PARTY = "party"
    HOUR = "hour"  # of a line: calls in progress at once
    AGENT_TIME = "agent_time"  # a stretch in which an agent of a queue is in one state


class How(StrEnum):
    """How rows, and hours after them, fall together into one number."""

    SUM = "sum"
    MAX = "max"
    MIN = "min"
    DISTINCT = "distinct"  # different values of a column: hours cannot be added, so asked of the rows only


class Rollup(StrEnum):
    """In which form a figure is kept by hour."""

    SUM = "sum"
    MAX = "max"
    MIN = "min"
    HISTOGRAM = "histogram"
    NONE = "none"  # computed from the rows when asked


@dataclass(frozen=True)
class Total:
    """One number of a period: `how` over `value` (SQL on the columns of the grain's facts) of the rows `where` holds.
    `says`: the same in words."""

    name: str
    grain: Grain
    says: str
    where: str = "true"
    value: str = "1"
    how: How = How.SUM


@dataclass(frozen=True)
class Measure:
    """Values of the rows `where` holds, counted in bins of `width`; the bin's number is floor(value / width), values
    above `top` fall into the last one. With `growth` each bin ends so many times further than it begins, and the first
    holds all up to `width` · growth."""

    name: str
    grain: Grain
    says: str
    where: str
    value: str
    width: float
    top: float
    growth: float = 0.0

    def edges(self, number: int) -> tuple[float, float]:
        """Where a bin begins and ends."""
        if self.growth:
            low = 0.0 if number == 0 else self.width * self.growth**number
            return low, self.width * self.growth ** (number + 1)
        return round(number * self.width, 6), round((number + 1) * self.width, 6)

    def says_of(self, number: int) -> float:
        """The value that stands for a bin: its beginning, or with `growth` the middle by which one errs least."""
        return self.width * self.growth ** (number + 0.5) if self.growth else self.edges(number)[0]


@dataclass(frozen=True)
class MetricDefinition:
    """One figure. unit: calls, share (0..1), s, MOS, dB, … `nothing` is said when there is nothing to compute it of.

    numerator, denominator: names of totals; with a `quantile` the numerator is a measure. variants: rivals under the
    same name. unavailable: why a rival that the canon names cannot be computed here.
    """

    metric_id: str
    version: str
    title: str
    unit: str
    numerator: str
    denominator: str | None
    exclusions: str
    definition: str
    nothing: str = ""
    grain: Grain = Grain.CALL
    parameters: tuple[tuple[str, str], ...] = ()
    source: str = "ours"
    rollup: Rollup = Rollup.SUM
    variants: tuple[str, ...] = ()
    quantile: float | None = None
    unavailable: str = ""


@dataclass(frozen=True)
class MetricValue:
    """A figure with everything needed to trust it. value is None exactly when `reason` says why. resolution: of a
    percentile, between which limits the exact value lies."""

    metric_id: str
    version: str
    title: str
    unit: str
    value: float | None
    numerator: float | None
    denominator: float | None
    exclusions: str
    definition: str
    reason: str | None
    grain: str = Grain.CALL
    parameters: tuple[tuple[str, str], ...] = ()
    source: str = "ours"
    variants: tuple[str, ...] = ()
    resolution: str = ""


Bins = Mapping[int, float]  # number of a bin → rows in it


def evaluate(definition: MetricDefinition, totals: Mapping[str, float | None]) -> MetricValue:
    """The figure from the totals of a period; value None with a reason where there is nothing to divide by."""
    if definition.unavailable:
        return _value(definition, None, None, None, f"not available, because {definition.unavailable}")
    numerator = totals[definition.numerator]
    if definition.denominator is None:
        return _value(definition, numerator, numerator, None, definition.nothing)
    denominator = totals[definition.denominator]
    value = numerator / denominator if numerator is not None and denominator else None
    return _value(definition, value, numerator, denominator, definition.nothing)


def quantile(definition: MetricDefinition, measure: Measure, bins: Bins) -> MetricValue:
    """The figure from a histogram: what stands for the bin that holds the row of rank ceil(quantile · rows).
    numerator: rows up to that bin, denominator: all rows."""
    rows = sum(bins.values())
    if not rows or definition.quantile is None:
        return _value(definition, None, 0.0, 0.0, definition.nothing)
    seen = 0.0
    for number in sorted(bins):
        seen += bins[number]
        if seen >= definition.quantile * rows - 1e-9:
            low, high = measure.edges(number)
            limits = f"{low:.6g} or more" if high > measure.top else f"from {low:.6g} to {high:.6g}"
            found = _value(definition, round(measure.says_of(number), 6), seen, rows, "")
            return replace(found, resolution=f"exactly: {limits} {definition.unit}")
    raise ValueError(f"quantile {definition.quantile} is not within 0..1")


def _value(
    definition: MetricDefinition, value: float | None, numerator: float | None, denominator: float | None, reason: str
) -> MetricValue:
    return MetricValue(
        metric_id=definition.metric_id,
        version=definition.version,
        title=definition.title,
        unit=definition.unit,
        value=value,
        numerator=numerator,
        denominator=denominator,
        exclusions=definition.exclusions,
        definition=definition.definition,
        reason=reason if value is None else None,
        grain=definition.grain,
        parameters=definition.parameters,
        source=definition.source,
        variants=definition.variants,
    )
