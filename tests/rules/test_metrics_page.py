"""docs/metrics.md is what the definitions say, and the definitions fit together."""

from __future__ import annotations

from pathlib import Path

import pytest

from analytics import metrics
from analytics.metrics import page, render, shifts
from analytics.metrics.totals import BY_NAME, MEASURE, MEASURES
from analytics.metrics.types import Rollup
from ingest.tables.rollups import ROLLUP_HOUR

PAGE = Path(__file__).parents[2] / "docs/metrics.md"


def test_the_page_is_current():
    assert PAGE.read_text() == page.page(), "run: python -m analytics.metrics.page > docs/metrics.md"


def test_the_table_of_hours_holds_every_total_that_hours_can_hold():
    kept = [(t.name, t.says) for t in render.kept()]
    assert [(c.name, c.comment) for c in ROLLUP_HOUR.columns if c.type == "DOUBLE"] == kept


def test_names_are_unique():
    assert len(metrics.BY_ID) == len(metrics.REGISTRY)
    asked_of_rows = (*(t for t in BY_NAME.values() if t.how == "distinct"), *render.peaks(), *shifts.TOTALS)
    assert len(BY_NAME) == len(render.kept()) + len(asked_of_rows)
    assert len(MEASURE) == len(MEASURES)


@pytest.mark.parametrize("metric", metrics.REGISTRY, ids=lambda m: m.metric_id)
def test_every_figure_says_what_it_is(metric):
    assert metric.title and metric.unit and metric.definition.endswith(".") and metric.exclusions and metric.source
    parts = [metric.numerator] if metric.denominator is None else [metric.numerator, metric.denominator]
    known = MEASURE if metric.rollup is Rollup.HISTOGRAM else BY_NAME
    assert {known[name].grain for name in parts} == {metric.grain}
    assert metric.denominator is None or metric.nothing
    assert (metric.rollup is Rollup.HISTOGRAM) == (metric.quantile is not None)
    for rival in metric.variants:
        assert rival in metrics.BY_ID and rival != metric.metric_id
