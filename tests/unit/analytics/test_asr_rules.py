"""Which results are looked at twice, and which chunks are decoded together."""

from __future__ import annotations

import pytest

from analytics import heard as rules
from analytics.heard import Heard
from pbx_core.domain.records import Word


def heard(tokens: int = 10, logprob: float = -0.2, compression: float = 1.0, capped: bool = False) -> Heard:
    return Heard((), tokens, logprob, 0.1, compression, capped)


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (heard(), None),
        (heard(compression=2.5), "repeats itself"),
        (heard(logprob=-1.3), "improbable"),
        (heard(capped=True), "not finished"),
        (heard(tokens=60), "too fast"),
    ],
)
def test_suspicious_results_are_named(result: Heard, why: str | None) -> None:
    assert rules.suspicion(result, 5.0) == why


def test_a_phrase_said_twice_in_a_row_is_looked_at_again() -> None:
    def said(text: str) -> Heard:
        return Heard(tuple(Word(w, 0.0, 0.0, 1.0) for w in text.split()), 10, -0.2, 0.1, 1.5, capped=False)

    assert rules.suspicion(said("hello press one for the desk. Press one for the desk"), 6.0) == "repeats itself"
    assert rules.suspicion(said("no no no I did not say that"), 6.0) is None


def test_every_chunk_is_decoded_once_in_batches_of_similar_length() -> None:
    lengths = [0.4, 27.0, 3.0, 2.9, 9.0, 28.0, 26.0, 1.0, 0.9, 3.1, 2.2, 2.1]
    found = rules.batches(lengths)
    assert sorted(i for batch in found for i in batch) == list(range(len(lengths)))
    for batch in found:
        seconds = [lengths[i] for i in batch]
        assert len(batch) <= rules.BATCH_MAX
        assert len(batch) * max(seconds) <= rules.BATCH_S_MAX
        assert max(seconds) <= rules.BATCH_SPREAD * max(min(seconds), rules.WINDOW_S_MIN)


def test_short_chunks_of_any_length_cost_the_same_and_go_together() -> None:
    assert rules.batches([0.5, 6.9, 3.0, 1.0]) == [[1, 2, 3, 0]]


def test_nothing_to_decode_is_no_batch() -> None:
    assert rules.batches([]) == []
