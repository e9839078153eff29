"""Jobs with leases: each is done once, also when who does it dies."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from pbx_core.clock import SystemClock
from pbx_core.store import engine, jobs
from pbx_core.store.schema import job
from tests.conftest import World


class Hands(SystemClock):
    """A clock whose hands a test moves."""

    ahead_s = [0.0]  # noqa: RUF012  one list per test, set by the fixture

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.ahead_s[0])

    def ahead(self, seconds: float) -> None:
        self.ahead_s[0] += seconds


@pytest.fixture
def clock() -> Hands:
    Hands.ahead_s = [0.0]
    return Hands()


def _enqueue(world: World, clock: Hands, *ids: str) -> None:
    for id_ in ids:
        jobs.enqueue(world.db, clock, "transcribe", id_, world.acme.tenant_id, {"path": f"{id_}.webm"})
        clock.ahead(0.001)


def _lease(world: World, clock: Hands, owner: str = "alice") -> jobs.Job | None:
    return jobs.lease(world.db, clock, "transcribe", owner, 30)


def _row(world: World, id_: str) -> sa.Row[tuple[object, ...]]:
    with world.db.connect() as connection:
        return connection.execute(sa.select(job).where(job.c.job_id == id_)).one()


def test_jobs_come_oldest_first_with_what_they_carry(world: World, clock: Hands) -> None:
    _enqueue(world, clock, "b", "a")
    first, second = _lease(world, clock), _lease(world, clock)
    assert first == jobs.Job("transcribe", "b", world.acme.tenant_id, {"path": "b.webm"}, 1)
    assert second and second.job_id == "a"
    assert _lease(world, clock) is None


def test_the_same_job_twice_is_one_job_also_after_it_was_done(world: World, clock: Hands) -> None:
    _enqueue(world, clock, "a", "a")
    taken = _lease(world, clock)
    assert taken
    jobs.finish(world.db, clock, taken)
    _enqueue(world, clock, "a")
    assert _lease(world, clock) is None
    assert jobs.counts(world.db, "transcribe") == {"done": 1}


def test_another_kind_is_not_leased(world: World, clock: Hands) -> None:
    _enqueue(world, clock, "a")
    assert jobs.lease(world.db, clock, "something else", "alice", 30) is None


def test_two_leasers_at_once_get_different_jobs(world: World, clock: Hands) -> None:
    ids = [f"{n:02d}" for n in range(24)]
    _enqueue(world, clock, *ids)
    got: list[str] = []
    start = threading.Barrier(4)

    def work(owner: str) -> None:
        own = engine.connect(world.settings)
        start.wait()
        while taken := jobs.lease(own, clock, "transcribe", owner, 30):
            got.append(taken.job_id)
        own.dispose()

    threads = [threading.Thread(target=work, args=(f"worker {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == ids


def test_a_lease_that_ran_out_is_taken_over_and_its_old_owner_learns_it(world: World, clock: Hands) -> None:
    _enqueue(world, clock, "a")
    alices = _lease(world, clock, "alice")
    assert alices
    clock.ahead(29)
    assert _lease(world, clock, "bob") is None
    clock.ahead(2)
    bobs = _lease(world, clock, "bob")
    assert bobs and bobs.tries == 2
    assert not jobs.renew(world.db, clock, alices, "alice", 30)
    assert jobs.renew(world.db, clock, bobs, "bob", 30)


def test_a_renewed_lease_holds(world: World, clock: Hands) -> None:
    _enqueue(world, clock, "a")
    taken = _lease(world, clock, "alice")
    assert taken
    clock.ahead(20)
    assert jobs.renew(world.db, clock, taken, "alice", 30)
    clock.ahead(20)
    assert _lease(world, clock, "bob") is None


def test_a_retry_waits_longer_each_time_and_then_is_put_aside_with_its_reason(world: World, clock: Hands) -> None:
    _enqueue(world, clock, "a")
    for tries, wait_s in ((1, 5), (2, 20), (3, 80), (4, 320)):
        taken = _lease(world, clock)
        assert taken and taken.tries == tries
        jobs.retry_later(world.db, clock, taken, "the disk was full")
        clock.ahead(wait_s - 1)
        assert _lease(world, clock) is None, f"try {tries} came too early"
        clock.ahead(2)
    assert jobs.TRIES_MAX == 4
    assert _lease(world, clock) is None
    row = _row(world, "a")
    assert (row.state, row.reason) == ("failed", "the disk was full")
    assert row.finished_at is not None


def test_a_job_that_kills_whoever_takes_it_is_put_aside(world: World, clock: Hands) -> None:
    _enqueue(world, clock, "poison", "good")
    seen = []
    for _ in range(jobs.TRIES_MAX):
        taken = _lease(world, clock)
        assert taken and taken.job_id == "poison"  # and its owner dies
        seen.append(taken.tries)
        clock.ahead(31)
    assert seen == [1, 2, 3, 4]
    after = _lease(world, clock)
    assert after and after.job_id == "good"
    assert (_row(world, "poison").state, _row(world, "poison").reason) == ("failed", "interrupted too often")


def test_failing_for_good_keeps_the_reason(world: World, clock: Hands) -> None:
    _enqueue(world, clock, "a")
    taken = _lease(world, clock)
    assert taken
    jobs.finish(world.db, clock, taken, reason="no such file")
    assert (_row(world, "a").state, _row(world, "a").reason) == ("failed", "no such file")
    assert _lease(world, clock) is None
