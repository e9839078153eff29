"""Calls that meet: giving our caller to another call, and taking another call's leg into ours."""

from __future__ import annotations

from pbx_core.domain.calls import announce, parking, queueing, ringing, sound, transfer
from pbx_core.domain.calls.commands import GiveCaller
from pbx_core.domain.calls.events import EventType
from pbx_core.domain.calls.state import Ending, Joining, Leg, LegState, Parked, Queueing, Ringing, Talking
from pbx_core.domain.calls.turn import Turn
from pbx_core.domain.nodes import Join, JoinHow
from pbx_core.domain.records import Disposition

SUPERVISING = (JoinHow.LISTEN, JoinHow.WHISPER, JoinHow.BARGE)
SUPERVISORS_MAX = 4  # at once in one call


def enter(turn: Turn, node: Join) -> None:
    """Give the caller away, or say that there is nothing to join."""
    turn.set(stage=Joining(node))
    if node.call_id:
        turn.do(GiveCaller(node.call_id, str(node.how), node.target))
    else:
        _none(turn, node)


def on(turn: Turn) -> None:
    """The other call is gone, the words were said, or the caller went."""
    stage, event = turn.stage(Joining), turn.event
    if event.type is EventType.JOIN_FAILED and not stage.sorry:
        _none(turn, stage.node)
    elif event.type is EventType.PLAYED and turn.played == "sorry":
        _over(turn)
    elif event.type is EventType.ENDED and event.leg == turn.call.subject:
        announce.abandoned(turn, "before an answer")


def given(turn: Turn) -> None:
    """One of our legs went to another call, where its story goes on: ours is over."""
    how = str(turn.event.detail.get("how", "join"))
    turn.connected("")
    turn.end(Disposition.ANSWERED, {"transfer": "transferred"}.get(how, how))


def adopted(turn: Turn) -> None:
    """A leg of another call is ours now."""
    detail, name = turn.event.detail, turn.event.leg or ""
    how, number = str(detail.get("how", "")), str(detail.get("number", ""))
    waiting = LegState.DIALLING if how == "transfer" else LegState.CALLING
    state = LegState.UP if detail.get("answered") else waiting
    internal = bool(detail.get("internal", not number.startswith("+")))
    incoming = how != "transfer"
    turn.add(Leg(name, state, number, str(detail.get("name", "")), internal=internal, incoming=incoming))
    match turn.call.stage:
        case Talking() if how == "transfer":
            transfer.adopted(turn)
        case Talking() if how in SUPERVISING:
            _supervises(turn, name, how, str(detail.get("target", "")))
        case Ringing() if how == JoinHow.PICKUP:
            ringing.picked_up(turn, name, number)
        case Queueing(fork=fork) if how == JoinHow.PICKUP and fork is not None:
            queueing.picked_up(turn, name, number)
        case Parked() if how in (JoinHow.RETRIEVE, JoinHow.PICKUP):
            parking.retrieved(turn, name, number)
        case Ending() | _:
            turn.hang_up(name, 480, "Nothing To Join")


def _supervises(turn: Turn, name: str, how: str, target: str) -> None:
    """A supervisor listens; target: the extension that he supervises, whom alone a whisper reaches."""
    stage = turn.stage(Talking)
    if sum(bool(leg.role) for leg in turn.call.legs.values()) >= SUPERVISORS_MAX:
        turn.hang_up(name, 486, "Busy Here")
        return
    talkers = [leg for leg in (turn.leg(stage.peer), turn.leg(turn.call.subject)) if leg is not None]
    ours = [leg for leg in talkers if leg.number == target] or [leg for leg in talkers if leg.internal] or talkers
    turn.change(name, role=how, of=ours[0].name if ours else "")
    turn.answer(name)
    sound.settle(turn)


def _none(turn: Turn, node: Join) -> None:
    turn.set(stage=Joining(node, sorry=True))
    if not announce.speak(turn, node.on_none, "sorry", answered=False):
        _over(turn)


def _over(turn: Turn) -> None:
    turn.end(Disposition.FAILED, f"nothing to {turn.stage(Joining).node.how}", status=480, reason="Nothing To Join")
