"""When a trunk is not tried any more, when again, and how many calls a second it gets."""

from __future__ import annotations

from pbx_core.sip.circuit import FAILURES_MAX, PROBE_S, Circuit, State
from pbx_core.sip.rate import Bucket


def opened(now: float = 0.0) -> Circuit:
    circuit = Circuit()
    for _ in range(FAILURES_MAX):
        circuit.failed("503", now)
    return circuit


def test_it_opens_after_failures_in_a_row_only() -> None:
    circuit = Circuit()
    for _ in range(5):
        circuit.failed("503", 0.0)
        circuit.failed("503", 0.0)
        circuit.succeeded()
    assert circuit.state is State.CLOSED and circuit.failures == 0
    assert opened().state is State.OPEN and not opened().allows()


def test_the_probe_goes_out_once_a_round() -> None:
    circuit = opened()
    assert not circuit.probe_due(PROBE_S - 1)
    assert circuit.probe_due(PROBE_S) and circuit.state is State.HALF_OPEN
    assert not circuit.probe_due(PROBE_S + 1) and not circuit.allows()
    circuit.probed(False)
    assert circuit.state is State.OPEN and not circuit.probe_due(2 * PROBE_S - 1)
    assert circuit.probe_due(2 * PROBE_S)
    circuit.probed(True)
    assert circuit.state is State.CLOSED and circuit.allows()


def test_one_call_is_let_through_where_probes_were_never_answered() -> None:
    circuit = opened()
    circuit.probe_due(PROBE_S)
    circuit.probed(False)
    assert [circuit.allows() for _ in range(3)] == [True, False, False]
    circuit.failed("no reply", PROBE_S)
    assert circuit.state is State.OPEN


def test_where_probes_are_answered_only_they_close_it() -> None:
    circuit = opened()
    circuit.probe_due(PROBE_S)
    circuit.probed(True)
    for _ in range(FAILURES_MAX):
        circuit.failed("503", 100.0)
    circuit.probe_due(100.0 + PROBE_S)
    circuit.probed(False)
    assert not circuit.allows()


def test_a_late_answer_to_a_probe_changes_nothing_for_the_worse() -> None:
    circuit = Circuit()
    circuit.probed(False)
    assert circuit.state is State.CLOSED


def test_a_bucket_gives_a_second_s_worth_at_once_and_the_rate_from_then_on() -> None:
    bucket = Bucket(2.0)
    assert [bucket.take(100.0) for _ in range(3)] == [True, True, False]
    assert [bucket.take(100.5), bucket.take(100.6)] == [True, False]
    assert [bucket.take(200.0) for _ in range(3)] == [True, True, False]


def test_a_slow_bucket_still_gives_one() -> None:
    bucket = Bucket(0.1)
    assert [bucket.take(0.0), bucket.take(5.0), bucket.take(10.0)] == [True, False, True]
