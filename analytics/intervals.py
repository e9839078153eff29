"""Shares, differences of shares, and how sure one may be of them. Pure.

A share without its interval says more than the data do. Here a difference is told only when its interval leaves 0 out,
the intervals of one question's comparisons hold all together, and what is too little is called so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd

SURE = 0.95
EACH_MIN = 30  # rows on each side of a comparison; below it intervals of shares promise more than they hold
EVENTS_MIN = 10  # rows with the outcome, and rows without it, on both sides together


@dataclass(frozen=True)
class Interval:
    """A value and the ends between which it lies with the confidence asked for."""

    value: float
    low: float
    high: float


def share(events: int, of: int, sure: float = SURE) -> Interval | None:
    """events / of, 0..1, with Wilson's interval; None when there is nothing to divide. ValueError outside 0..of."""
    if not 0 <= events <= of:
        raise ValueError(f"{events} of {of} is no share")
    if of == 0:
        return None
    z = NormalDist().inv_cdf(0.5 + sure / 2)
    p, wide = events / of, 1 + z * z / of
    middle = (p + z * z / (2 * of)) / wide
    half = z / wide * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    return Interval(p, max(0.0, middle - half), min(1.0, middle + half))


def difference(with_it: pd.Series, outcome: pd.Series, whose: pd.Series, sure: float = SURE) -> Interval | str:
    """Share of outcome among rows with it less that among the others, −1..1; or why it cannot be told.

    with_it, outcome: bool, one per row; whose: rows of one person belong together (variance by cluster, linearised),
    because who calls often would otherwise be taken for many witnesses. One imagined person of each kind is added to
    the interval (Agresti and Caffo), without which nobody at all would look like a certainty.
    """
    if reason := too_few(with_it, outcome):
        return reason
    _, person = np.unique(whose.to_numpy(dtype=str), return_inverse=True)
    people = int(person.max()) + 1
    mine, hit = with_it.to_numpy(dtype=bool), outcome.to_numpy(dtype=bool)
    value = float(hit[mine].mean() - hit[~mine].mean())
    person = np.concatenate([person, people + np.arange(4)])
    mine = np.concatenate([mine, [True, True, False, False]])
    hit = np.concatenate([hit, [True, False, True, False]])
    middle, apart = 0.0, np.zeros(people + 4)
    for side, sign in ((mine, 1), (~mine, -1)):
        p = hit[side].mean()
        middle += sign * p
        apart += sign * np.bincount(person[side], weights=hit[side] - p, minlength=people + 4) / side.sum()
    half = NormalDist().inv_cdf(0.5 + sure / 2) * math.sqrt(float(apart @ apart) * len(apart) / (len(apart) - 1))
    return Interval(value, max(-1.0, middle - half), min(1.0, middle + half))


def too_few(with_it: pd.Series, outcome: pd.Series) -> str:
    """Why nothing can be said of these rows; "" when something can."""
    of, others, events = int(with_it.sum()), int((~with_it).sum()), int(outcome.sum())
    if min(of, others) < EACH_MIN:
        return f"too few: {of} with it, {others} without; {EACH_MIN} of each are needed"
    if min(events, len(outcome) - events) < EVENTS_MIN:
        return f"too few: {events} times of {len(outcome)}; {EVENTS_MIN} times and as many without are needed"
    return ""


def compare(
    rows: pd.DataFrame, features: Sequence[str], outcome: str, whose: str, questions: int | None = None
) -> pd.DataFrame:
    """One line per feature, a bool column of rows: shares of the outcome with and without it, the difference in per
    cent points, and what may be said. Rows without a value of the feature are left out of its line. The intervals hold
    all together (Bonferroni): who asks many questions finds something by chance otherwise. questions: how many are
    asked in all, when that is more than one call's features."""
    sure = 1 - (1 - SURE) / max(1, questions or len(features))
    out = []
    for feature in features:
        known = rows[rows[feature].notna()]
        with_it = known[feature].astype(bool)
        found = difference(with_it, known[outcome].astype(bool), known[whose], sure)
        line: dict[str, object] = {"feature": feature, "with it": int(with_it.sum()), "without": int((~with_it).sum())}
        if isinstance(found, str):
            out.append({**line, "what may be said": found})
            continue
        line |= {
            "share with it": float(known.loc[with_it, outcome].mean()),
            "share without": float(known.loc[~with_it, outcome].mean()),
            "points": 100 * found.value,
            "from": 100 * found.low,
            "to": 100 * found.high,
        }
        said = "more" if found.low > 0 else "fewer" if found.high < 0 else "no difference can be told"
        out.append({**line, "what may be said": said})
    names = ["feature", "with it", "without", "share with it", "share without", "points", "from", "to"]
    return pd.DataFrame(out).reindex(columns=[*names, "what may be said"])
