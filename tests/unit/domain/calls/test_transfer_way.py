"""What a transfer asks of the dialplan: with the rights of who asked, without the circle guard of the way before."""

from __future__ import annotations

from pbx_core.domain.calls import commands as do
from tests.support.calltable import Run, row

TALKS = (
    "0 caller opened from=+996312111222",
    "0 routed ring 102 visited=did:+4930555,extension:102",
    "0.1 callee dialed",
    "1 callee answered by=102",
)


def asked(*lines: str) -> do.Route:
    run = Run()
    for line in TALKS:
        run.feed(row(f"{line} ->"))
    found = [c for line in lines for c in run.feed(row(f"{line} ->")) if isinstance(c, do.Route)]
    assert len(found) == 1
    return found[0]


def test_who_was_rung_before_may_be_rung_again_by_a_transfer() -> None:
    route = asked("2 callee transfer_asked target=102")
    assert "extension:102" not in route.visited


def test_the_dialplan_sees_that_it_is_a_transfer_and_whose() -> None:
    route = asked("2 callee transfer_asked target=*97")
    assert route.visited == ("transfer:102",)
    assert (route.origin.kind, route.origin.extension, route.dialled) == ("extension", "102", "*97")
