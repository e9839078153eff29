"""The definitions of all figures: what is counted, over what, without what, in which version.

Each is defined once, out of totals over the counted rows (`facts`, `totals`), and rendered into the raw computation
and into the rollups (`render`, `rollups`). Ask for values through `analytics.queries.metrics`. Changing a definition
means a new version.
"""

from __future__ import annotations

from analytics.metrics import calls, lines, queues, stories, talk
from analytics.metrics.types import Grain, How, MetricDefinition, MetricValue, Rollup, evaluate

__all__ = ["BY_ID", "REGISTRY", "SECTIONS", "Grain", "How", "MetricDefinition", "MetricValue", "Rollup", "evaluate"]

SECTIONS: dict[str, tuple[MetricDefinition, ...]] = {
    "Calls": calls.METRICS,
    "Conversations": stories.METRICS,
    "Queues and agents": queues.METRICS,
    "Lines": lines.METRICS,
    "Recordings and speech": talk.METRICS,
}

REGISTRY: tuple[MetricDefinition, ...] = tuple(m for metrics in SECTIONS.values() for m in metrics)

BY_ID: dict[str, MetricDefinition] = {m.metric_id: m for m in REGISTRY}
