"""Who goes first among the jobs, and what people do to them."""

from __future__ import annotations

import random

import pytest
import sqlalchemy as sa

from pbx_core.store import jobcontrol, jobs
from pbx_core.store.schema import job, job_turn
from tests.conftest import World

KIND = "transcribe"


def enqueued(world: World, tenant: str, *ids: str, priority: int = jobs.FRESH) -> None:
    for id_ in ids:
        jobs.enqueue(world.db, world.clock, KIND, id_, tenant, {}, priority)


def leased(world: World, owner: str = "transcribe-0/1") -> jobs.Job | None:
    return jobs.lease(world.db, world.clock, KIND, owner, 30)


def order(world: World) -> list[str]:
    """The jobs as they are taken, one after another."""
    return [one.job_id for one in iter(lambda: leased(world), None)]


def view(world: World, job_id: str) -> jobs.JobView:
    found = jobs.look(world.db, world.clock, KIND, job_id)
    assert found
    return found


def test_who_waits_comes_before_todays_calls_and_they_before_imports(world: World) -> None:
    enqueued(world, "t1", "imported", priority=jobs.BACKLOG)
    enqueued(world, "t1", "today")
    enqueued(world, "t1", "looked at")
    assert jobcontrol.hurry(world.db, KIND, "t1", ["looked at"]) == 1
    assert jobcontrol.hurry(world.db, KIND, "t1", ["looked at"]) == 0
    assert order(world) == ["looked at", "today", "imported"]


def test_tenants_take_turns_within_a_priority(world: World) -> None:
    enqueued(world, "big", "b1", "b2", "b3", "b4")
    enqueued(world, "small", "s1", "s2")
    enqueued(world, "late", "l1")
    assert order(world) == ["b1", "s1", "l1", "b2", "s2", "b3", "b4"]


def test_whoever_was_served_longest_ago_is_next(world: World) -> None:
    enqueued(world, "a", "a1", "a2", "a3")
    assert leased(world)
    enqueued(world, "b", "b1", "b2")
    assert order(world) == ["b1", "a2", "b2", "a3"]


@pytest.mark.parametrize("priority", [jobs.FRESH, jobs.BACKLOG])
def test_ten_thousand_jobs_of_one_tenant_delay_another_by_one(world: World, priority: int) -> None:
    rows = [
        {
            "kind": KIND,
            "job_id": f"{n:05d}",
            "tenant_id": "big",
            "payload": "{}",
            "state": "ready",
            "priority": priority,
        }
        for n in range(10_000)
    ]
    with world.db.begin() as connection:
        connection.execute(sa.insert(job), [{**row, "created_at": 0.0} for row in rows])
    assert leased(world)
    enqueued(world, "small", "fresh")
    assert view(world, "fresh").position == 1
    taken = jobs.lease_some(world.db, world.clock, KIND, "transcribe-1/1", 30, lambda held, _: len(held) < 4)
    assert taken[0].job_id == "fresh"
    assert {one.tenant_id for one in taken[1:]} == {"big"}


@pytest.mark.parametrize("seed", range(5))
def test_the_position_told_is_the_place_in_which_it_is_taken(world: World, seed: int) -> None:
    rng = random.Random(seed)
    names = [f"{n}" for n in range(20)]
    for name in names:
        enqueued(world, rng.choice("aaabc"), name)
        if rng.random() < 0.2:
            leased(world)
    waiting = [name for name in names if view(world, name).state == "ready"]
    told = sorted(waiting, key=lambda name: view(world, name).position or 0)
    assert [view(world, name).position for name in told] == list(range(1, len(told) + 1))
    assert order(world) == told


def test_several_are_taken_at_once_but_others_are_left_their_share(world: World) -> None:
    enqueued(world, "a", *"abcdefg")

    def some(owner: str, sharers: int) -> list[str]:
        taken = jobs.lease_some(world.db, world.clock, KIND, owner, 30, lambda held, _: len(held) < 3, sharers)
        return [one.job_id for one in taken]

    assert some("transcribe-0/1", 1) == ["a", "b", "c"]
    assert some("transcribe-1/1", 2) == ["d", "e"]
    assert some("transcribe-2/1", 2) == ["f"]
    assert some("transcribe-3/1", 2) == ["g"]
    assert some("transcribe-3/1", 2) == []


def test_a_pause_of_a_tenant_holds_his_jobs_alone(world: World) -> None:
    enqueued(world, "a", "a1")
    enqueued(world, "b", "b1", "b2")
    jobcontrol.pause(world.db, world.clock, KIND, "a")
    assert (view(world, "a1").paused, view(world, "a1").position, view(world, "b2").position) == (True, None, 2)
    assert set(jobcontrol.paused(world.db, KIND)) == {"a"}
    assert order(world) == ["b1", "b2"]
    assert jobcontrol.resume(world.db, KIND, "a") and not jobcontrol.resume(world.db, KIND, "a")
    assert order(world) == ["a1"]


def test_a_pause_of_all_begins_nothing_and_lets_run_what_runs(world: World) -> None:
    enqueued(world, "a", "a1", "a2")
    running = leased(world)
    jobcontrol.pause(world.db, world.clock, KIND)
    assert running and leased(world) is None and view(world, "a2").paused
    assert jobs.renew(world.db, world.clock, running, "transcribe-0/1", 30)
    jobs.finish(world.db, world.clock, running)
    assert view(world, "a1").state == "done"
    jobcontrol.resume(world.db, KIND)
    assert order(world) == ["a2"]


def test_a_cancelled_job_is_lost_to_who_works_on_it_and_comes_back_as_new(world: World) -> None:
    enqueued(world, "a", "running", "waiting", "kept")
    enqueued(world, "b", "anothers")
    running = leased(world)
    assert running and running.job_id == "running"
    names = ["running", "waiting", "anothers"]
    assert jobcontrol.cancel(world.db, world.clock, KIND, "a", names, "by hand") == 2
    assert not jobs.renew(world.db, world.clock, running, "transcribe-0/1", 30)
    jobs.retry_later(world.db, world.clock, running, "too late")
    jobs.finish(world.db, world.clock, running)
    assert (view(world, "running").state, view(world, "running").reason) == ("cancelled", "by hand")
    enqueued(world, "a", "waiting")
    assert order(world) == ["anothers", "kept"]
    assert jobcontrol.retry(world.db, KIND, "b", None) == 0
    assert jobcontrol.retry(world.db, KIND, "a", None) == 2
    again = leased(world)
    assert again and (again.job_id, again.tries) == ("running", 1)


def test_a_job_that_was_put_aside_is_tried_again_by_command(world: World) -> None:
    enqueued(world, "a", "poison")
    taken = leased(world)
    assert taken
    jobs.finish(world.db, world.clock, taken, "cannot be read")
    assert leased(world) is None
    assert jobcontrol.retry(world.db, KIND, None, ["poison"]) == 1
    assert (view(world, "poison").state, view(world, "poison").reason, view(world, "poison").tries) == (
        "ready",
        None,
        0,
    )


def test_the_list_shows_one_tenants_jobs_in_the_states_asked_for(world: World) -> None:
    enqueued(world, "a", "a1", "a2")
    enqueued(world, "b", "b1")
    leased(world)
    assert {one.job_id for one in jobcontrol.listed(world.db, KIND)} == {"a1", "a2", "b1"}
    assert [one.job_id for one in jobcontrol.listed(world.db, KIND, "a", ("leased",))] == ["a1"]
    assert len(jobcontrol.listed(world.db, KIND, limit=2)) == 2


def test_a_call_is_kept_from_being_read_by_its_own_tenant_alone(world: World) -> None:
    acme, birch = world.acme.tenant_id, world.birch.tenant_id
    for _ in range(2):
        jobcontrol.forbid(world.db, world.clock, acme, "call", "somebody")
    assert jobcontrol.forbidden(world.db, acme, "call")
    assert not jobcontrol.forbidden(world.db, birch, "call") and not jobcontrol.allow(world.db, birch, "call")
    assert jobcontrol.allow(world.db, acme, "call") and not jobcontrol.forbidden(world.db, acme, "call")


def test_turns_are_counted_for_each_kind_of_job(world: World) -> None:
    enqueued(world, "a", "a1")
    leased(world)
    assert jobs.lease(world.db, world.clock, "another", "x", 30) is None
    with world.db.connect() as connection:
        assert connection.execute(sa.select(job_turn.c.kind, job_turn.c.tenant_id)).all() == [(KIND, "a")]
