"""What is read and who works for the tenant, by the numbers of a call."""

from __future__ import annotations

import pytest

from analytics import wishes
from analytics.transcriber import TOGETHER_MAX, TOGETHER_S_MAX, together
from pbx_core.domain.model_speech import Speech
from pbx_core.domain.records import Party
from pbx_core.store.jobs import BACKLOG, URGENT, Job


@pytest.mark.parametrize(
    ("speech", "numbers", "forbidden", "says"),
    [
        (Speech(), ("101", "102"), False, None),
        (Speech(never=("105",)), ("101", "102"), False, None),
        (Speech(never=("102",)), ("101", "102"), False, "extension 102"),
        (Speech(never=("101",)), ("101", "+4930123456"), False, "extension 101"),
        (Speech(transcribe=False), ("101", "102"), False, "whole office"),
        (Speech(), ("101", "102"), True, "this call"),
        (Speech(), ("", ""), False, None),
    ],
)
def test_why_a_call_is_not_read(speech: Speech, numbers: tuple[str, str], forbidden: bool, says: str | None) -> None:
    why = wishes.why_off(speech, numbers, forbidden)
    assert why is None if says is None else why is not None and says in why


@pytest.mark.parametrize(
    ("caller", "callee", "agent", "direction"),
    [
        ("101", "102", Party.CALLER, "internal"),
        ("101", "+4930123456", Party.CALLER, "outbound"),
        ("+4930123456", "102", Party.CALLEE, "inbound"),
        ("+4930123456", "+4917012345", Party.CALLEE, "inbound"),
    ],
)
def test_who_works_for_the_tenant(caller: str, callee: str, agent: Party, direction: str) -> None:
    assert wishes.sides({"101": None, "102": None}, caller, callee) == (agent, direction)


def job(seconds: float | None, tries: int = 1, priority: int = 0) -> Job:
    return Job("transcribe", "r", "t", {} if seconds is None else {"duration_s": seconds}, tries, priority)


@pytest.mark.parametrize(
    ("taken", "another", "fits"),
    [
        ([], job(3600), True),
        ([], job(None, tries=3), True),
        ([job(20)], job(20), True),
        ([job(TOGETHER_S_MAX - 20)], job(20), True),
        ([job(TOGETHER_S_MAX - 20)], job(21), False),
        ([job(3600)], job(1), False),
        ([job(1)] * (TOGETHER_MAX - 1), job(1), True),
        ([job(1)] * TOGETHER_MAX, job(1), False),
        ([job(20)], job(20, tries=2), False),
        ([job(20, tries=2)], job(20), False),
        ([job(20, priority=URGENT)], job(20), False),
        ([job(20)], job(20, priority=BACKLOG), False),
        ([job(None)], job(20), False),
        ([job(20)], job(None), False),
    ],
)
def test_which_recordings_are_heard_together(taken: list[Job], another: Job, fits: bool) -> None:
    assert together(taken, another) is fits
