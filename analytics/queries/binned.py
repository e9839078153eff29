"""Histograms of a question: how many rows have a measure within each bin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from analytics.metrics import render
from analytics.metrics.facts import FACTS
from analytics.metrics.totals import MEASURE
from analytics.queries.asked import Asked
from analytics.queries.reader import Question, Reader
from analytics.queries.totals import source

Found = dict[Any, dict[int, float]]  # key (None unless `by`) → bin → rows

_HOURS = """
    SELECT {key} AS key, measure, bin, CAST(sum(n) AS DOUBLE) AS n FROM lk.main.rollup_bin
    WHERE tenant_id = $tenant_id AND hour >= $since AND hour < $until AND list_contains($measures, measure)
      AND {condition}
    GROUP BY ALL
"""
_ROWS = """
    WITH {source} SELECT {key} AS key, '{measure}' AS measure, {bin} AS bin, CAST(count(*) AS DOUBLE) AS n
    FROM ({facts}) WHERE {where} AND {condition} GROUP BY ALL
"""


def bins(reader: Reader, ask: Asked, names: Sequence[str]) -> dict[str, Found]:
    """Per measure its histogram, whole hours from the rollup."""
    return together(ask, names, reader.frames(questions(ask, names)))


def questions(ask: Asked, names: Sequence[str]) -> list[Question]:
    """What has to be asked for these histograms; `together` makes them of the answers."""
    if not names:
        return []
    hours = ask.hours() if ask.cut == "" else None
    out: list[Question] = []
    if hours is not None:
        sql = _HOURS.replace("{key}", ask.key("hour")).replace("{condition}", ask.condition())
        out.append((sql, {**hours.rolled_parameters, "measures": list(names)}))
    for part in ask.edges() if hours is not None else [ask]:
        out += [_of_rows(part, name) for name in names]
    return out


def together(ask: Asked, names: Sequence[str], frames: Sequence[pd.DataFrame]) -> dict[str, Found]:
    """The histograms out of the answers to `questions`."""
    out: dict[str, Found] = {name: {} for name in names}
    if not any(len(frame) for frame in frames):
        return out
    frame = pd.concat(frames, ignore_index=True)
    frame["key"] = ask.keys(frame["key"]) if ask.by is not None else None
    for key, name, number, n in frame[["key", "measure", "bin", "n"]].itertuples(index=False):
        found = out[name].setdefault(None if ask.by is None else key, {})
        found[int(number)] = found.get(int(number), 0.0) + n
    return out


def _of_rows(ask: Asked, name: str) -> Question:
    measure = MEASURE[name]
    sql = _ROWS.replace("{source}", source(measure.grain)).replace("{facts}", FACTS[measure.grain])
    sql = sql.replace("{measure}", name).replace("{bin}", render.bin_of(measure)).replace("{where}", measure.where)
    sql = sql.replace("{key}", ask.key("started_at")).replace("{condition}", ask.condition())
    return sql, ask.parameters
