"""The definitions of all figures: what is counted, over what, without what, in which version.

Each is defined once, out of totals over the counted rows (`facts`, `totals`), and rendered into the raw computation
and into the rollups (`render`, `rollups`). Ask for values through `analytics.queries.metrics`. Changing a definition
means a new version.
"""

from __future__ import annotations

from analytics.metrics import agents, calls, lines, queues, stories, talk
from analytics.metrics.totals import BY_NAME, MEASURE
from analytics.metrics.types import Grain, How, MetricDefinition, MetricValue, Rollup, evaluate

__all__ = [
    "BY_ID",
    "REGISTRY",
    "SECTIONS",
    "Grain",
    "How",
    "MetricDefinition",
    "MetricValue",
    "Rollup",
    "evaluate",
    "says",
]

SECTIONS: dict[str, tuple[MetricDefinition, ...]] = {
    "Calls": calls.METRICS,
    "Conversations": stories.METRICS,
    "Queues and agents": (*queues.METRICS, *agents.METRICS),
    "Lines": lines.METRICS,
    "Recordings and speech": talk.METRICS,
}

REGISTRY: tuple[MetricDefinition, ...] = tuple(m for metrics in SECTIONS.values() for m in metrics)

BY_ID: dict[str, MetricDefinition] = {m.metric_id: m for m in REGISTRY}


def says(metric_id: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """(name, what it counts) of a figure's numerator and of what it is divided by."""
    m = BY_ID[metric_id]
    if m.quantile is not None:
        of = MEASURE[m.numerator].says
        return ("rows", f"rows up to that value of {of}"), ("rows", f"rows with {of}")
    above = BY_NAME[m.numerator]
    below = BY_NAME[m.denominator] if m.denominator is not None else above
    return (above.name, above.says), (below.name, below.says)
