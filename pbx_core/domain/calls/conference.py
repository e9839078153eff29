"""A conference room: its PIN, music while one is alone there, and the way out."""

from __future__ import annotations

from dataclasses import replace

from pbx_core.domain.calls import announce
from pbx_core.domain.calls.commands import JoinRoom, LeaveRoom
from pbx_core.domain.calls.events import EventType
from pbx_core.domain.calls.state import InRoom
from pbx_core.domain.calls.turn import Turn
from pbx_core.domain.nodes import Conference
from pbx_core.domain.phrases import phrase

KEY = "key"  # timer
PIN_S = 10.0  # for the next digit of the PIN
TRIES_MAX = 3
PIN_DIGITS_MAX = 20


def enter(turn: Turn, node: Conference) -> None:
    """Ask for the PIN, or go in."""
    turn.answer(turn.call.subject)
    turn.set(stage=InRoom(node, "pin" if node.pin else "joining"))
    if node.pin:
        _ask(turn, node.ask_pin or (phrase("conference_pin", turn.call.language),))
    else:
        _join(turn)


def on(turn: Turn) -> None:
    """Digits of the PIN, who comes and goes, the hang-up."""
    stage, event = turn.stage(InRoom), turn.event
    name = event.detail.get("name")
    if event.type is EventType.ENDED and event.leg == turn.call.subject:
        announce.abandoned(turn, "before the conference")
    elif event.type is EventType.DTMF and stage.phase == "pin" and event.leg == turn.call.subject and event.digit:
        _digit(turn, event.digit)
    elif event.type is EventType.TIMER and name == KEY and stage.phase == "pin":
        _typed(turn, stage.typed)
    elif event.type in (EventType.JOINED, EventType.PEER_GONE) and stage.phase in ("joining", "in"):
        _people(turn, int(event.detail.get("people", 2)))
    elif event.type is EventType.JOIN_FAILED and stage.phase == "joining":
        _sorry(turn, "error", f"conference: {event.detail.get('reason', '')}")
    elif event.type is EventType.PLAYED:
        _played(turn)


def leave(turn: Turn) -> None:
    """Out of the room."""
    turn.cancel(KEY)
    if turn.stage(InRoom).phase in ("joining", "in"):
        turn.do(LeaveRoom(turn.call.subject))


def _ask(turn: Turn, sounds: tuple[str, ...]) -> None:
    turn.play(turn.call.subject, sounds, "pin")
    turn.timer(KEY, PIN_S + (PIN_S if any(sounds) else 0.0))


def _digit(turn: Turn, key: str) -> None:
    stage = turn.stage(InRoom)
    turn.hush(turn.call.subject)
    typed = stage.typed if key == "#" else stage.typed + key
    if key == "#" or len(typed) >= min(PIN_DIGITS_MAX, len(stage.node.pin)):
        _typed(turn, typed)
    else:
        turn.set(stage=replace(stage, typed=typed))
        turn.timer(KEY, PIN_S)


def _typed(turn: Turn, typed: str) -> None:
    stage = turn.stage(InRoom)
    turn.cancel(KEY)
    if typed == stage.node.pin:
        turn.set(stage=InRoom(stage.node, "joining"))
        _join(turn)
        return
    turn.set(stage=InRoom(stage.node, "pin", stage.tries + 1))
    wrong = phrase("conference_wrong_pin", turn.call.language)
    if stage.tries + 1 >= TRIES_MAX:
        _sorry(turn, "conference_wrong_pin", "conference: wrong PIN")
    else:
        _ask(turn, (wrong, *stage.node.ask_pin))


def _join(turn: Turn) -> None:
    node = turn.stage(InRoom).node
    turn.do(JoinRoom(turn.call.subject, node.room, node.people_max))


def _people(turn: Turn, people: int) -> None:
    """Music while alone, the others' voices otherwise."""
    stage, subject = turn.stage(InRoom), turn.call.subject
    turn.set(stage=replace(stage, phase="in"))
    turn.connected("")
    if people > 1:
        turn.hush(subject)
    elif not turn.play(subject, stage.node.alone, "alone"):
        turn.play(subject, [stage.node.music], "music", loop=True)


def _sorry(turn: Turn, key: str, cause: str) -> None:
    """No way in; the words, then the end."""
    turn.set(stage=replace(turn.stage(InRoom), phase="bye", typed=""))
    turn.entering = announce.goodbye(phrase(key, turn.call.language), cause)


def _played(turn: Turn) -> None:
    if turn.played == "alone":
        turn.play(turn.call.subject, [turn.stage(InRoom).node.music], "music", loop=True)
