"""What others see of a call: its state, whose phones ring or talk in it, names of legs that join; nodes as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pbx_core.domain.calls.cdr import fold
from pbx_core.domain.calls.events import EventType
from pbx_core.domain.calls.machine import adopted_name
from pbx_core.domain.calls.nodes_json import node_from_json, node_to_json
from pbx_core.domain.nodes import NODES
from tests.support.calltable import Run, node, row

WORDS = (
    "ring 102 +4930@main/second record=always notice=prompt:rec",
    "menu main 1:queue:sales direct=101,102",
    "announce prompt:a then=x",
    "queue sales exit_key=0",
    "voicemail 102",
    "mailbox 101 m1 m2",
    "conference 600 pin=4711",
    "join pickup 102 other",
    "change dnd on say:en:On",
    "hangup 486 Busy busy sounds=say:en:Busy",
)


def course(*lines: str) -> Run:
    run = Run()
    for line in lines:
        run.feed(row(f"{line} ->"))
    return run


RINGS = ("0 caller opened", "0 routed ring 102 103 +4930@main", "0.1 callee dialed", "0.1 callee-2 dialed")
TALKS = (*RINGS, "1 callee answered by=103")


def test_of_a_ringing_call_the_phones_that_ring_are_seen() -> None:
    call = course(*RINGS).call
    assert (call.doing, call.extensions) == ("ringing", ("102", "103"))


def test_of_a_talk_both_our_phones_are_seen() -> None:
    call = course(*TALKS).call
    assert (call.doing, set(call.extensions)) == ("talking", {"101", "103"})


def test_a_queued_call_rings_while_an_agents_phone_does() -> None:
    waiting = course("0 caller opened", "0 routed queue sales", "1 queue_joined queue=sales position=1")
    assert waiting.call.doing == "waiting"
    waiting.feed(row("2 queue_offer o1 105 ->"))
    assert (waiting.call.doing, waiting.call.extensions) == ("ringing", ("105",))


def test_who_joins_gets_a_name_that_was_never_used() -> None:
    call = course(*TALKS).call
    assert adopted_name(call, "pickup") == "callee-3"
    assert adopted_name(call, "listen") == "supervisor"


@pytest.mark.parametrize("words", WORDS)
def test_a_node_comes_back_from_the_journal_as_it_was(words: str) -> None:
    pairs: dict[str, Any] = dict(w.split("=", 1) for w in words.split() if "=" in w)  # type: ignore[misc]
    made = node([w for w in words.split() if "=" not in w], pairs)
    assert node_from_json(json.loads(json.dumps(node_to_json(made)))) == made


def test_every_kind_of_node_was_tried() -> None:
    assert {words.split()[0] for words in WORDS} == set(NODES)


@pytest.mark.parametrize("data", [None, {}, {"kind": "teleport"}, {"kind": "ring"}])
def test_what_is_no_node_is_refused(data: Any) -> None:
    with pytest.raises(ValueError):
        node_from_json(data)


def test_there_is_no_record_of_a_call_that_is_open_or_has_no_beginning() -> None:
    events = course(*TALKS).events
    with pytest.raises(ValueError, match="still open"):
        fold(events)
    with pytest.raises(ValueError, match="begin with"):
        fold(events[1:])
    assert events[0].type is EventType.OPENED
