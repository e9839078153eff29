"""Which words rise from one week to the next: a share against a share, with minimal counts, beyond chance."""

from __future__ import annotations

import pytest

from analytics.meaning import topics
from analytics.meaning.topics import Counted, log_likelihood, rising


@pytest.mark.parametrize(
    ("calls", "of", "before", "of_before", "rises"),
    [
        (11, 100, 1, 100, False),  # G² 10.3: not beyond chance
        (15, 100, 1, 100, True),
        (15, 100, 0, 100, True),  # new
        (1, 100, 15, 100, False),  # falls
        (30, 200, 15, 100, False),  # twice as many calls, the same share
        (3, 20, 0, 1000, False),  # too few calls hold it
        (10, 19, 0, 100, False),  # too few calls this week
        (10, 100, 0, 19, False),  # or the week before
    ],
)
def test_a_word_rises(calls: int, of: int, before: int, of_before: int, rises: bool) -> None:
    assert bool(rising([Counted("kettle", "en", calls, before, of, of_before)])) is rises


def test_the_clearest_rise_comes_first_and_says_both_rates() -> None:
    first, second = rising([Counted("a", "en", 20, 2, 100, 200), Counted("b", "en", 60, 2, 100, 200)])
    assert (first.counted.term, second.counted.term) == ("b", "a")
    assert (first.rate, first.rate_before) == (0.6, 0.01)
    many = [Counted(f"w{i}", "en", 50, 0, 100, 100) for i in range(50)]
    assert len(rising(many)) == topics.TOPICS_MAX


def test_the_ratio_is_dunnings() -> None:
    assert log_likelihood(5, 50, 10, 100) == pytest.approx(0.0, abs=1e-12)
    assert log_likelihood(10, 20, 0, 20) == pytest.approx(17.26, abs=0.01)  # 40 (ln 40) table by hand
    assert log_likelihood(0, 20, 10, 20) == log_likelihood(10, 20, 0, 20)
    with pytest.raises(ValueError, match="outside"):
        log_likelihood(3, 2, 0, 1)
