"""The very rows behind a figure: those that were counted, those it was divided by, those that were left out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import pandas as pd

from analytics import metrics
from analytics.metrics import shifts
from analytics.metrics.facts import FACTS
from analytics.metrics.totals import BY_NAME, MEASURE
from analytics.metrics.types import Grain, How, MetricDefinition, Rollup
from analytics.queries import cursors
from analytics.queries.asked import Asked, asked
from analytics.queries.cursors import Cursor
from analytics.queries.reader import Reader
from analytics.queries.totals import IN_PROGRESS, source
from analytics.queries.types import END, Scope
from pbx_core.errors import InputError

Side = Literal["numerator", "denominator", "excluded"]
SIDES = ("numerator", "denominator", "excluded")
LIMIT_MAX = 500

# Newest first. `mark` tells rows of one moment apart, also as part of an address.
_ROWS = """
    WITH {source}
    SELECT started_at, call_id, row_id, direction, queue, agent, trunk_id, caller_number, callee_number,
           CAST({value} AS DOUBLE) AS value, md5(row_id) AS mark
    FROM ({facts})
    WHERE {where} AND {condition} AND (started_at, md5(row_id)) < ($from_at, $from_mark)
    ORDER BY started_at DESC, md5(row_id) DESC LIMIT $n
"""
# The moment at which most calls were in progress, the first of them; then those calls.
_AT_PEAK = """
    WITH {source},
    span AS (SELECT started_at AS a, least(ended_at, started_at + INTERVAL 24 HOUR) AS b FROM c
             WHERE ended_at > started_at AND {condition}),
    steps AS (SELECT greatest(a, $since) AS moment, 1 AS step FROM span WHERE b > $since
              UNION ALL SELECT b, -1 FROM span WHERE b > $since AND b < $until),
    counted AS (SELECT moment, sum(step) OVER (ORDER BY moment, step ROWS UNBOUNDED PRECEDING) AS n FROM steps),
    top AS (SELECT moment FROM counted ORDER BY n DESC, moment LIMIT 1)
    SELECT started_at, call_id, call_id AS row_id, direction, coalesce(queue, '') AS queue,
           coalesce(answered_by, '') AS agent, coalesce(trunk_id, '') AS trunk_id, caller_number, callee_number,
           CAST(1 AS DOUBLE) AS value, md5(call_id) AS mark
    FROM c WHERE started_at <= (SELECT moment FROM top) AND ended_at > (SELECT moment FROM top)
      AND (started_at, md5(call_id)) < ($from_at, $from_mark) AND {condition}
    ORDER BY started_at DESC, md5(call_id) DESC LIMIT $n
"""


def rows_behind(
    reader: Reader,
    scope: Scope,
    metric_id: str,
    side: str,
    since: datetime,
    until: datetime,
    *,
    limit: int = 50,
    cursor: str | None = None,
    where: Mapping[str, str] | None = None,
) -> tuple[pd.DataFrame, str | None]:
    """(rows, cursor of the next page or None), newest first: started_at (tz-aware UTC), call_id, row_id, direction,
    queue, agent, trunk_id, caller_number, callee_number, value (what the row adds). Of a figure over calls at once:
    those of its first peak; over agents' time: stretches (row_id agent/state/beginning, no call_id). InputError
    for unknown names and malformed cursors."""
    if metric_id not in metrics.BY_ID:
        raise InputError(f"There is no figure {metric_id[:64]!r}.", error_id="bad_metric")
    if side not in SIDES or not 1 <= limit <= LIMIT_MAX:
        raise InputError(f"One of {', '.join(SIDES)}, up to {LIMIT_MAX} rows.", error_id="bad_side")
    ask = asked(scope, since, until, None, where)
    at = cursors.decode(cursor) if cursor else Cursor("older", END, "")
    metric = metrics.BY_ID[metric_id]
    parameters = {**ask.parameters, "from_at": at.started_at, "from_mark": at.call_id, "n": limit + 1}
    frame = reader.frame(_sql(metric, side, ask), parameters)
    frame["started_at"] = pd.to_datetime(frame["started_at"], utc=True)
    more = len(frame) > limit
    frame = frame.head(limit)
    last = frame.iloc[-1] if more else None
    following = (
        None if last is None else cursors.encode(Cursor("older", last["started_at"].to_pydatetime(), last["mark"]))
    )
    return frame.drop(columns="mark"), following


def _sql(metric: MetricDefinition, side: str, ask: Asked) -> str:
    condition = ask.condition()
    if metric.grain is Grain.HOUR:
        sql = _AT_PEAK.replace("{source}", IN_PROGRESS)
        return sql.replace("{condition}", condition if side != "excluded" else "false")
    where, value = _which(metric, side)
    facts = shifts.FACTS if metric.grain is Grain.AGENT_TIME else FACTS[metric.grain]
    sql = _ROWS.replace("{source}", source(metric.grain)).replace("{facts}", facts)
    return sql.replace("{where}", where).replace("{value}", value).replace("{condition}", condition)


def _which(metric: MetricDefinition, side: str) -> tuple[str, str]:
    """(condition, value) of the rows of one side."""
    if metric.rollup is Rollup.HISTOGRAM:
        above: Any = MEASURE[metric.numerator]
        below = above
    else:
        above = BY_NAME[metric.numerator]
        below = BY_NAME[metric.denominator] if metric.denominator is not None else above
    match side:
        case "numerator":
            return f"({above.where})", _plain(above)
        case "denominator":
            return f"({below.where})", _plain(below)
    return f"NOT coalesce({below.where}, false)", "0"


def _plain(total: Any) -> str:
    return "1" if getattr(total, "how", None) is How.DISTINCT else total.value
