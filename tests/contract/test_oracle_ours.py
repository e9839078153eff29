"""Simulated offices through our own exchange's records: every conversation is what people really did, every figure is
what one counts on one's fingers.

Tenant B has the same numbers, inside and outside, at the same times; the calls come in any order and in several rounds.
Whole days are answered from rollups, odd periods also from rows: both must be true. ORACLE_SEEDS=n asks more offices.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from analytics import queries
from analytics.queries import Scope
from analytics.queries import metrics as figures
from tests.support.offices import draw, loading, metrics, people, shifts, truth

SEEDS = int(os.environ.get("ORACLE_SEEDS", "1"))
FIRST_SEED = 2  # days in which we call back people whom somebody had talked with
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Bishkek")
SAME = (
    "direction", "did", "answered_by", "attempts", "voicemail", "transferred", "queue", "queue_result", "repeat_of",
    "repeated_by", "recovered_by", "recovered_agent", "started_at", "ended_at", "answered_at", "recovered_at",
)  # fmt: skip
SECONDS = ("wait_s", "talk_s", "hold_s", "queue_wait_s", "recovery_s")


@dataclass(frozen=True)
class World:
    """Offices, the tables of the warehouse, and the door to its figures."""

    plans: list[draw.Plan]
    tables: dict[str, loading.Rows]
    reader: queries.Reader

    def conversations(self, plan: draw.Plan) -> dict[str, dict[str, Any]]:
        """What the warehouse says of an office, by the conversations' ids."""
        return {row["conversation_id"]: row for row in loading.of(self.tables["conversation"], plan.office)}

    def said(self, plan: draw.Plan, since: datetime, until: datetime) -> dict[str, metrics.Pair]:
        """(numerator, denominator) of all figures."""
        found = figures.values(self.reader, Scope(plan.office.tenant_id), since, until)
        return {v.metric_id: (v.numerator or 0.0, v.denominator) for v in found}


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[World]:
    zones = [zone for seed in range(SEEDS) for zone in (ZONES[seed % 3], ZONES[(seed + 1) % 3])]
    settings, offices = loading.tenants(tmp_path_factory.mktemp("offices"), zones)
    plans = [
        draw.plan(office, FIRST_SEED + n // 2, people_outside=30) for n, office in enumerate(offices)
    ]  # two tenants with the same numbers
    loading.load_ours(settings, plans, 2, Random(1))
    reader = queries.open_reader(settings)
    yield World(plans, loading.tables(settings, "conversation", "conversation_call"), reader)
    reader.close()


def differences(found: dict[str, Any], wanted: truth.Truth) -> dict[str, Any]:
    """Fields in which a row of the warehouse is not what happened: name → (found, true)."""
    true = {
        **{name: getattr(wanted, name.replace("class", "klass"), None) for name in (*SAME, *SECONDS)},
        "class": wanted.klass,
        "did": wanted.calls[0].did,
        "outside_number": wanted.outside,
    }
    out = {n: (found[n], true[n]) for n in (*SAME, "class", "outside_number") if found[n] != true[n]}
    for name in SECONDS:
        is_, should = found[name], true[name]
        if (is_ is None) != (should is None) or (is_ is not None and abs(is_ - should) > 0.0015):
            out[name] = (is_, should)
    if json.loads(found["agents"]) != wanted.agents:
        out["agents"] = (found["agents"], wanted.agents)
    return out


def told(plan: draw.Plan, wrong: dict[str, Any], key: str) -> str:
    """A difference with what people did, for whoever has to find it."""
    story = next((s for s in plan.stories if s[0].call_id == key), [])
    steps = "\n".join(f"    {c.started_at} {c.direction} {c.caller} → {c.dialled}: {c.steps}" for c in story)
    return f"{plan.office.zone} since {plan.since:%Y-%m-%d} {key}: {wrong}\n{steps}"


def test_every_conversation_is_what_happened(world):
    wrong = []
    for plan in world.plans:
        found, wanted = world.conversations(plan), {t.conversation_id: t for t in truth.conversations(plan)}
        assert found.keys() == wanted.keys()
        for key, row in found.items():
            if different := differences(row, wanted[key]):
                wrong.append(told(plan, different, key))
    assert not wrong, f"{len(wrong)} conversations differ; the first:\n" + "\n".join(wrong[:5])


def test_every_call_belongs_to_its_story_and_to_one_alone(world):
    for plan in world.plans:
        found = loading.of(world.tables["conversation_call"], plan.office)
        assert len({row["call_id"] for row in found}) == len(found)
        of = {row["call_id"]: row for row in found}
        for story in plan.stories:
            assert {of[call.call_id]["conversation_id"] for call in story} == {story[0].call_id}
            assert [of[call.call_id]["role"] for call in story] == [
                "first" if n == 0 else "callback" if call.direction == "callback" else "repeat"
                for n, call in enumerate(story)
            ]


def test_each_class_says_by_which_rule_and_what_it_stands_on(world):
    for plan in world.plans:
        calls = {call.call_id for call in plan.calls}
        for row in world.conversations(plan).values():
            side = "inbound" if row["direction"] == "inbound" else "placed"
            assert row["rule"].startswith(f"{side}.{row['class']}/")
            evidence = json.loads(row["evidence"])
            assert evidence and all(item["says"] for item in evidence), told(plan, row, row["conversation_id"])
            assert all(item["call_id"] in calls for item in evidence if item["call_id"])


def test_two_offices_with_the_same_numbers_know_nothing_of_each_other(world):
    first, second = world.plans[:2]
    assert {c.outside for c in first.calls} & {c.outside for c in second.calls} - {""}
    mine = {call.call_id for call in first.calls}
    for row in world.conversations(first).values():
        assert {row[n] for n in ("repeat_of", "repeated_by", "recovered_by")} <= mine | {""}
    assert people.FRONT in {c.did for c in first.calls} & {c.did for c in second.calls}


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


def test_percentiles_err_by_no_more_than_they_say(world):
    for plan in world.plans:
        since, until = periods(plan)[0]
        exact = {
            "recovery": sorted(t.recovery_s for t in truth.conversations(plan) if t.recovery_s is not None),
            "queue_wait": sorted(w.wait_s for w in metrics.last_waits(plan.calls)),
        }
        names = [f"{of}_{rank}" for of in exact for rank in ("p50", "p95")]
        for value in figures.values(world.reader, Scope(plan.office.tenant_id), since, until, names):
            of, _, rank = value.metric_id.rpartition("_p")
            true = exact[of][math.ceil(int(rank) / 100 * len(exact[of])) - 1]
            low, high = map(float, re.findall(r"[\d.]+(?:e\+\d+)?", value.resolution))
            assert value.value is not None and low <= true < high and low <= value.value < high, (value, true)
            assert of != "recovery" or value.value == pytest.approx(true, rel=0.025)


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
