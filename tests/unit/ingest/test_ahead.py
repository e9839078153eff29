"""An iterator that works ahead gives the same items, and its error after them."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from ingest.imports.ahead import ahead


def test_items_come_in_their_order():
    assert list(ahead(iter(range(1000)))) == list(range(1000))
    assert list(ahead([])) == []


def test_an_error_comes_after_what_was_before_it():
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("no more")

    taken = ahead(items())
    assert [next(taken), next(taken)] == [1, 2]
    with pytest.raises(ValueError, match="no more"):
        next(taken)


def test_who_stops_early_leaves_no_thread_behind():
    before = threading.active_count()
    taken = ahead(iter(range(10**9)))
    assert next(taken) == 0
    taken.close()
    assert threading.active_count() == before
