"""The totals of a question: from the rollups where they can answer, else from the rows."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analytics.metrics import render, shifts
from analytics.metrics.facts import DIMENSIONS, FACTS
from analytics.metrics.totals import BY_NAME
from analytics.metrics.types import Grain, How, Total
from analytics.queries.asked import PARTS, TRUNCATED, Asked
from analytics.queries.reader import Question, Reader

# The calls and conversations that count. An extension's conversations are those with a call of his, however late.
CALLS = "c AS (SELECT * FROM scoped($tenant_id, $extension, $since, $until))"
CONVERSATIONS = """v AS (
    SELECT * FROM lk.main.conversation AS v
    WHERE v.tenant_id = $tenant_id AND v.started_at >= $since AND v.started_at < $until
      AND ($extension IS NULL OR v.conversation_id IN (
        SELECT k.conversation_id FROM lk.main.conversation_call AS k
        WHERE k.tenant_id = $tenant_id AND k.call_id IN (
            SELECT s.call_id FROM scoped($tenant_id, $extension, $since, TIMESTAMPTZ '9999-01-01 00:00:00+00') AS s))))
"""
# calls in progress: those, too, that began before
IN_PROGRESS = """c AS (
    SELECT * FROM scoped($tenant_id, $extension, $since - INTERVAL {longest} HOUR, $until)
)""".replace("{longest}", str(render.LONGEST_H))

_ROWS = "WITH {source} SELECT {key} AS key, {totals} FROM ({facts}) WHERE {condition} GROUP BY 1"
_HOURS = """
    SELECT {key} AS key, {totals} FROM lk.main.rollup_hour
    WHERE tenant_id = $tenant_id AND hour >= $since AND hour < $until AND cut = $cut AND grain IN ({grains})
      AND {condition}
    GROUP BY 1
"""
_LINES = """
    SELECT {key} AS key, {totals} FROM lk.main.rollup_line
    WHERE tenant_id = $tenant_id AND hour >= $since AND hour < $until AND {condition} GROUP BY 1
"""
_LINES_NOW = "WITH {source} SELECT {key} AS key, {totals} FROM ({lines}) WHERE {condition} GROUP BY 1"
_COMBINE = {How.SUM: "sum", How.MAX: "max", How.MIN: "min", How.DISTINCT: "sum"}


def totals(reader: Reader, ask: Asked, names: Sequence[str]) -> pd.DataFrame:
    """Columns key (one row with None unless the question has `by`) and one per total; missing ones are NaN. Totals
    that a question cannot have (calls at once, by agent) are left out."""
    return together(ask, names, reader.frames(questions(ask, names)))


def questions(ask: Asked, names: Sequence[str]) -> list[Question]:
    """What has to be asked for these totals; `together` makes one frame of the answers."""
    wanted = [BY_NAME[name] for name in names]
    parts: list[Question] = []
    lines = [t for t in wanted if t.grain is Grain.HOUR]
    if lines and {*ask.where, ask.by}.isdisjoint({*DIMENSIONS} - {"trunk_id"}):
        parts += _at_once(ask, lines)
    timed = [t for t in wanted if t.grain is Grain.AGENT_TIME]
    if timed and {*ask.where, ask.by}.isdisjoint({*DIMENSIONS} - {"agent"}):
        parts += _by_rows(ask, timed)
    distinct = [t for t in wanted if t.how is How.DISTINCT]
    kept = [t for t in wanted if t.grain not in (Grain.HOUR, Grain.AGENT_TIME)]
    plain = [t for t in kept if t.how is not How.DISTINCT]
    cut = ask.cut
    hours = ask.hours() if cut is not None else None
    if cut is not None and hours is not None:
        parts += _by_hours(hours, plain, cut)
        for edge in ask.edges():
            parts += _by_rows(edge, plain)
        parts += _by_rows(ask, distinct)
    else:
        parts += _by_rows(ask, [*plain, *distinct])
    return parts


def _by_rows(ask: Asked, wanted: Sequence[Total]) -> list[Question]:
    out = []
    for grain in dict.fromkeys(t.grain for t in wanted):
        chosen = [t for t in wanted if t.grain is grain]
        sql = _filled(_ROWS, ask, "started_at", ", ".join(f"{render.over_rows(t)} AS {t.name}" for t in chosen))
        sql = sql.replace("{source}", source(grain)).replace("{facts}", _facts(grain, ask))
        out.append((sql, ask.parameters))
    return out


def _facts(grain: Grain, ask: Asked) -> str:
    """A stretch of time is cut only where hours or days are told apart: that doubles the work."""
    if grain is Grain.AGENT_TIME:
        return shifts.CUT_FACTS if ask.by in (*TRUNCATED, *PARTS) else shifts.FACTS
    return FACTS[grain]


def _by_hours(ask: Asked, wanted: Sequence[Total], cut: str) -> list[Question]:
    if not wanted:
        return []
    sql = _filled(_HOURS, ask, "hour", ", ".join(f"{render.over_hours(t)} AS {t.name}" for t in wanted))
    grains = ", ".join(f"'{grain}'" for grain in dict.fromkeys(t.grain for t in wanted))
    return [(sql.replace("{grains}", grains), {**ask.rolled_parameters, "cut": cut})]


def _at_once(ask: Asked, wanted: Sequence[Total]) -> list[Question]:
    """Calls in progress, of all lines or of each trunk."""
    text = ", ".join(f"{render.over_rows(t)} AS {t.name}" for t in wanted)
    line = {"trunk_id": "line"}
    condition = ask.condition(line)
    if "trunk_id" not in ask.where and ask.by != "trunk_id":
        condition += " AND line = ''"
    rolled = ask.cut is not None
    hours = ask.hours() if rolled else None
    out = []
    if hours is not None:
        out.append((_lined(_LINES, ask, condition, text), hours.rolled_parameters))
    for part in ask.edges() if rolled else [ask]:
        sql = _lined(_LINES_NOW, ask, condition, text).replace("{source}", IN_PROGRESS)
        out.append((sql.replace("{lines}", render.lines("$since", "$until")), part.parameters))
    return out


def source(grain: Grain) -> str:
    """The CTE that a grain's facts are built on."""
    match grain:
        case Grain.CONVERSATION:
            return CONVERSATIONS
        case Grain.AGENT_TIME:
            return shifts.SOURCE
        case _:
            return CALLS


def _filled(sql: str, ask: Asked, at: str, totals_: str) -> str:
    return sql.replace("{key}", ask.key(at)).replace("{totals}", totals_).replace("{condition}", ask.condition())


def _lined(sql: str, ask: Asked, condition: str, totals_: str) -> str:
    key = "line" if ask.by == "trunk_id" else ask.key("hour")
    return sql.replace("{key}", key).replace("{totals}", totals_).replace("{condition}", condition)


def together(ask: Asked, names: Sequence[str], parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One row per key of what was asked of several tables and parts of the period, as `totals`."""
    wanted = [BY_NAME[name] for name in names]
    frames = [p for p in parts if not p.empty]
    if not frames:
        return pd.DataFrame(columns=["key", *(t.name for t in wanted)])
    frame = pd.concat(frames, ignore_index=True)
    present = [t for t in wanted if t.name in frame.columns]
    keys = pd.Series("", frame.index, name="key") if ask.by is None else frame["key"]
    grouped = frame[[t.name for t in present]].astype("float64").groupby(keys, sort=True)
    combined = []
    for how in dict.fromkeys(_COMBINE[t.how] for t in present):
        alike = grouped[[t.name for t in present if _COMBINE[t.how] == how]]
        combined.append(alike.sum(min_count=1) if how == "sum" else alike.agg(how))
    out = pd.concat(combined, axis=1)[[t.name for t in present]].reset_index()
    out["key"] = None if ask.by is None else ask.keys(out["key"])
    return out
