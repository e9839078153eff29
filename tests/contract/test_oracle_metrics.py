"""Simulated offices, every figure: what the registry says is what one counts on one's fingers.

Whole days are answered from rollups, odd periods also from rows: both must be true. ORACLE_SEEDS=n asks more offices.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

import pytest

from analytics import queries
from analytics.queries import Scope
from analytics.queries import metrics as figures
from tests.support.offices import draw, loading, metrics, shifts, truth

SEEDS = int(os.environ.get("ORACLE_SEEDS", "1"))
ZONES = ("America/New_York", "Asia/Bishkek", "Europe/Berlin")


@dataclass(frozen=True)
class World:
    """Offices and the door to their figures."""

    plans: list[draw.Plan]
    reader: queries.Reader

    def said(self, plan: draw.Plan, since: datetime, until: datetime) -> dict[str, metrics.Pair]:
        """(numerator, denominator) of all figures that are true of these offices."""
        scope = Scope(plan.office.tenant_id)
        found = figures.values(self.reader, scope, since, until)
        return {v.metric_id: (v.numerator or 0.0, v.denominator) for v in found}


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[World]:
    zones = [zone for seed in range(SEEDS) for zone in (ZONES[seed % 3], ZONES[(seed + 1) % 3])]
    settings, offices = loading.tenants(tmp_path_factory.mktemp("offices"), zones)
    plans = [draw.plan(office, 50 + n // 2, people_outside=25) for n, office in enumerate(offices)]
    loading.load_ours(settings, plans, 1, Random(2))
    reader = queries.open_reader(settings)
    yield World(plans, reader)
    reader.close()


def periods(plan: draw.Plan) -> list[tuple[datetime, datetime]]:
    """All of it; from within one hour into another; a time in which nothing was."""
    rng = Random(plan.office.tenant_id)
    begin = plan.since + timedelta(seconds=rng.uniform(3600, 86400))
    return [
        (plan.since - timedelta(days=1), plan.until + timedelta(days=30)),
        (begin, begin + timedelta(seconds=rng.uniform(86400, 2 * 86400))),
        (plan.since - timedelta(days=9), plan.since - timedelta(days=8)),
    ]


def test_every_figure_is_what_one_counts(world):
    wrong = []
    for plan in world.plans:
        stories = truth.conversations(plan)
        for since, until in periods(plan):
            true = metrics.values(plan.calls, stories, since, until, plan.shifts)
            said = world.said(plan, since, until)
            assert true.keys() <= said.keys()
            for name, pair in true.items():
                if not same(said[name], pair):
                    wrong.append(f"{name} {plan.office.zone} {since} … {until}: said {said[name]}, true {pair}")
    assert not wrong, f"{len(wrong)} figures differ:\n" + "\n".join(wrong)


def test_our_own_call_is_no_repeat_of_the_customers(world):
    """Some who were heard at once were called by us afterwards: they count as settled."""
    called_by_us = 0
    for plan in world.plans:
        since, until = periods(plan)[0]
        stories = truth.conversations(plan)
        for n, story in enumerate(stories):
            first = story.direction == "inbound" and story.talked and story.outside and not story.repeat_of
            later = [t for t in stories[n + 1 :] if t.outside == story.outside]
            called_by_us += bool(first and later and all(t.direction != "inbound" for t in later))
        (resolved, of) = world.said(plan, since, until)["first_contact_resolution"]
        assert resolved == sum(
            not any(t.direction == "inbound" and t.outside == s.outside for t in stories[n + 1 :])
            for n, s in enumerate(stories)
            if s.direction == "inbound" and s.talked and s.outside and not s.repeat_of
        )
        assert of is not None and resolved < of
    assert called_by_us, "these days show no such case: choose another seed"


def test_the_rows_behind_a_figure_are_as_many_as_it_counts(world):
    plan = world.plans[0]
    since, until = periods(plan)[0]
    said = world.said(plan, since, until)
    scope = Scope(plan.office.tenant_id)
    for name in ("answered", "missed", "queue_abandoned", "service_level", "human_answer_rate", "asr"):
        rows, _ = figures.rows_behind(world.reader, scope, name, "numerator", since, until, limit=500)
        assert len(rows) == said[name][0]


def test_days_add_up_to_their_period(world):
    for plan in world.plans:
        since, until = periods(plan)[0]
        scope, zone = Scope(plan.office.tenant_id), plan.office.zone
        names = ["calls", "answer_rate", "service_level", "missed", "asa", "occupancy"]
        frame = figures.series(world.reader, scope, since, until, names, "day", time_zone=zone)
        said = world.said(plan, since, until)
        for name in names:
            assert frame[frame.metric_id == name].numerator.sum() == pytest.approx(said[name][0])


def test_an_agents_time_is_his_own(world):
    """By agent it adds up to all; whoever sees his own extension only sees his; 101, who never logs in, has none."""
    plan = world.plans[0]
    since, until = periods(plan)[0]
    whole = world.said(plan, since, until)["agent_logged_in_s"][0]
    scope = Scope(plan.office.tenant_id)
    frame = figures.series(world.reader, scope, since, until, ["agent_logged_in_s"], "agent")
    assert set(frame.key) == set(shifts.QUEUES_OF) and frame.value.sum() == pytest.approx(whole)
    for extension, expected in (("105", dict(zip(frame.key, frame.value, strict=True))["105"]), ("101", None)):
        own = Scope(plan.office.tenant_id, extension)
        time, rate = figures.values(world.reader, own, since, until, ["agent_logged_in_s", "occupancy"])
        assert time.value == pytest.approx(expected)
        rows, _ = figures.rows_behind(world.reader, own, "agent_logged_in_s", "numerator", since, until, limit=500)
        assert rows.value.sum() == pytest.approx(expected or 0.0) and set(rows.agent) <= {extension}
        assert rate.value is not None or (rate.reason or "").startswith("not available, because")
    (of_queue,) = figures.values(world.reader, scope, since, until, ["occupancy"], where={"queue": "support"})
    assert of_queue.value is None and "not told apart" in (of_queue.reason or "")


def same(said: metrics.Pair, true: metrics.Pair) -> bool:
    """Equal but for milliseconds; a figure of nothing says so by its denominator."""
    parts = zip(said, true, strict=True)
    return all(a == b or (a is not None and b is not None and abs(a - b) < 0.02) for a, b in parts)
