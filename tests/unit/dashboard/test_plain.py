"""Faults of a recording in words that a manager understands."""

from __future__ import annotations

import pytest

from dashboard.web import plain


@pytest.mark.parametrize(
    ("exact", "told"),
    [
        ("starved: 1.1 % of the caller's frames", "pieces of the caller's voice (1.1 %)"),
        ("disk_full: recording volume below 5 % free", "was not recorded"),
        ("disk_full", "the end of the call is missing"),
        ("write_error: callee.wav does not grow", "a part of the call is missing"),
        ("aborted", "started again during the call"),
        ("aborted: the worker died during the call, what was heard until then is kept", "started again during"),
        ("the callee's side holds 12.00 s of 61.00 s talked", "Of 61.00 s of conversation, 12.00 s"),
        ("the caller's side holds 63.00 s, though only 61.00 s were talked", "is longer (63.00 s)"),
        ("callee.wav has no sound: silence instead", "The callee's side could not be read"),
        ("the callee's start is unknown (-5 ms): not aligned", "may not match in time"),
        ("the recorders could not be started: no space", "could not be started"),
    ],
)
def test_every_fault_that_the_recorder_names_has_plain_words(exact: str, told: str) -> None:
    assert told in plain.explain(exact)


def test_several_faults_are_all_told_and_none_twice() -> None:
    told = plain.explain("disk_full; starved: 0.6 % of the callee's frames; disk_full")
    assert told.count("became full") == 1 and "0.6 %" in told


@pytest.mark.parametrize("exact", ["", "something new", "{party}", "starved: <b> % of the caller's frames"])
def test_what_is_not_known_is_left_to_the_exact_words(exact: str) -> None:
    assert plain.explain(exact) == ""
