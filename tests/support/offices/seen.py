"""What a foreign exchange can know of a plan: its logs keep no holds, most no hours, nor whether a message was left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tests.support.offices.calls import Call, Hours, Menu, Message, Ring, Step, Talk, Wait
from tests.support.offices.draw import Plan
from tests.support.offices.truth import Truth


def with_messages(plan: Plan) -> Plan:
    """The same days, but everybody who reaches a voicemail leaves a message."""
    told = Plan(plan.office, plan.since, plan.until)
    told.stories = [[replace(call, steps=tuple(map(_left, call.steps))) for call in story] for story in plan.stories]
    return told


def _left(step: Step) -> Step:
    return replace(step, left=True) if isinstance(step, Message) else step


def from_outside(plan: Plan, *, menus: bool, hours: bool) -> Plan:
    """The plan as its logs can show it at best. menus: whether a menu is seen that was passed; hours: whether closed
    ones are."""
    seen = Plan(plan.office, plan.since, plan.until)
    seen.stories = [
        [replace(call, steps=tuple(_steps(call, menus, hours))) for call in story] for story in plan.stories
    ]
    return seen


def _steps(call: Call, menus: bool, hours: bool) -> Iterator[Step]:
    for step in call.steps:
        match step:
            case Hours() if not hours:
                continue
            case Menu() if not menus and step is not call.steps[-1]:
                continue
            case Talk():
                yield replace(step, holds=())
            case _:
                yield step


def answer_is_dated(truth: Truth) -> bool:
    """Whether Asterisk's rows say when a person answered: not where a phone rang after a menu, or after a queue that
    was left by key, since these count as the answer."""
    talked = next((c for c in truth.calls if c.talks), None)
    if talked is None:
        return True
    taken = next(n for n, s in enumerate(talked.steps) if isinstance(s, Ring | Wait) and s.taken_by)
    before = talked.steps[: taken + 1]
    rung = all(isinstance(s, Ring) for s in before) and before[0].at_s == 0.0
    return rung or isinstance(talked.steps[taken], Wait)
