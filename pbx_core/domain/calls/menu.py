"""A voice menu: greeting, keys, extensions dialled directly, time-outs, wrong keys. A key interrupts the greeting."""

from __future__ import annotations

from dataclasses import replace

from pbx_core.domain.calls import announce
from pbx_core.domain.calls.events import EventType
from pbx_core.domain.calls.state import InMenu
from pbx_core.domain.calls.turn import Turn
from pbx_core.domain.nodes import Menu

KEY, DIGIT = "key", "digit"  # timers: no key at all, no further digit
DIGIT_S = 2.0  # between digits of an extension
TIMED_OUT, WRONG = "t", "i"  # in the path of keys


def enter(turn: Turn, node: Menu) -> None:
    """Greet."""
    turn.set(stage=InMenu(node))
    turn.answer(turn.call.subject)
    _greet(turn, node.greeting)


def on(turn: Turn) -> None:
    """A key, the end of the greeting, a time-out, the caller's hang-up."""
    event = turn.event
    if event.type is EventType.ENDED and event.leg == turn.call.subject:
        announce.abandoned(turn, "in the menu")
    elif event.type is EventType.PLAYED and turn.played == "menu":
        turn.timer(KEY, turn.stage(InMenu).node.timeout_s)
    elif event.type is EventType.DTMF and event.leg == turn.call.subject and event.digit:
        _digit(turn, event.digit)
    elif event.type is EventType.TIMER and event.detail.get("name") == KEY:
        _missed(turn, TIMED_OUT)
    elif event.type is EventType.TIMER and event.detail.get("name") == DIGIT:
        _decide(turn, turn.stage(InMenu).typed, complete=True)


def leave(turn: Turn) -> None:
    """The call ends or goes on."""
    turn.cancel(KEY, DIGIT)


def _greet(turn: Turn, sounds: tuple[str, ...]) -> None:
    if not turn.play(turn.call.subject, sounds, "menu"):
        turn.timer(KEY, turn.stage(InMenu).node.timeout_s)


def _digit(turn: Turn, key: str) -> None:
    stage = turn.stage(InMenu)
    turn.hush(turn.call.subject)
    turn.cancel(KEY, DIGIT)
    keys = dict(stage.node.keys)
    if key == "#" and stage.typed and key not in keys:
        _decide(turn, stage.typed, complete=True)
        return
    turn.set(stage=replace(stage, typed=stage.typed + key))
    _decide(turn, stage.typed + key, complete=len(stage.typed) + 1 >= stage.node.digits_max)


def _decide(turn: Turn, typed: str, *, complete: bool) -> None:
    """What was typed so far is a key, an extension, the beginning of one, or wrong."""
    node = turn.stage(InMenu).node
    keys = dict(node.keys)
    longer = any(number.startswith(typed) and number != typed for number in node.direct)
    if longer and not complete:
        turn.timer(DIGIT, DIGIT_S)
    elif typed in keys:
        _go(turn, typed, keys[typed])
    elif typed in node.direct:
        _go(turn, typed, f"extension:{typed}")
    else:
        _missed(turn, WRONG)


def _go(turn: Turn, key: str, destination: str) -> None:
    turn.note(EventType.MENU_KEY, turn.call.subject, menu=turn.stage(InMenu).node.menu, key=key)
    leave(turn)
    turn.hush(turn.call.subject)
    turn.route(destination)


def _missed(turn: Turn, what: str) -> None:
    """No key, or a wrong one: again, or on to where the menu sends people who do not choose."""
    stage = turn.stage(InMenu)
    node, tries = stage.node, stage.tries + 1
    leave(turn)
    turn.note(EventType.MENU_KEY, turn.call.subject, menu=node.menu, key=what)
    turn.set(stage=InMenu(node, tries))
    if tries >= node.tries_max:
        turn.route(node.on_timeout if what == TIMED_OUT else node.on_invalid)
    else:
        _greet(turn, (*(node.sorry if what == WRONG else ()), *node.greeting))
