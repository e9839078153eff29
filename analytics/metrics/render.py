"""Definitions as SQL: the same totals over the rows, and over the hours that were added up before. Pure text."""

from __future__ import annotations

from collections.abc import Iterable

from analytics.metrics.facts import FACTS
from analytics.metrics.totals import MEASURES, PEAK, TOTALS
from analytics.metrics.types import Grain, How, Measure, Total

LONGEST_H = 24  # of a call: bounds how far back calls in progress are looked for
DIGITS = 6  # of sums in rollups: the order in which rows were added must not show
OF_CALLS = tuple(g for g in FACTS if g is not Grain.CONVERSATION)

# The two ways in which hours are added up: small enough to answer at once, and a person's figures without all
# combinations. Column `cut` says which.
CUTS: dict[str, tuple[str, ...]] = {"": ("direction", "queue", "trunk_id"), "agent": ("direction", "agent")}


def over_rows(total: Total) -> str:
    """The total over rows of its grain's facts, DOUBLE; max and min are null without rows."""
    match total.how:
        case How.SUM if total.value == "1":
            text = "count(*) FILTER (WHERE {where})"
        case How.SUM:
            text = "coalesce(sum({value}) FILTER (WHERE {where}), 0)"
        case How.DISTINCT:
            text = "count(DISTINCT {value}) FILTER (WHERE {where})"
        case How.MAX | How.MIN as how:
            text = f"{how}({{value}}) FILTER (WHERE {{where}})"
    return f"CAST({text} AS DOUBLE)".replace("{where}", total.where).replace("{value}", total.value)


def over_hours(total: Total) -> str:
    """The total over rows of the rollup."""
    if total.how is How.SUM:
        return f"coalesce(sum({total.name}), 0)"
    return f"{total.how}({total.name})"


def bin_of(measure: Measure) -> str:
    """The number of the bin into which a row falls. A hair is added: 4.3 / 0.1 is a little less than 43."""
    if measure.growth:
        value = f"greatest(1, least({measure.value}, {measure.top}) / {measure.width})"
        return f"CAST(floor(ln({value}) / ln({measure.growth}) + 1e-9) AS BIGINT)"
    return f"CAST(floor(least({measure.value}, {measure.top}) / {measure.width} + 1e-9) AS BIGINT)"


def kept() -> tuple[Total, ...]:
    """The totals that rollups hold."""
    return tuple(t for t in TOTALS if t.how is not How.DISTINCT)


_HOURS_OF = """
    SELECT tenant_id, hour, '{grain}' AS grain, CASE WHEN grouping(agent) = 1 THEN '' ELSE 'agent' END AS cut,
           direction, coalesce(queue, '') AS queue, coalesce(agent, '') AS agent, coalesce(trunk_id, '') AS trunk_id,
           {totals}
    FROM (SELECT *, date_trunc('hour', started_at) AS hour FROM {facts})
    GROUP BY GROUPING SETS ((tenant_id, hour, direction, queue, trunk_id), (tenant_id, hour, direction, agent))
    HAVING grouping(agent) = 1 OR agent <> ''
"""
_BINS_OF = """
    SELECT tenant_id, date_trunc('hour', started_at) AS hour, '{grain}' AS grain, direction, queue, trunk_id,
           '{measure}' AS measure, {bin} AS bin, count(*) AS n
    FROM {facts} WHERE {where} GROUP BY ALL
"""


def hours(grains: Iterable[Grain], facts: str = "") -> str:
    """Rows of `rollup_hour` of these grains, out of `c` and `v`, or out of a table of their facts."""
    parts = []
    for grain in grains:
        totals = ", ".join(f"round({over_rows(t)}, {DIGITS}) AS {t.name}" for t in kept() if t.grain is grain)
        parts.append(_HOURS_OF.replace("{grain}", grain).replace("{totals}", totals))
        parts[-1] = parts[-1].replace("{facts}", facts or f"({FACTS[grain]})")
    return " UNION ALL BY NAME ".join(parts)


def bins(grains: Iterable[Grain], facts: str = "") -> str:
    """Rows of `rollup_bin` of these grains, as `hours`; empty when none is measured."""
    wanted = set(grains)
    return " UNION ALL ".join(
        _BINS_OF.replace("{grain}", m.grain)
        .replace("{measure}", m.name)
        .replace("{bin}", bin_of(m))
        .replace("{facts}", facts or f"({FACTS[m.grain]})")
        .replace("{where}", m.where)
        for m in MEASURES
        if m.grain in wanted
    )


# Calls in progress: every call is cut at the hours' borders, then counted up and down in the order of time. `c`: calls
# that overlap; an end at the very moment of a beginning comes first. {kept}: which parts are wanted.
LINES = """
    SELECT tenant_id, hour, line, CAST(max(n) AS BIGINT) AS peak, round(sum(CASE WHEN step = 1 THEN s ELSE 0 END), 3)
               AS busy_s
    FROM (
        SELECT tenant_id, hour, line, step, s,
               sum(step) OVER (PARTITION BY tenant_id, hour, line ORDER BY moment, step ROWS UNBOUNDED PRECEDING) AS n
        FROM (
            SELECT tenant_id, hour, line, unnest([a, b]) AS moment, unnest([1, -1]) AS step, epoch(b) - epoch(a) AS s
            FROM (
                SELECT tenant_id, hour, unnest(lines) AS line, greatest(a, hour, {low}) AS a,
                       least(b, hour + INTERVAL 1 HOUR, {high}) AS b
                FROM (
                    SELECT tenant_id, a, b, lines,
                           unnest(generate_series(date_trunc('hour', a), date_trunc('hour', b - INTERVAL 1 MICROSECOND),
                                                  INTERVAL 1 HOUR)) AS hour
                    FROM (SELECT tenant_id, started_at AS a,
                                 least(ended_at, started_at + INTERVAL {longest} HOUR) AS b,
                                 CASE WHEN coalesce(trunk_id, '') = '' THEN [''] ELSE ['', trunk_id] END AS lines
                          FROM c WHERE ended_at > started_at)
                ) {kept}
            ) WHERE a < b
        )
    ) GROUP BY tenant_id, hour, line
""".replace("{longest}", str(LONGEST_H))


def lines(low: str, high: str, kept: str = "") -> str:
    """Rows of `rollup_line` out of `c`, of what lies between two times (SQL); `kept`: a join that chooses hours."""
    return LINES.replace("{low}", low).replace("{high}", high).replace("{kept}", kept)


def views() -> list[str]:
    """The counted rows of every grain as views memory.main.fact_<grain>, of all tenants: for the operator's SQL."""
    text = "CREATE VIEW memory.main.fact_{grain} AS WITH c AS (SELECT * FROM lk.main.call), "
    text += "v AS (SELECT * FROM lk.main.conversation) {facts}"
    return [text.replace("{grain}", grain).replace("{facts}", facts) for grain, facts in FACTS.items()]


def peaks() -> tuple[Total, ...]:
    """The totals over hours of lines."""
    return PEAK
