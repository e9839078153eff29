"""Keys pressed while two talk: passed on, or a feature code when a phone of ours begins with *.

*2 records on demand and stops it, *5 pauses the recording, *6 resumes it, *7 parks, ** or *1 and a number transfers.
Digits after * wait two seconds for their code and are passed on when they make none.
"""

from __future__ import annotations

from pbx_core.domain.calls import parking, sound, taping
from pbx_core.domain.calls.commands import SendDtmf
from pbx_core.domain.calls.events import EventType
from pbx_core.domain.calls.state import Leg, LegState, Talking
from pbx_core.domain.calls.turn import Turn
from pbx_core.domain.phrases import phrase

CODE, DIAL = "code", "dial"  # timers, followed by a colon and the leg
CODE_S = 2.0  # how long * waits for the rest of a code
DIAL_S = 3.0  # a transfer's number is complete after this pause
DIGITS_MAX = 20
ON_DEMAND, PAUSE, RESUME, PARK, TRANSFER = "*2", "*5", "*6", "*7", ("**", "*1")


def digit(turn: Turn) -> None:
    """One key pressed by somebody who talks."""
    stage, name, key = turn.stage(Talking), turn.event.leg or "", turn.event.digit
    leg = turn.leg(name)
    if leg is None or leg.role or not key or name not in (turn.call.subject, stage.peer):
        return
    turn.change(name, method=str(turn.event.detail.get("method", "rfc2833")))
    if leg.typing == "transfer":
        _transfer_digit(turn, leg, key)
    elif leg.typing == "code":
        _code(turn, leg, leg.typed + key)
    elif key == "*" and leg.internal:
        turn.change(name, typing="code", typed=key)
        turn.timer(f"{CODE}:{name}", CODE_S)
    else:
        _pass_on(turn, name, key)


def timer(turn: Turn, name: str) -> None:
    """The pause after * or after a transfer's last digit."""
    kind, _, leg_name = name.partition(":")
    leg = turn.leg(leg_name)
    if leg is None or leg.typing != {CODE: "code", DIAL: "transfer"}.get(kind):
        return
    if kind == CODE:
        turn.change(leg_name, typing="", typed="")
        _pass_on(turn, leg_name, leg.typed)
    else:
        _transfer(turn, leg)


def _code(turn: Turn, leg: Leg, typed: str) -> None:
    turn.cancel(f"{CODE}:{leg.name}")
    turn.change(leg.name, typing="", typed="")
    if typed == ON_DEMAND:
        told = taping.undemand(turn) if turn.call.wanted else taping.demand(turn)
        if told:
            turn.play(leg.name, [phrase(told, turn.call.language)], "told")
    elif typed == PAUSE:
        taping.pause(turn, leg.name)
    elif typed == RESUME:
        taping.resume(turn, leg.name)
    elif typed == PARK:
        parking.ask(turn, leg)
    elif typed in TRANSFER:
        turn.change(leg.name, typing="transfer")
        sound.settle(turn)
        turn.timer(f"{DIAL}:{leg.name}", DIAL_S + CODE_S)  # the first digit takes a moment longer
    else:
        _pass_on(turn, leg.name, typed)


def _transfer_digit(turn: Turn, leg: Leg, key: str) -> None:
    if key == "#" or len(leg.typed) >= DIGITS_MAX:
        _transfer(turn, leg)
        return
    turn.change(leg.name, typed=leg.typed + key)
    turn.timer(f"{DIAL}:{leg.name}", DIAL_S)


def _transfer(turn: Turn, leg: Leg) -> None:
    """The number is complete; none typed: the talk goes on."""
    turn.cancel(f"{DIAL}:{leg.name}")
    turn.change(leg.name, typing="", typed="")
    if leg.typed:
        turn.note(EventType.TRANSFER_ASKED, leg.name, target=leg.typed, replaces="", means="keys")
    else:
        sound.settle(turn)


def _pass_on(turn: Turn, name: str, keys: str) -> None:
    stage = turn.stage(Talking)
    to = stage.peer if name == turn.call.subject else turn.call.subject
    other, leg = turn.leg(to), turn.leg(name)
    if stage.transfer is not None or other is None or leg is None or other.state is not LegState.UP:
        return
    turn.do(*(SendDtmf(to, leg.method, key) for key in keys))
