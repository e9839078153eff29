"""Intervals against known figures, and what chance may not make of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analytics import intervals


@pytest.mark.parametrize(
    ("events", "of", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (81, 263, 0.2553, 0.3662), (148, 148, 0.9747, 1.0)],
)
def test_shares_have_the_published_intervals(events: int, of: int, low: float, high: float) -> None:
    """Wilson's, as in Newcombe 1998, table I (81/263) and by hand."""
    found = intervals.share(events, of)
    assert found and (found.low, found.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_no_share_of_nothing() -> None:
    assert intervals.share(0, 0) is None
    with pytest.raises(ValueError, match="no share"):
        intervals.share(3, 2)


def rows(n: int, with_share: float, without_share: float, seed: int, calls_each: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    people = n // calls_each
    with_it = rng.random(people) < 0.5
    hit = rng.random(people) < np.where(with_it, with_share, without_share)
    frame = pd.DataFrame({"with": with_it, "hit": hit, "who": [f"+{i}" for i in range(people)]})
    return frame.loc[frame.index.repeat(calls_each)].reset_index(drop=True)


def test_a_true_difference_is_found_and_none_is_not_invented() -> None:
    found = intervals.difference(*(rows(2000, 0.5, 0.3, 1)[c] for c in ("with", "hit", "who")))
    assert isinstance(found, intervals.Interval) and 0 < found.low < 0.2 < found.high
    wrong = 0
    for seed in range(40):
        none = intervals.compare(rows(400, 0.3, 0.3, seed), ["with"], "hit", "who")
        wrong += none["what may be said"].iloc[0] != "no difference can be told"
    assert wrong <= 6  # 2 are expected; more than 6 come once in a hundred


def test_who_calls_often_is_one_witness() -> None:
    often = rows(2000, 0.3, 0.3, 5, calls_each=20)
    by_person = intervals.difference(often["with"], often["hit"], often["who"])
    by_row = intervals.difference(often["with"], often["hit"], pd.Series(range(len(often))))
    assert isinstance(by_person, intervals.Interval) and isinstance(by_row, intervals.Interval)
    assert by_person.high - by_person.low > 3 * (by_row.high - by_row.low)


def test_too_few_are_called_so_and_many_questions_widen_the_answers() -> None:
    few = intervals.compare(rows(40, 1.0, 0.0, 1), ["with"], "hit", "who")
    assert few["what may be said"].iloc[0].startswith("too few:")
    rare = rows(500, 0.01, 0.0, 1)
    assert "times" in str(intervals.difference(rare["with"], rare["hit"], rare["who"]))
    many = rows(2000, 0.5, 0.3, 1)
    many = many.assign(**{f"f{i}": many["with"] for i in range(9)})
    one, nine = (intervals.compare(many, names, "hit", "who") for names in (["f0"], [f"f{i}" for i in range(9)]))
    assert nine["from"].iloc[0] < one["from"].iloc[0] < one["to"].iloc[0] < nine["to"].iloc[0]
