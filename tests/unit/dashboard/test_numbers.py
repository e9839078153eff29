"""The page Numbers, drawn for every role: all figures, one of them opened, its rivals and its rows."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from analytics import metrics
from tests.unit.dashboard.test_pages import components, opened, texts

__all__ = ["opened"]
PAGE = "views/metrics.py"


def tables(test: AppTest) -> list[str]:
    return [name for name in components(test) if name == "callbench_linked"]


@pytest.mark.parametrize("role", ["owner", "agent"])
def test_all_figures_are_listed_by_subject(opened, role: str) -> None:
    test = opened(f"{role}@acme.test", PAGE)
    shown = texts(test)
    assert all(section in shown for section in metrics.SECTIONS) and len(tables(test)) == len(metrics.SECTIONS)
    assert ("Figures of your own extension." in shown) == (role == "agent")


@pytest.mark.parametrize("role", ["owner", "agent"])
def test_a_figure_opened_tells_its_numbers_its_rivals_and_its_rows(opened, role: str) -> None:
    shown = texts(opened(f"{role}@acme.test", PAGE, metric="mos_mean"))
    for text in ("Numerator: ", "Denominator: ", "Left out: ", "version 1", "The rows behind it", "Others count it"):
        assert text in shown


@pytest.mark.parametrize("metric_id", ["peak_calls", "queue_wait_p95", "mos_freeswitch_mean"])
def test_every_form_of_a_figure_can_be_opened(opened, metric_id: str) -> None:
    shown = texts(opened("owner@acme.test", PAGE, metric=metric_id, days="30"))
    assert f"Definition {metric_id}" in shown


def test_an_address_with_nonsense_shows_the_list(opened) -> None:
    nonsense = {"metric": "<script>", "days": "x", "from": "2026-13-01", "to": "never", "side": "all"}
    assert "Queues and agents" in texts(opened("owner@acme.test", PAGE, **nonsense))


def test_a_figure_of_nothing_says_why(opened) -> None:
    shown = texts(opened("owner@acme.test", PAGE, metric="service_level"))
    assert "No value: nobody waited in a queue in this period" in shown and "None in this period." in shown
