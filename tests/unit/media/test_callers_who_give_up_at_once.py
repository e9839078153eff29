"""A caller who gives up while his way is still asked: 487 went out, so the call is the worker's, room or not."""

from __future__ import annotations

import pytest

from pbx_core.domain.records import CallEventRecord, Cdr, Disposition
from pbx_core.store import presence
from tests.support.stage import Stage
from tests.unit.media.test_worker_database import gone, slow, turns


def the_only(stage: Stage, of: str = "internal") -> Cdr:
    (cdr,) = stage.cdrs()
    assert (cdr.disposition, cdr.hangup_party, cdr.direction) == (Disposition.CANCELLED, "caller", of)
    told = [r.type for r in stage.records() if isinstance(r, CallEventRecord)]
    assert (told[0], told.count("closed")) == ("opened", 1)
    assert stage.worker.idle
    return cdr


def test_a_worker_that_stops_meanwhile_writes_his_record(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    with slow(monkeypatch):
        alice = stage.calls("101", "103")
        turns(stage, 0.2)
        stage.gives_up(alice)
        turns(stage, 0.2)
        stage.worker.drain()
    stage.run(0.5)
    assert the_only(stage).callee_number == "103"


def test_a_call_that_belonged_to_another_worker_stays_here(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    row = presence.CallRow(stage.tenant_id, "c" * 32, "parked", ("102",), "701")
    presence.write(stage.db, stage.clock, "worker-3", [row], [], [])
    with slow(monkeypatch):
        eva = stage.calls("105", "701")
        turns(stage, 0.2)
        stage.gives_up(eva)
        turns(stage, 0.2)
    stage.run(0.5)
    the_only(stage)


@pytest.mark.parametrize("trunk", [True, False])
def test_nothing_need_be_known_of_the_tenant(stage: Stage, trunk: bool) -> None:
    with gone(stage):
        leg = stage.from_outside("+996555111222") if trunk else stage.calls("101", "103")
        stage.worker.turn()
        stage.gives_up(leg)
        stage.run(1.0)
        assert len(stage.cdrs()) == 1
    stage.run(3.0)
    the_only(stage, "inbound" if trunk else "internal")


def test_who_gave_up_before_he_could_be_turned_away(stage: Stage) -> None:
    """INVITE and CANCEL come in one go: the engine has answered 487 when there turns out to be no room."""
    stage.worker.drain()
    alice = stage.calls("101", "103")
    stage.gives_up(alice)
    stage.run(0.5)
    the_only(stage)


def test_who_was_turned_away_leaves_nothing(stage: Stage) -> None:
    stage.worker.drain()
    stage.calls("101", "103")
    stage.run(0.5)
    (refusal,) = stage.engine.all("hangup")
    assert refusal.status == 503 and stage.records() == [] and stage.worker.idle
