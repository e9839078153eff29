"""The only door to figures: values, values over time or by queue, agent and trunk, and the very rows behind them.

    level, = values(reader, Scope(tenant_id), since, until, ["service_level"])
    by_day = series(reader, Scope(tenant_id), since, until, ["service_level", "asa"], "day", time_zone="Asia/Bishkek")
    rows, cursor = rows_behind(reader, Scope(tenant_id), "service_level", "excluded", since, until)

Whole hours of a tenant's figures are read from the rollups; what these cannot answer (parts of hours, one extension's
calls, zones off the hour, uncommon combinations) is computed from the rows by the same definitions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import pandas as pd

from analytics import metrics
from analytics.metrics import MetricDefinition, MetricValue, Rollup
from analytics.metrics.totals import BY_NAME, MEASURE
from analytics.metrics.types import evaluate, quantile
from analytics.queries import behind, binned, totals
from analytics.queries.asked import Asked, asked
from analytics.queries.reader import Reader
from analytics.queries.types import Scope
from pbx_core.errors import InputError

rows_behind = behind.rows_behind


def values(
    reader: Reader,
    scope: Scope,
    since: datetime,
    until: datetime,
    metric_ids: Sequence[str] | None = None,
    *,
    by: None = None,
    where: Mapping[str, str] | None = None,
) -> list[MetricValue]:
    """The figures of what started in since <= t < until, in the order asked for (all: the registry's). where: values
    of direction, queue, agent, trunk_id that rows must have. InputError for unknown names."""
    ask = asked(scope, since, until, by, where)
    wanted = chosen(metric_ids)
    frame, bins = _answers(reader, ask, wanted)
    row = {name: _number(frame[name].iloc[0]) for name in frame.columns} if len(frame) else {}
    return [_value(m, row, bins.get(m.numerator, {}).get(None, {})) for m in wanted]


def series(
    reader: Reader,
    scope: Scope,
    since: datetime,
    until: datetime,
    metric_ids: Sequence[str],
    by: str,
    *,
    where: Mapping[str, str] | None = None,
    time_zone: str = "UTC",
) -> pd.DataFrame:
    """Columns key, metric_id, value, numerator, denominator; in the order of keys. by: hour, day, week, month (key:
    beginning, tz-aware in time_zone), hour_of_day (0..23), weekday (1 Monday), or direction, queue, agent, trunk_id.
    Keys without rows are left out; value is NaN where nothing can be divided."""
    ask = asked(scope, since, until, by, where, time_zone)
    wanted = chosen(metric_ids)
    frame, bins = _answers(reader, ask, wanted)
    keys = sorted({*frame["key"], *(key for found in bins.values() for key in found)})
    rows = frame.set_index("key").to_dict("index")
    out = []
    for key in keys:
        row = {name: _number(value) for name, value in rows.get(key, {}).items()}
        for m in wanted:
            v = _value(m, row, bins.get(m.numerator, {}).get(key, {}))
            out.append((key, m.metric_id, v.value, v.numerator, v.denominator))
    result = pd.DataFrame(out, columns=["key", "metric_id", "value", "numerator", "denominator"])
    return result.astype(dict.fromkeys(("value", "numerator", "denominator"), "float64"))


def distribution(
    reader: Reader,
    scope: Scope,
    since: datetime,
    until: datetime,
    measure: str,
    by: str | None = None,
    *,
    where: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Columns key (None unless `by`), low (where the bin begins), n (rows); measure: one of the registry, as
    mos_bins."""
    if measure not in MEASURE:
        raise InputError(f"There is no measure {measure[:64]!r}.", error_id="bad_measure")
    found = binned.bins(reader, asked(scope, since, until, by, where), [measure])[measure]
    low = MEASURE[measure].edges
    rows = [(key, low(b)[0], n) for key in sorted(found, key=str) for b, n in sorted(found[key].items())]
    return pd.DataFrame(rows, columns=["key", "low", "n"])


def chosen(metric_ids: Sequence[str] | None) -> list[MetricDefinition]:
    """The definitions of these figures; InputError for an unknown one."""
    if metric_ids is None:
        return list(metrics.REGISTRY)
    for metric_id in metric_ids:
        if metric_id not in metrics.BY_ID:
            raise InputError(f"There is no figure {metric_id[:64]!r}.", error_id="bad_metric")
    return [metrics.BY_ID[metric_id] for metric_id in metric_ids]


def _needed(wanted: Sequence[MetricDefinition]) -> list[str]:
    names = {n for m in wanted if not m.unavailable for n in (m.numerator, m.denominator) if n in BY_NAME}
    return sorted(n for n in names if n is not None)


def _answers(
    reader: Reader, ask: Asked, wanted: Sequence[MetricDefinition]
) -> tuple[pd.DataFrame, dict[str, binned.Found]]:
    """The totals and the histograms that the figures are made of."""
    names, measures = _needed(wanted), sorted({m.numerator for m in wanted if m.rollup is Rollup.HISTOGRAM})
    of_totals = totals.questions(ask, names)
    frames = reader.frames([*of_totals, *binned.questions(ask, measures)])
    found = binned.together(ask, measures, frames[len(of_totals) :])
    return totals.together(ask, names, frames[: len(of_totals)]), found


def _number(value: float) -> float | None:
    return None if pd.isna(value) else float(value)


def _value(m: MetricDefinition, row: Mapping[str, float | None], bins: Mapping[int, float]) -> MetricValue:
    if m.rollup is Rollup.HISTOGRAM:
        return quantile(m, MEASURE[m.numerator], bins)
    known = {n: row.get(n, _nothing(n)) for n in (m.numerator, m.denominator) if n is not None}
    return evaluate(m, known)


def _nothing(name: str) -> float | None:
    """What a total without any row is: of agents' time nothing is known then, else there was nothing."""
    total = BY_NAME.get(name)
    if total is None or total.grain is metrics.Grain.AGENT_TIME:
        return None
    return 0.0 if total.how in (metrics.How.SUM, metrics.How.DISTINCT) else None
