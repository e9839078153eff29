"""What the supervisor decides, without processes."""

from __future__ import annotations

import psutil
import pytest

from pbx_core.store.services import Service
from pbx_core.supervisor import plan

NOW = 1_000.0
ME = psutil.Process().pid


def board(*workers: tuple[int, int]) -> list[Service]:
    """Workers as (capacity, calls)."""
    return [
        Service(f"worker-{n}", ME, NOW - 60, NOW, {"capacity_calls": capacity, "calls": calls})
        for n, (capacity, calls) in enumerate(workers)
    ]


def wanted(running: int, rows: list[Service], spare: int = 4, most: int = 24, cores: int = 4) -> int:
    return plan.workers_wanted(running, rows, NOW, spare=spare, least=1, most=most, cores=cores)


def test_an_empty_system_starts_workers_for_the_spare_calls() -> None:
    assert wanted(0, []) == 2


def test_until_the_first_worker_has_spoken_there_are_no_more_than_cores() -> None:
    assert wanted(0, [], spare=100) == 4
    assert wanted(4, board((256, 0)), spare=100) == 4
    assert wanted(4, board((2, 0)), spare=100, most=99) == 50


def test_workers_that_are_starting_count() -> None:
    assert wanted(2, []) == 2


def test_calls_use_up_the_spare_and_more_workers_start() -> None:
    assert wanted(2, board((2, 2), (2, 1))) == 4


@pytest.mark.parametrize(("cores", "most", "workers"), [(1, 24, 1), (4, 24, 4), (64, 24, 24)])
def test_a_strong_engine_gets_one_worker_per_core(cores: int, most: int, workers: int) -> None:
    assert wanted(1, board((256, 0)), cores=cores, most=most) == workers


def test_strong_workers_that_are_full_get_company() -> None:
    assert wanted(2, board((256, 250), (256, 250)), cores=2) == 3


def test_a_worker_without_processor_time_gets_no_company_that_takes_more_of_it() -> None:
    rows = board((2, 2), (2, 2))
    assert wanted(2, rows) == 4
    rows[0].detail["overloaded"] = True
    assert wanted(2, rows) == 2


def test_many_calls_on_small_workers_keep_room_for_transfers() -> None:
    assert wanted(20, board(*[(2, 2)] * 20)) == 24
    assert wanted(20, board(*[(2, 2)] * 20), most=100) == 40
    assert wanted(40, board(*[(2, 1)] * 40), most=100) == 40


def test_many_calls_on_strong_workers_keep_a_quarter_in_reserve() -> None:
    assert wanted(2, board((100, 90), (100, 90)), cores=2) == 3
    assert wanted(2, board((100, 60), (100, 60)), cores=2) == 2


def test_idle_workers_are_kept() -> None:
    assert wanted(9, board(*[(2, 0)] * 9)) == 9


def test_a_worker_whose_heart_stopped_gives_no_room() -> None:
    stale = [Service("worker-0", ME, 0, NOW - 60, {"capacity_calls": 2, "calls": 0})]
    assert wanted(1, stale) >= 2


@pytest.mark.parametrize(
    ("lifetimes", "delay"),
    [([], 0), ([100], 0), ([1], 0.5), ([1, 1], 1), ([1] * 8, 4), ([1, 1, 100], 0), ([100, 1], 0.5)],
)
def test_quick_deaths_slow_the_restart_but_never_beyond_ten_seconds(lifetimes: list[float], delay: float) -> None:
    assert plan.restart_delay_s(lifetimes) == delay
    assert delay < 10


def test_a_disk_that_runs_full_is_told_with_what_goes_on_and_what_to_do() -> None:
    said = plan.disk_sentence(0.083, 0.05, low=True)
    assert "8.3% free" in said
    assert "below 5% no new recording" in said
    assert "space again" in plan.disk_sentence(0.5, 0.05, low=False)


def test_reports_are_sent_only_where_there_is_a_mail_server() -> None:
    names = [[spec.name for spec in plan.fixed_processes(1, reports=reports)] for reports in (False, True)]
    assert set(names[1]) - set(names[0]) == {"report"} and len(names[1]) == len(names[0]) + 1
