"""Simulated offices through our own exchange's records: every conversation is what people really did.

Tenant B has the same numbers, inside and outside, at the same times; the calls come in any order and in several rounds.
ORACLE_SEEDS=n asks more offices.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from tests.support.offices import draw, loading, people, truth

SEEDS = int(os.environ.get("ORACLE_SEEDS", "1"))
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Bishkek")
SAME = (
    "direction", "did", "answered_by", "attempts", "voicemail", "transferred", "queue", "queue_result", "repeat_of",
    "repeated_by", "recovered_by", "recovered_agent", "started_at", "ended_at", "answered_at", "recovered_at",
)  # fmt: skip
SECONDS = ("wait_s", "talk_s", "hold_s", "queue_wait_s", "recovery_s")


@dataclass(frozen=True)
class World:
    """Offices, and the tables of the warehouse."""

    plans: list[draw.Plan]
    tables: dict[str, loading.Rows]

    def conversations(self, plan: draw.Plan) -> dict[str, dict[str, Any]]:
        """What the warehouse says of an office, by the conversations' ids."""
        return {row["conversation_id"]: row for row in loading.of(self.tables["conversation"], plan.office)}


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    zones = [zone for seed in range(SEEDS) for zone in (ZONES[seed % 3], ZONES[(seed + 1) % 3])]
    settings, offices = loading.tenants(tmp_path_factory.mktemp("offices"), zones)
    plans = [
        draw.plan(office, n // 2, people_outside=30) for n, office in enumerate(offices)
    ]  # two tenants with the same numbers
    loading.load_ours(settings, plans, 2, Random(1))
    return World(plans, loading.tables(settings, "conversation", "conversation_call"))


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
