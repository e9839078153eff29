"""When a worker takes no more calls, and which ports are its own: pure decisions, and the kernel's figures as they
are."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from pbx_core.errors import ConfigError
from pbx_core.media import cpu
from pbx_core.media.command import rtp_ports
from pbx_core.media.cpu import Times
from pbx_core.settings import load

S = 1_000_000_000


def test_the_shares_are_those_of_the_worst_thread_that_lived_all_the_while() -> None:
    before = {"1": Times(5 * S, 0), "2": Times(0, S), "gone": Times(0, 0)}
    after = {"1": Times(6 * S, S // 10), "2": Times(0, 2 * S), "new": Times(9 * S, 9 * S)}
    assert cpu.shares(before, after, 2.0) == pytest.approx((0.5, 0.55))
    assert cpu.shares({}, {}, 1.0) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("waited", "busy", "already", "refuse"),
    [
        (0.0, 0.0, False, False),
        (0.05, 0.5, False, False),
        (0.07, 0.3, False, True),
        (0.0, 0.9, False, True),
        (0.05, 0.3, True, True),
        (0.02, 0.3, True, False),
    ],
)
def test_one_call_more_is_too_many_when_a_thread_waits_or_is_full(
    waited: float, busy: float, already: bool, refuse: bool
) -> None:
    assert cpu.too_little(waited, busy, already) is refuse


def test_new_calls_stop_while_the_last_seconds_had_too_much_waiting() -> None:
    waited_ms = iter((0, 0, 0, 0, 0, 0, 400, 400, 400, 400, 400, 400, 400))
    gauge = cpu.Gauge(0.0, lambda: {"1": Times(0, next(waited_ms) * S // 1000)})
    seen = []
    for second in range(1, 13):
        gauge.look(second + 0.0)
        gauge.look(second + 0.9)  # too soon to know more
        seen.append(gauge.overloaded)
    assert seen == [False] * 5 + [True] * 5 + [False] * 2


def test_a_worker_that_has_just_started_judges_nothing() -> None:
    waited_ms = iter((0, 900, *[900] * 9))
    gauge = cpu.Gauge(0.0, lambda: {"1": Times(0, next(waited_ms) * S // 1000)})
    seen = []
    for second in range(1, 10):
        gauge.look(float(second))
        seen.append(gauge.overloaded)
    assert seen == [False] * 4 + [True] + [False] * 4


def test_the_kernel_tells_what_our_own_threads_have_had() -> None:
    assert cpu.threads()[str(threading.get_native_id())].ran_ns > 0


def test_the_ports_of_workers_do_not_touch_whatever_the_engine_takes(tmp_path: Path) -> None:
    settings = load(tmp_path, rtp_port_base=20000)
    assert [rtp_ports(settings, slot, 4) for slot in (0, 1, 23)] == [(20000, 100), (20100, 100), (22300, 100)]
    assert [rtp_ports(settings, slot, 512) for slot in (0, 1)] == [(20000, 1100), (21100, 1100)]
    with pytest.raises(ConfigError, match="Lower rtp_port_base"):
        rtp_ports(settings, 41, 512)
