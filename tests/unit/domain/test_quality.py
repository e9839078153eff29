"""The E-model: against the measured table of the design, and at its edges."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx_core.domain.quality import StreamSample, assess, mos, starved_share


def sample(**changes: object) -> StreamSample:
    plain = {
        "codec": "PCMU", "ptime_ms": 20, "span_s": 20.0, "rx_packets": 1000, "lost": 0, "discarded": 0, "jb_lost": 0,
        "jb_empty": 0, "jitter_ms_mean": 1.0, "jitter_ms_max": 2.0, "buffer_ms": 20.0, "rtt_ms_mean": None,
        "cpu_wait_s": None,
    }  # fmt: skip
    return StreamSample(**{**plain, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(("loss", "delay_ms", "score"), [(0.0, 50, 4.38), (0.05, 50, 3.87), (0.097, 50, 3.37)])
def test_the_score_is_what_was_measured_on_real_calls(loss: float, delay_ms: float, score: float) -> None:
    assert mos(loss, delay_ms) == pytest.approx(score, abs=0.02)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 2000), st.floats(0, 2000))
def test_more_loss_or_delay_never_sounds_better(loss: float, more: float, delay: float, later: float) -> None:
    worse_loss, worse_delay = min(1.0, loss + more), delay + later
    assert 1.0 <= mos(worse_loss, worse_delay) <= mos(loss, delay) <= 4.5


@pytest.mark.parametrize(("loss", "delay_ms"), [(-0.1, 0), (1.1, 0), (0, -1)])
def test_figures_outside_the_ranges_are_refused(loss: float, delay_ms: float) -> None:
    with pytest.raises(ValueError, match="loss_share"):
        mos(loss, delay_ms)


def test_late_packets_count_as_lost() -> None:
    assert assess([sample(discarded=180)]).mos == assess([sample(rx_packets=820, lost=180)]).mos


def test_streams_of_a_leg_are_weighted_by_their_packets() -> None:
    leg = assess([sample(rx_packets=900, lost=100), sample(rx_packets=1000, jitter_ms_max=9.0)])
    assert leg.loss_share == pytest.approx(0.05)
    assert leg.jitter_ms_max == 9.0
    assert leg.rx_packets == 1900


def test_a_phone_that_sent_nothing_has_a_reason_and_no_score() -> None:
    leg = assess([sample(rx_packets=0)])
    assert leg.mos is None
    assert leg.quality_reason == "the phone sent no media"


def test_pauses_of_the_phone_are_not_our_starvation() -> None:
    paused = sample(rx_packets=500, jb_empty=500)
    assert starved_share([paused]) == 0.0
    assert assess([paused]).starved is False


def test_frames_missing_without_loss_are_our_starvation() -> None:
    assert starved_share([sample(jb_empty=31)]) == pytest.approx(0.031)
    assert assess([sample(jb_empty=31)]).starved is True


def test_a_phone_that_stumbles_is_not_our_starvation() -> None:
    assert assess([sample(jb_empty=31, cpu_wait_s=0.01)]).starved is False
    assert assess([sample(jb_empty=31, cpu_wait_s=0.8)]).starved is True


def test_digits_within_the_sound_are_not_our_starvation() -> None:
    assert assess([sample(jb_empty=20)], digits=2).starved is False
