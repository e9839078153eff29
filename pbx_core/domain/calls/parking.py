"""A parked call: one side waits with music in a slot until somebody takes it; in the end who parked it is rung."""

from __future__ import annotations

from dataclasses import replace

from pbx_core.domain.calls import conversation, fork, sound
from pbx_core.domain.calls.commands import Park
from pbx_core.domain.calls.events import EventType
from pbx_core.domain.calls.state import Fork, Leg, LegState, Parked, Talking
from pbx_core.domain.calls.turn import Turn, cause_of, opposite, party_of
from pbx_core.domain.nodes import Target
from pbx_core.domain.phrases import phrase
from pbx_core.domain.records import Disposition

PARK = "park"  # timer
PARK_S = 120.0  # then the parker is rung
RETURN_S = 30.0  # for so long
RETURNING = "park-ring"  # timer


def ask(turn: Turn, leg: Leg) -> None:
    """One who talks wants to park the other."""
    ask_for(turn, leg.name, leg.number)


def ask_for(turn: Turn, name: str, number: str) -> None:
    """The same by name, as a transfer to the slots asks it."""
    stage = turn.stage(Talking)
    if stage.transfer is None and not stage.parking and not turn.call.emergency:
        turn.set(stage=replace(stage, parking=name))
        turn.do(Park(number))
    sound.settle(turn)


def refused(turn: Turn) -> None:
    """No slot is free: they talk on."""
    stage = turn.stage(Talking)
    turn.set(stage=replace(stage, parking=""))
    if turn.leg(stage.parking) is None:
        turn.end(Disposition.ANSWERED, f"{party_of(stage.parking)} hung up", party_of(stage.parking))


def parked(turn: Turn) -> None:
    """A slot was found: who parked hears its number and is hung up, the other hears music."""
    stage = turn.stage(Talking)
    if not stage.parking:
        return  # nobody asked
    slot, by = str(turn.event.detail.get("slot", "")), str(turn.event.detail.get("by", ""))
    parker = stage.parking
    conversation.over(turn)
    turn.set(subject=stage.peer if parker == turn.call.subject else turn.call.subject)
    for leg in list(turn.call.legs.values()):
        if leg.role:
            turn.hang_up(leg.name)
    turn.mix(())
    turn.set(stage=Parked(slot, by))
    if not turn.play(parker, [phrase("parked", turn.call.language, slot=slot)], "parked"):
        turn.hang_up(parker)
    turn.play(turn.call.subject, (turn.call.hold_music,), "music", loop=True)
    turn.timer(PARK, PARK_S)


def on(turn: Turn) -> None:
    """Any event of a parked call."""
    stage, event = turn.stage(Parked), turn.event
    if event.type is EventType.PLAYED and turn.played == "parked":
        turn.hang_up(event.leg or "")
    elif event.type is EventType.ENDED and event.leg == turn.call.subject:
        status = int(event.detail.get("status", 0))
        cause = "hung up in the park slot" if status < 300 else cause_of(event)
        turn.end(Disposition.ANSWERED, f"{party_of(turn.call.subject)} {cause}", party_of(turn.call.subject))
    elif event.type is EventType.TIMER and event.detail.get("name") == PARK:
        _ring_parker(turn)
    elif stage.fork is not None and (progress := fork.on(turn, stage.fork)) is not None:
        _go_on(turn, progress)


def retrieved(turn: Turn, leg: str, number: str) -> None:
    """Somebody took the call from its slot."""
    leave(turn)
    turn.connected(number)
    conversation.begin(turn, leg, turn.call.policy, turn.call.call_s_max)


def leave(turn: Turn) -> None:
    """Out of the slot."""
    stage = turn.stage(Parked)
    turn.cancel(PARK)
    if stage.fork is not None:
        fork.give_up(turn, stage.fork, elsewhere=True)
    for leg in list(turn.call.legs.values()):  # who parked may still be hearing the slot's number
        if leg.playing.startswith("parked") and leg.state is LegState.UP:
            turn.hang_up(leg.name)


def _ring_parker(turn: Turn) -> None:
    stage, subject = turn.stage(Parked), turn.subject
    begun = fork.start(
        turn,
        [Target(stage.by)],
        side=opposite(turn.call.subject),
        timer=RETURNING,
        ring_s=RETURN_S,
        one_by_one=False,
        shown=(subject.number, subject.title) if subject else ("", ""),
    )
    _go_on(turn, begun)


def _go_on(turn: Turn, progress: fork.Progress) -> None:
    stage = turn.stage(Parked)
    match progress:
        case Fork():
            turn.set(stage=replace(stage, fork=progress))
        case fork.Taken(leg, number):
            turn.set(stage=replace(stage, fork=None))
            retrieved(turn, leg, number)
        case fork.Failed():
            turn.set(stage=replace(stage, fork=None))
            turn.end(Disposition.ANSWERED, "nobody took the parked call")
