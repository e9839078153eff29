"""Calls that the system makes: the person called becomes the caller and goes to a destination."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pbx_core.domain.calls import fork
from pbx_core.domain.calls.events import CALLER
from pbx_core.domain.calls.state import Fork, Originating
from pbx_core.domain.calls.turn import RING, Turn
from pbx_core.domain.nodes import Target
from pbx_core.domain.records import Disposition, from_json

RING_S = 40.0  # a call-back or an informing call rings no longer


def enter(turn: Turn, wanted: dict[str, Any]) -> None:
    """Dial the person."""
    target = from_json(Target, wanted["target"])
    turn.set(stage=Originating(Fork(CALLER, RING, RING_S), str(wanted["then"])))
    shown = (str(wanted.get("shown", "")), str(wanted.get("from_name", "")))
    begun = fork.start(turn, [target], side=CALLER, timer=RING, ring_s=RING_S, one_by_one=False, shown=shown)
    _go_on(turn, begun)


def on(turn: Turn) -> None:
    """His phone rings, answers, refuses."""
    progress = fork.on(turn, turn.stage(Originating).fork)
    if progress is not None:
        _go_on(turn, progress)


def leave(turn: Turn) -> None:
    """The call ends before he answered."""
    fork.give_up(turn, turn.stage(Originating).fork)


def _go_on(turn: Turn, progress: fork.Progress) -> None:
    stage = turn.stage(Originating)
    match progress:
        case Fork():
            turn.set(stage=replace(stage, fork=progress))
        case fork.Taken(leg, number):
            turn.connected(number)
            turn.set(subject=leg)
            turn.route(stage.then)
        case fork.Failed() as failed:
            _nobody(turn, failed)


def _nobody(turn: Turn, failed: fork.Failed) -> None:
    if failed.timed_out:
        turn.end(Disposition.NO_ANSWER, f"ring limit {RING_S:g} s")
    elif failed.status == 0:
        turn.end(Disposition.FAILED, failed.reason)
    else:
        busy = failed.status in fork.BUSY_STATUSES
        cause = f"{failed.status} {failed.reason}".strip()
        turn.end(Disposition.BUSY if busy else Disposition.FAILED, cause, CALLER)
