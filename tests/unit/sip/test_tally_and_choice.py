"""How calls are counted, what a worker's own count takes away, and which worker is chosen."""

from __future__ import annotations

import pytest

from pbx_core.sip import routing
from pbx_core.sip.routing import WorkerSlot
from pbx_core.sip.tally import Talk, Tally


def test_every_kind_is_counted_and_uncounted() -> None:
    tally = Tally()
    talk = Talk("w", 1.0, True, "t", "101", "main", "+49", outside=True, international=True)
    tally.put("a", talk)
    kinds = [("slot", "w"), ("tenant", "t", "w"), ("extension", "t", "101", "w"), ("trunk", "t", "main"),
             ("did", "t", "+49"), ("outside", "t"), ("international", "t")]  # fmt: skip
    assert [tally.count(*kind) for kind in kinds] == [1] * 7
    tally.put("a", talk)  # the same again
    assert tally.count("trunk", "t", "main") == 1
    tally.remove("a")
    tally.remove("a")
    assert [tally.count(*kind) for kind in kinds] == [0] * 7 and len(tally) == 0


def test_the_tenant_comes_first_in_every_count() -> None:
    tally = Tally()
    tally.put("a", Talk("w", 1.0, True, "t", "101", "main", "+49"))
    for kind in (("extension", "u", "101", "w"), ("trunk", "u", "main"), ("did", "u", "+49")):
        assert tally.count(*kind) == 0


def test_it_is_bounded() -> None:
    tally = Tally(calls_max=2)
    for key in "abc":
        tally.put(key, Talk("w"))
    assert len(tally) == 2 and tally.get("c") is None


def test_what_a_worker_no_longer_holds_goes_oldest_first_and_legs_once_per_call() -> None:
    tally = Tally()
    for n, key in enumerate("abc"):
        tally.put(key, Talk("w", float(n)))
        for leg in "12":
            tally.put(key + leg, Talk("w", float(n), False, "t", trunk_id="m", call_id=f"c{n}"))
    tally.put("x", Talk("other", 0.0))
    tally.settle("w", 1, before=10.0)
    assert [key for key in ("a", "b", "c", "x") if tally.get(key)] == ["c", "x"]
    assert tally.count("trunk", "t", "m") == 2 and tally.get("c1") and tally.get("c2")


def test_what_is_too_young_to_be_on_the_board_stays() -> None:
    tally = Tally()
    tally.put("old", Talk("w", 1.0))
    tally.put("new", Talk("w", 9.0))
    tally.settle("w", 0, before=5.0)
    assert tally.get("old") is None and tally.get("new")


BIG = [WorkerSlot("a", 1, 100, 97), WorkerSlot("b", 2, 100, 5), WorkerSlot("c", 3, 100, 0)]
SMALL = [WorkerSlot("a", 1, 2, 1), WorkerSlot("b", 2, 2, 0), WorkerSlot("c", 3, 2, 2)]


@pytest.mark.parametrize(
    ("workers", "own", "tenants", "expected"),
    [
        (BIG, set(), {}, "c"),
        (BIG, set(), {"a": 1}, "a"),
        (BIG, set(), {"a": 1, "b": 3}, "b"),
        (BIG, {"a"}, {"b": 3}, "a"),
        ([WorkerSlot("a", 1, 100, 99), *BIG[1:]], set(), {"a": 9}, "c"),  # no room for one more leg
        (SMALL, set(), {"a": 1}, "b"),
        (SMALL, {"a"}, {}, "a"),
        (SMALL, {"c"}, {}, "b"),  # full
    ],
)
def test_the_worker_chosen(workers: list[WorkerSlot], own: set[str], tenants: dict[str, int], expected: str) -> None:
    chosen = routing.choose(workers, {}, own, tenants)
    assert chosen is not None and chosen.name == expected
