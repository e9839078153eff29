"""Queues in the database: many workers at once, agents never twice, nothing stuck whoever dies."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from pbx_core.clock import SystemClock
from pbx_core.domain.model import Model, QueueMember, QueueModel, QueueStrategy
from pbx_core.domain.records import QueueEvent
from pbx_core.errors import InputError
from pbx_core.settings import load
from pbx_core.store import agents, engine, services, usersettings
from pbx_core.store.acd import LOST_S, Acd, Joined, Offer, Refused
from pbx_core.store.schema import agent, binding, live_call, queue_call, service
from tests.conftest import World

NUMBERS = ("101", "102", "103")


class Hands(SystemClock):
    """A clock whose hands a test moves."""

    def __init__(self) -> None:
        object.__setattr__(self, "at", [datetime(2026, 1, 5, 9, tzinfo=UTC)])

    def now(self) -> datetime:
        return self.at[0]  # type: ignore[attr-defined,no-any-return]

    def ahead(self, seconds: float) -> None:
        self.at[0] += timedelta(seconds=seconds)  # type: ignore[attr-defined]


class Desk:
    """A world with a queue of three agents, all with phones, and what was told."""

    def __init__(self, world: World, **queue: object) -> None:
        self.world = world
        self.clock = Hands()
        self.told: list[QueueEvent] = []
        values = {"members": tuple(QueueMember(n) for n in NUMBERS), **queue}
        self.model = Model(queues=(QueueModel(id="sales", name="Sales", **values),))  # type: ignore[arg-type]
        self.acd = Acd(world.db, self.clock, lambda _: self.model, self.told.append)
        self.tenant_id = world.acme.tenant_id
        register(world, *NUMBERS)

    def log_in(self, *numbers: str) -> None:
        for number in numbers:
            self.clock.ahead(0.5)
            agents.log_in(self.world.db, self.clock, self.told.append, self.tenant_id, self.model, "sales", number)

    def join(self, entry_id: str, worker: str = "worker-0") -> Joined | Refused:
        self.clock.ahead(0.1)
        return self.acd.join(self.tenant_id, "sales", entry_id, f"+4930{entry_id[-6:]}", worker)

    def offer(self, entry_id: str, worker: str = "worker-0") -> Offer | None:
        standings = {s.entry_id: s for s in self.acd.poll(worker)}
        return standings[entry_id].offer if entry_id in standings else None

    def ended(self, entry_id: str, offer: Offer, answered_by: str = "", **results: str) -> None:
        said = [(n.removeprefix("n"), r) for n, r in results.items()]
        self.acd.offer_ended(self.tenant_id, entry_id, offer.offer_id, answered_by, said)

    def row(self, number: str) -> sa.Row[tuple[object, ...]]:
        with self.world.db.connect() as connection:
            return connection.execute(sa.select(agent).where(agent.c.number == number)).one()


def register(world: World, *numbers: str) -> None:
    rows = [
        {
            "tenant_id": world.acme.tenant_id, "number": n, "contact": f"sip:{n}@192.0.2.1", "call_id": "x", "cseq": 1,
            "source": "udp:192.0.2.1:5060", "registered_at": 0.0, "expires_at": 4e9,
        }
        for n in numbers
    ]  # fmt: skip
    with world.db.begin() as connection:
        connection.execute(sa.insert(binding), rows)


@pytest.fixture
def desk(world: World) -> Desk:
    made = Desk(world)
    made.log_in(*NUMBERS)
    return made


def test_a_caller_joins_is_offered_the_longest_idle_agent_talks_and_the_agent_wraps_up(desk: Desk) -> None:
    assert desk.join("call-1") == Joined(1, None)
    (standing,) = desk.acd.poll("worker-0")
    offer = standing.offer
    assert offer and [t.number for t in offer.agents] == ["101"]
    assert desk.offer("call-1") is None  # while it rings nothing more comes
    desk.ended("call-1", offer, "101", n101="answered")
    assert desk.acd.poll("worker-0") == []
    desk.clock.ahead(60)
    desk.acd.talk_ended(desk.tenant_id, "call-1", "101", 60.0)
    desk.acd.talk_ended(desk.tenant_id, "call-1", "101", 60.0)
    row = desk.row("101")
    assert (row.entry_id, row.calls, row.talk_s) == (None, 1, 60.0)
    assert [(e.type, e.agent, e.reason, e.call_id) for e in desk.told[3:]] == [("wrap_up", "101", "10", "call-1")]


def test_two_callers_of_two_workers_get_two_agents_in_their_order(desk: Desk) -> None:
    desk.join("call-1", "worker-1")
    assert desk.join("call-2") == Joined(2, None)
    second, first = desk.offer("call-2"), desk.offer("call-1", "worker-1")
    assert first and second
    assert [t.number for t in first.agents + second.agents] == ["101", "102"]


def test_the_agent_whose_turn_it_is_for_another_workers_caller_is_left_to_that_worker(desk: Desk) -> None:
    for number in ("102", "103"):
        agents.log_out(desk.world.db, desk.clock, desk.told.append, desk.tenant_id, desk.model, "sales", number)
    desk.join("call-1", "worker-1")
    desk.join("call-2")
    assert desk.offer("call-2") is None
    assert desk.offer("call-1", "worker-1")


def test_an_agent_in_any_other_call_or_without_a_phone_is_passed_over(desk: Desk) -> None:
    live = {
        "tenant_id": desk.tenant_id, "call_id": "other", "worker": "worker-3", "state": "talking",
        "extensions": json.dumps(["101", "7"]), "detail": "{}", "changed_at": 0.0,
    }  # fmt: skip
    with desk.world.db.begin() as connection:
        connection.execute(sa.insert(live_call).values(live))
        connection.execute(sa.update(binding).where(binding.c.number == "102").values(expires_at=0.0))
    desk.join("call-1")
    offer = desk.offer("call-1")
    assert offer and [t.number for t in offer.agents] == ["103"]


def test_who_serves_two_queues_is_offered_one_call_at_a_time_and_dnd_counts_in_all(world: World) -> None:
    desk = Desk(world, members=(QueueMember("101"),))
    second = QueueModel("support", "Support", (QueueMember("101"),), wrap_up_s=60.0)
    desk.model = replace(desk.model, queues=(*desk.model.queues, second))
    for queue in ("sales", "support"):
        agents.log_in(world.db, desk.clock, desk.told.append, desk.tenant_id, desk.model, queue, "101")
        desk.acd.join(desk.tenant_id, queue, f"call-{queue}", "+4930", f"worker-{queue}")
    offer = desk.offer("call-support", "worker-support")
    assert offer
    assert desk.offer("call-sales", "worker-sales") is None
    desk.ended("call-support", offer, "101", n101="answered")
    assert desk.offer("call-sales", "worker-sales") is None
    desk.acd.talk_ended(desk.tenant_id, "call-support", "101", 9.0)
    desk.clock.ahead(59)
    assert desk.offer("call-sales", "worker-sales") is None  # the other queue's wrap-up
    desk.clock.ahead(2)
    usersettings.change_user(world.db, desk.clock, desk.tenant_id, "101", {"dnd": True}, "phone")
    assert desk.offer("call-sales", "worker-sales") is None
    usersettings.change_user(world.db, desk.clock, desk.tenant_id, "101", {"dnd": False}, "phone")
    assert desk.offer("call-sales", "worker-sales")


def test_a_worker_that_looked_at_the_clock_before_another_claimed_does_not_claim_the_same_agent(world: World) -> None:
    desk = Desk(world)
    desk.log_in("101")
    desk.join("call-1")
    desk.join("call-2", "worker-1")
    assert desk.offer("call-1")
    desk.clock.ahead(-2)
    assert desk.offer("call-2", "worker-1") is None


def test_who_lets_three_offers_ring_out_is_paused_and_one_answer_in_between_counts_anew(world: World) -> None:
    desk = Desk(world)
    desk.log_in("101")
    desk.join("call-1")
    for n, result in enumerate(("no_answer", "no_answer", "answered", "no_answer", "busy", "no_answer", "no_answer")):
        offer = desk.offer(f"call-{1 + (n > 2)}")
        assert offer, n
        desk.ended(f"call-{1 + (n > 2)}", offer, "101" if result == "answered" else "", n101=result)
        if result == "answered":
            desk.acd.talk_ended(desk.tenant_id, "call-1", "101", 5.0)
            desk.join("call-2")
        desk.clock.ahead(12)
    assert desk.offer("call-2") is None
    assert desk.row("101").pause_reason == "no answer"
    assert [(e.type, e.reason) for e in desk.told if e.type == "pause"] == [("pause", "no answer")]
    agents.unpause(world.db, desk.clock, desk.told.append, desk.tenant_id, desk.model, "sales", "101")
    assert desk.offer("call-2")


def test_all_ring_one_answers_and_the_others_are_free_at_once(world: World) -> None:
    desk = Desk(world, strategy=QueueStrategy.RING_ALL)
    desk.log_in(*NUMBERS)
    desk.join("call-1")
    desk.join("call-2")
    offer = desk.offer("call-1")
    assert offer and [t.number for t in offer.agents] == list(NUMBERS)
    assert desk.offer("call-2") is None
    desk.ended("call-1", offer, "102", n101="cancelled", n102="answered", n103="cancelled")
    offer = desk.offer("call-2")
    assert offer and [t.number for t in offer.agents] == ["101", "103"]


def test_an_offer_whose_end_nobody_reports_runs_out_also_when_the_clock_is_set_back(desk: Desk) -> None:
    desk.join("call-1")
    assert desk.offer("call-1")
    desk.clock.ahead(29)
    assert desk.offer("call-1") is None
    desk.clock.ahead(2)
    assert desk.offer("call-1")
    desk.join("call-2")
    for _ in range(2):
        desk.clock.ahead(0.1)
        desk.offer("call-2")
    desk.clock.ahead(-3600)
    desk.acd.leave(desk.tenant_id, "call-1", "abandoned")
    desk.join("call-3")
    assert desk.offer("call-3")


def test_a_caller_who_leaves_frees_his_agent_and_an_answer_that_comes_too_late_binds_nobody(desk: Desk) -> None:
    desk.join("call-1")
    offer = desk.offer("call-1")
    assert offer
    desk.acd.leave(desk.tenant_id, "call-1", "abandoned")
    desk.ended("call-1", offer, "101", n101="answered")
    assert (desk.row("101").offer_id, desk.row("101").entry_id) == (None, None)
    desk.join("call-2")
    assert desk.offer("call-2")


def test_a_full_queue_and_an_empty_one_refuse(world: World) -> None:
    desk = Desk(world, length_max=1, on_empty="voicemail:101")
    assert desk.join("call-1") == Refused("empty")
    desk.log_in("101")
    assert desk.join("call-1") == Joined(1, None)
    assert desk.join("call-1") == Joined(1, None)  # the same again
    assert desk.join("call-2") == Refused("full")
    agents.log_out(world.db, desk.clock, desk.told.append, desk.tenant_id, desk.model, "", "101")
    assert [s.empty for s in desk.acd.poll("worker-0")] == [True]


def test_the_estimate_follows_its_formula(desk: Desk) -> None:
    for n in range(3):
        desk.join(f"call-{n}")
        offer = desk.offer(f"call-{n}")
        assert offer
        number = offer.agents[0].number
        desk.ended(f"call-{n}", offer, number, **{f"n{number}": "answered"})
        desk.acd.talk_ended(desk.tenant_id, f"call-{n}", number, 50.0)
    # three agents wrap up; (50 + 10) s of handling ÷ 3 agents = 20 s a place
    assert desk.join("a") == Joined(1, 20.0)
    assert desk.join("b") == Joined(2, 40.0)


def test_a_dead_workers_callers_are_forgotten_and_its_agents_free(desk: Desk) -> None:
    for n, worker in enumerate(("worker-0", "worker-0", "worker-1")):
        desk.join(f"call-{n}", worker)
    ringing, talking = desk.offer("call-1"), None
    for standing in desk.acd.poll("worker-0"):
        talking = standing.offer or talking
    assert ringing
    offers = {r.entry_id: r for r in _rows(desk)}
    assert offers["call-0"].offer_id
    desk.acd.offer_ended(desk.tenant_id, "call-0", offers["call-0"].offer_id, "101", [("101", "answered")])
    assert desk.acd.forget_worker("worker-0") == 2
    assert [r.entry_id for r in _rows(desk)] == ["call-2"]
    assert [(desk.row(n).offer_id, desk.row(n).entry_id) for n in NUMBERS] == [(None, None)] * 3


def test_tidy_removes_the_callers_of_workers_that_do_not_live_and_lost_ones(desk: Desk) -> None:
    services.beat(desk.world.db, desk.clock, "worker-0", 0.0, {})
    services.beat(desk.world.db, desk.clock, "worker-1", 0.0, {})
    with desk.world.db.begin() as connection:
        connection.execute(sa.update(service).where(service.c.name == "worker-1").values(pid=2**22 + 5))
    for n in range(3):
        desk.join(f"call-{n}", f"worker-{n}")
    assert desk.acd.tidy() == 2  # of the dead worker and of one that is not on the board
    assert [r.entry_id for r in _rows(desk)] == ["call-0"]
    desk.clock.ahead(LOST_S + 1)
    assert desk.acd.tidy() == 1  # no live call of this id: its worker lost it


def _rows(desk: Desk) -> list[sa.Row[tuple[object, ...]]]:
    with desk.world.db.connect() as connection:
        return list(connection.execute(sa.select(queue_call).order_by(queue_call.c.joined_at)))


def test_who_wants_to_be_called_back_keeps_his_place_unless_he_hides_his_number(desk: Desk) -> None:
    desk.join("call-1")
    desk.join("call-2")
    desk.acd.leave(desk.tenant_id, "call-1", "callback")
    (row, _) = _rows(desk)
    assert (row.entry_id, row.state, row.worker, row.from_call) == ("call-1", "callback", "", "call-1")
    assert [s.position for s in desk.acd.poll("worker-0")] == [2]
    desk.acd.join(desk.tenant_id, "sales", "call-3", "anonymous", "worker-0")
    desk.acd.leave(desk.tenant_id, "call-3", "callback")
    assert [r.entry_id for r in _rows(desk)] == ["call-1", "call-2"]


def test_log_in_pause_and_their_refusals(world: World) -> None:
    desk = Desk(world, members=(QueueMember("101"), QueueMember("102", always=True)))
    common = (world.db, desk.clock, desk.told.append, desk.tenant_id, desk.model)
    assert agents.log_in(*common, "", "101") == ("sales",)
    assert agents.log_in(*common, "sales", "101") == ()
    assert agents.logged_in(world.db, desk.tenant_id, desk.model) == {"sales": frozenset({"101", "102"})}
    assert agents.pause(*common, "sales", "101", " lunch\tbreak ") == ("sales",)
    assert agents.unpause(*common, "sales", "101") == ("sales",)
    assert agents.unpause(*common, "sales", "101") == ()
    assert agents.log_out(*common, "", "101") == ("sales",)
    for refused, said in (
        (lambda: agents.log_in(*common, "support", "101"), "no queue 'support'"),
        (lambda: agents.log_in(*common, "sales", "103"), "not an agent"),
        (lambda: agents.log_out(*common, "sales", "102"), "always logged in"),
        (lambda: agents.pause(*common, "sales", "101", "x" * 65), "at most 64"),
    ):
        with pytest.raises(InputError, match=said):
            refused()
    assert [(e.type, e.reason) for e in desk.told] == [
        ("login", ""), ("pause", "lunch break"), ("unpause", ""), ("logout", ""),
    ]  # fmt: skip


def test_another_tenants_agents_and_callers_of_the_same_names_are_other_ones(desk: Desk) -> None:
    desk.acd.join(desk.world.birch.tenant_id, "sales", "call-1", "+49301", "worker-0")
    assert [(s.tenant_id == desk.world.birch.tenant_id, s.offer) for s in desk.acd.poll("worker-0")] == [(True, None)]
    desk.join("call-1")
    desk.acd.leave(desk.tenant_id, "call-1", "abandoned")
    assert len(desk.acd.poll("worker-0")) == 1


def test_eight_workers_at_once_never_offer_an_agent_twice_and_serve_everyone(world: World) -> None:
    """Real threads, real file, real clock: 8 workers with 5 callers each, three agents."""
    desk = Desk(world, wrap_up_s=0.0)
    desk.log_in(*NUMBERS)
    held: Counter[str] = Counter()
    guard, faults, served = threading.Lock(), [], []

    def work(slot: int) -> None:
        db = engine.connect(world.settings)
        acd = Acd(db, SystemClock(), lambda _: desk.model, lambda _: None)
        waiting = {f"call-{slot}-{n}" for n in range(5)}
        for entry_id in sorted(waiting):
            acd.join(desk.tenant_id, "sales", entry_id, "+4930", f"worker-{slot}")
        while waiting:
            for standing in acd.poll(f"worker-{slot}"):
                if standing.offer is None:
                    continue
                number = standing.offer.agents[0].number
                with guard:
                    held[number] += 1
                    if held[number] > 1:
                        faults.append(number)
                acd.offer_ended(
                    desk.tenant_id, standing.entry_id, standing.offer.offer_id, number, [(number, "answered")]
                )
                with guard:
                    held[number] -= 1
                    served.append(standing.entry_id)
                acd.talk_ended(desk.tenant_id, standing.entry_id, number, 0.0)
                waiting.remove(standing.entry_id)
        db.dispose()

    threads = [threading.Thread(target=work, args=(slot,)) for slot in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert faults == []
    assert len(set(served)) == len(served) == 40
    assert _rows(desk) == []


def _play_forever(data: str, tenant_id: str, started: object) -> None:
    db = engine.connect(load(data))
    queue = QueueModel("sales", "", tuple(QueueMember(n) for n in NUMBERS), wrap_up_s=0.0)
    acd = Acd(db, SystemClock(), lambda _: Model(queues=(queue,)), lambda _: None)
    services.beat(db, SystemClock(), "worker-7", 0.0, {})
    for n in range(10**9):
        acd.join(tenant_id, "sales", f"call-{os.getpid()}-{n}", "+4930", "worker-7")
        for standing in acd.poll("worker-7"):
            started.set()  # type: ignore[attr-defined]
            if standing.offer and n % 3:
                number = standing.offer.agents[0].number
                acd.offer_ended(tenant_id, standing.entry_id, standing.offer.offer_id, number, [(number, "answered")])
                if n % 3 == 1:
                    acd.talk_ended(tenant_id, standing.entry_id, number, 1.0)


@pytest.fixture
def spawn() -> Iterator[multiprocessing.context.SpawnContext]:
    yield multiprocessing.get_context("spawn")


def test_kill_9_in_the_middle_leaves_no_agent_stuck(world: World, spawn: multiprocessing.context.SpawnContext) -> None:
    desk = Desk(world)
    desk.clock.ahead(SystemClock().now().timestamp() - desk.clock.now().timestamp())
    desk.log_in(*NUMBERS)
    for _ in range(3):
        started = spawn.Event()
        process = spawn.Process(target=_play_forever, args=(str(world.settings.data), desk.tenant_id, started))
        process.start()
        assert started.wait(60)
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        assert desk.acd.tidy() > 0
        assert _rows(desk) == []
        assert [(desk.row(n).offer_id, desk.row(n).entry_id) for n in NUMBERS] == [(None, None)] * 3
