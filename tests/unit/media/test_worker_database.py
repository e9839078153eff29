"""What the worker does while the database takes its time or refuses: calls go by what was last known."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from pbx_core.domain.facts import Facts
from pbx_core.domain.model import Model
from pbx_core.domain.nodes import Routed, Wish
from pbx_core.domain.records import Disposition
from pbx_core.media import guide
from pbx_core.media.arrivals import ADVICE_S_MAX
from pbx_core.store import presence
from pbx_core.store.engine import open_engine
from pbx_core.store.schema import live_call
from tests.support.stage import Stage
from tests.support.waiting import until


@contextmanager
def locked(stage: Stage) -> Iterator[None]:
    """Another process holds the database for itself: nobody writes."""
    other = open_engine(stage.settings.database_url)
    with other.connect() as connection:
        connection.exec_driver_sql("BEGIN EXCLUSIVE")
        yield
        connection.rollback()
    other.dispose()


@contextmanager
def gone(stage: Stage) -> Iterator[None]:
    """The tables cannot be read."""
    broken = stage.settings.data / "callbench.sqlite"
    stage.db.dispose()
    kept = broken.read_bytes()
    broken.write_bytes(b"not a database at all" * 100)
    for name in ("-wal", "-shm"):
        (broken.parent / f"{broken.name}{name}").unlink(missing_ok=True)
    try:
        yield
    finally:
        stage.db.dispose()
        broken.write_bytes(kept)


@contextmanager
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Asking the dialplan takes until the end of this block."""
    real, free = guide.resolve, threading.Event()

    def resolve(model: Model, facts: Facts, wish: Wish) -> Routed:
        if threading.current_thread() is not threading.main_thread():
            free.wait(20)
        return real(model, facts, wish)

    with monkeypatch.context() as patch:
        patch.setattr(guide, "resolve", resolve)
        try:
            yield
        finally:
            free.set()


def turns(stage: Stage, seconds: float) -> None:
    """Virtual time that does not wait for errands."""
    for _ in range(int(seconds / 0.05)):
        stage.worker.turn()
        stage.clock.advance(0.05)
    stage.worker.turn()


def one_call(stage: Stage) -> None:
    stage.answering["102"] = 0.2
    alice = stage.calls("101", "102")
    stage.run(1.0)
    stage.hangs_up(alice)
    stage.run(0.3)


def test_while_the_database_is_locked_calls_are_set_up_and_recorded(stage: Stage) -> None:
    stage.answering["102"] = 0.2
    with locked(stage):
        alice = stage.calls("101", "102")
        until(lambda: (stage.worker.turn(), stage.engine.all("dial"))[1], every_s=0.001, what="the callee is dialled")
        turns(stage, 3.0)
        stage.hangs_up(alice)
        turns(stage, 0.5)
        (cdr,) = stage.cdrs()
        assert (cdr.disposition, cdr.segments) == (Disposition.ANSWERED, 1)
    stage.run(3.0)
    assert stage.rows(live_call) == []


def test_a_database_that_is_broken_leaves_what_was_last_known(stage: Stage) -> None:
    one_call(stage)
    with gone(stage):
        stage.answering["103"] = 0.2
        alice = stage.calls("101", "103")
        stage.run(2.0)
        stage.hangs_up(alice)
        stage.run(0.3)
        _, second = stage.cdrs()
        assert second.answered_by == "103"


def test_a_tenant_of_whom_nothing_is_known_is_sent_to_the_next_worker(stage: Stage) -> None:
    with gone(stage):
        stage.calls("101", "103")
        stage.run(1.0)
    (refusal,) = stage.engine.all("hangup")
    assert (refusal.status, dict(refusal.headers)) == (503, {})
    assert stage.records() == []


def test_a_dialplan_that_takes_too_long_is_not_waited_for(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    one_call(stage)
    with slow(monkeypatch):
        stage.calls("101", "103")
        turns(stage, ADVICE_S_MAX - 0.1)
        assert stage.dialled("103") == []
        turns(stage, 0.3)
        assert len(stage.dialled("103")) == 1
    stage.run(0.5)
    assert len(stage.dialled("103")) == 1
    assert len(stage.events("opened")) == 2


def test_a_caller_who_gives_up_while_the_dialplan_thinks_has_his_record(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with slow(monkeypatch):
        alice = stage.calls("101", "103")
        turns(stage, 0.2)
        stage.gives_up(alice)
        turns(stage, 0.2)
        assert stage.worker.calls == 1
    stage.run(0.5)
    (cdr,) = stage.cdrs()
    assert cdr.disposition is Disposition.CANCELLED
    assert stage.dialled("103") == []
    assert stage.worker.idle


def test_a_call_that_belongs_to_another_worker_is_handed_back_without_a_trace(stage: Stage) -> None:
    row = presence.CallRow(stage.tenant_id, "c" * 32, "parked", ("102",), "701")
    presence.write(stage.db, stage.clock, "worker-3", [row], [], [])
    eva = stage.calls("105", "701")
    room = presence.RoomRow(stage.tenant_id, "600", 2, 0.0)
    presence.write(stage.db, stage.clock, "worker-4", [], [], [room])
    bob = stage.calls("102", "600")
    stage.run(0.2)
    refused = {a.handle: (a.status, dict(a.headers)) for a in stage.engine.all("hangup")}
    assert refused == {eva: (503, {"X-Worker": "worker-3"}), bob: (503, {"X-Worker": "worker-4"})}
    assert stage.records() == []


def test_rows_of_a_killed_predecessor_are_gone_when_the_worker_starts(stage: Stage) -> None:
    row = presence.CallRow(stage.tenant_id, "c" * 32, "talking", ("102",))
    presence.write(stage.db, stage.clock, "worker-0", [row], [], [])
    presence.write(stage.db, stage.clock, "worker-9", [replace(row, call_id="d" * 32)], [], [])
    stage.worker.close()
    successor = Stage.build(stage.settings, stage.db, stage.tenant_id, again=True)
    assert [r["worker"] for r in stage.rows(live_call)] == ["worker-9"]
    successor.worker.close()
