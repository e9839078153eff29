"""Forking: what happens on the branches and what goes back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pbx_core.sip.fork import Answer, Cancel, EndCall, Fork, Relay


def fork(branches: int, **options: bool) -> Fork:
    made = Fork(**options)
    for n in range(branches):
        made.add(n)
    return made


def test_ringing_goes_up_and_trying_does_not() -> None:
    assert fork(1).provisional(0, 180) == [Relay(0)]
    assert fork(1).provisional(0, 100) == []


def test_the_first_answer_wins_and_the_others_are_told_why() -> None:
    both = fork(3)
    assert both.success(1) == [Relay(1), Cancel(0, elsewhere=True), Cancel(2, elsewhere=True)]
    assert both.provisional(0, 180) == []
    assert both.failure(0, 487) == []


def test_a_late_answer_is_hung_up_once_and_acknowledged_every_time() -> None:
    both = fork(2)
    both.success(0)
    assert both.success(1) == [EndCall(1)]
    assert both.success(1) == [EndCall(1, again=True)]


def test_the_winners_repetition_passes() -> None:
    one = fork(1)
    assert one.success(0) == one.success(0) == [Relay(0)]


def test_the_best_failure_is_answered_when_the_last_branch_ends() -> None:
    three = fork(3)
    assert three.failure(0, 408) == []
    assert three.failure(1, 486) == []
    assert three.failure(2, 480) == [Answer(486, 1)]


def test_a_global_failure_ends_all_at_once() -> None:
    assert fork(2).failure(0, 603) == [Answer(603, 0), Cancel(1)]


def test_a_caller_who_gives_up_is_answered_at_once() -> None:
    two = fork(2)
    assert two.cancel() == [Answer(487), Cancel(0), Cancel(1)]
    assert two.cancel() == []
    assert two.success(0) == [EndCall(0)]


def test_a_hunt_is_not_settled_by_running_out_of_branches() -> None:
    hunt = fork(1, more_may_come=True)
    hunt.refused(0)
    hunt.add(1)
    assert hunt.success(1) == [Relay(1)]


def test_a_hunt_that_found_nobody_says_so() -> None:
    hunt = fork(1, more_may_come=True)
    hunt.refused(0)
    assert hunt.settle(503) == [Answer(503)]


def test_a_dropped_branch_cannot_come_back() -> None:
    hunt = fork(1, more_may_come=True)
    assert hunt.dropped(0) == [Cancel(0)]
    assert hunt.success(0) == [EndCall(0)]


def test_branches_that_open_late_are_waited_for() -> None:
    slow = Fork(more_may_come=True)
    slow.add(0)
    assert slow.failure(0, 486) == []
    assert slow.complete() == [Answer(486, 0)]


@given(st.lists(st.tuples(st.sampled_from("psfc"), st.integers(0, 3), st.sampled_from([180, 404, 486, 503, 603]))))
def test_whatever_happens_there_is_one_final_answer_at_most(events: list[tuple[str, int, int]]) -> None:
    machine = fork(4)
    finals = 0
    winners = set()
    for kind, branch, status in events:
        if kind == "p":
            actions = machine.provisional(branch, 180)
        elif kind == "s":
            actions = machine.success(branch)
            winners |= {a.branch for a in actions if isinstance(a, Relay)}
        elif kind == "f":
            actions = machine.failure(branch, status)
        else:
            actions = machine.cancel()
        finals += sum(isinstance(a, Answer) for a in actions)
    assert finals + len(winners) <= 1
