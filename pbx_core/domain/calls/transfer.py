"""A transfer: one of two who talk asks that the other be connected with somebody else, unannounced or consulted.

Who asked stays until the target has answered; when it does not he gets the other back, if he is still there.
"""

from __future__ import annotations

from dataclasses import replace

from pbx_core.domain.calls import conversation, fork, parking, sound
from pbx_core.domain.calls.commands import AdoptConsultation, TellTransfer
from pbx_core.domain.calls.events import EventType
from pbx_core.domain.calls.nodes_json import routed_of
from pbx_core.domain.calls.ringing import RINGBACK, next_of
from pbx_core.domain.calls.state import Fork, Leg, LegState, Talking, Transfer
from pbx_core.domain.calls.turn import RING, Turn, party_of
from pbx_core.domain.nodes import Change, Hangup, Join, JoinHow, Node, Origin, RecordPolicy, Ring
from pbx_core.domain.phrases import phrase

MIDDLE = (100, "Trying")


def asked(turn: Turn) -> None:
    """REFER, a feature code or the API."""
    stage, event = turn.stage(Talking), turn.event
    leg = turn.leg(event.leg or "")
    means = str(event.detail.get("means", "refer"))
    if leg is None or leg.role or leg.state is not LegState.UP or leg.name not in (turn.call.subject, stage.peer):
        return refuse(turn, means, 481, "No Such Call")
    if stage.transfer is not None or stage.parking:
        return refuse(turn, means, 491, "Request Pending")
    if not leg.internal:  # nobody outside may place calls at our cost
        return refuse(turn, means, 603, "Declined")
    target, replaces = str(event.detail.get("target", "")), str(event.detail.get("replaces") or "")
    transfer = Transfer(leg.name, leg.number, "attended" if replaces else "blind", target, means)
    turn.change(leg.name, typing="", typed="")
    turn.cancel(f"dial:{leg.name}", f"code:{leg.name}")
    _put(turn, transfer)
    conversation.tell(turn, *MIDDLE)
    if replaces:
        as_leg = turn.free_name(party_of(leg.name))
        _put(turn, replace(transfer, as_leg=as_leg))
        turn.do(AdoptConsultation(leg.name, replaces, as_leg))
    else:
        _ask(turn, transfer, leg)
    sound.settle(turn)


def refuse(turn: Turn, means: str, status: int, reason: str) -> None:
    """No transfer."""
    if means == "refer" and turn.event.leg is not None:
        turn.do(TellTransfer(turn.event.leg, status, reason))


def routed(turn: Turn) -> None:
    """The dialplan's answer: a phone to ring, or a place where the other goes at once."""
    stage = turn.stage(Talking)
    transfer = stage.transfer
    if transfer is None:
        return
    routed = routed_of(turn.event)
    transfer = replace(transfer, origin=routed.origin, visited=routed.visited)
    _put(turn, transfer)
    match routed.node:
        case Ring() as node:
            _ring(turn, transfer, node)
        case Hangup() as node:
            _failed(turn, node.status, node.reason, node)
        case Join(how=JoinHow.RETRIEVE, call_id=""):  # an empty park slot: that is parking
            conversation.tell(turn, 200, "OK")
            _put(turn, None)
            parking.ask_for(turn, transfer.by, transfer.number)
        case Join() | Change():
            _failed(turn, 603, "Declined")
        case node:
            _goes_on(turn, transfer, node)


def rings(turn: Turn) -> bool:
    """Whether the event was about the target's phones."""
    transfer = turn.stage(Talking).transfer
    if transfer is None or transfer.fork is None or transfer.node is None:
        return False
    progress = fork.on(turn, transfer.fork)
    if progress is None:
        return False
    _go_on(turn, transfer, transfer.node, progress)
    if turn.event.type is EventType.RINGING and isinstance(progress, Fork):
        conversation.tell(turn, 180, "Ringing")
        remaining = _remaining(turn, transfer)
        if not (leg := turn.leg(remaining)) or not leg.playing.startswith("ringback"):
            turn.play(remaining, RINGBACK, "ringback", loop=True)
    return True


def adopted(turn: Turn) -> None:
    """The consulted party is ours now."""
    transfer, detail = turn.stage(Talking).transfer, turn.event.detail
    name, number = turn.event.leg or "", str(detail.get("number", ""))
    if transfer is None or transfer.as_leg != name:
        turn.hang_up(name, 480, "Temporarily Unavailable")
    elif not detail.get("answered", True):
        turn.hang_up(name, elsewhere=True)
        _blind_after_all(turn, transfer)
    else:
        call = turn.call
        _complete(turn, transfer, number)
        conversation.begin(turn, name, call.policy, call.call_s_max, emergency=False)


def not_adopted(turn: Turn) -> None:
    """The consultation is gone, or its phone still rings: then the transfer is a blind one to the same number."""
    transfer = turn.stage(Talking).transfer
    if transfer is None or not transfer.as_leg:
        return
    if turn.event.detail.get("reason") == "ringing":
        _blind_after_all(turn, transfer)
    else:
        _failed(turn, 481, "No Such Call")


def _blind_after_all(turn: Turn, transfer: Transfer) -> None:
    leg = turn.leg(transfer.by)
    transfer = replace(transfer, how="blind", as_leg="")
    _put(turn, transfer)
    number = transfer.number
    _ask(turn, transfer, leg or Leg(transfer.by, LegState.LEAVING, number, internal=True))


def _ask(turn: Turn, transfer: Transfer, leg: Leg) -> None:
    """The target is dialled with the rights of who asked. A person chose it: what was passed before is no circle."""
    began = turn.call.origin  # the number called stays: it decides on recording, and in whose name the call goes on
    origin = Origin("extension", leg.number, leg.title, leg.number, did=began.did, trunk_id=began.trunk_id)
    turn.ask("transfer", transfer.target, origin, (f"transfer:{leg.number}",))


def _ring(turn: Turn, transfer: Transfer, node: Ring) -> None:
    other = turn.leg(_remaining(turn, transfer))
    begun = fork.start(
        turn,
        node.targets,
        side=party_of(transfer.by),
        timer=RING,
        ring_s=node.ring_s,
        one_by_one=node.one_by_one,
        shown=(other.number, other.title) if other else ("", ""),
    )
    _go_on(turn, transfer, node, begun)


def _go_on(turn: Turn, transfer: Transfer, node: Ring, progress: fork.Progress) -> None:
    match progress:
        case Fork():
            _put(turn, replace(transfer, node=node, fork=progress))
        case fork.Taken(leg, number, _, emergency):
            _complete(turn, transfer, number)
            conversation.begin(turn, leg, node.record, node.call_s_max, emergency=emergency)
        case fork.Failed(outcome, status, reason):
            onward = "" if turn.up(transfer.by) else next_of(node, outcome)
            if onward:
                _complete(turn, transfer, transfer.target)
                turn.hush(turn.call.subject)
                turn.mix(())
                turn.route(onward)
            else:
                _failed(turn, status or 503, reason)


def _goes_on(turn: Turn, transfer: Transfer, node: Node) -> None:
    """The other goes to a menu, a queue, a mailbox …: the transfer has come about."""
    _complete(turn, transfer, transfer.target)
    leave_talk(turn)
    turn.entering = node


def leave_talk(turn: Turn) -> None:
    """The subject talks with nobody now: no sound, no supervisors."""
    turn.hush(turn.call.subject)
    turn.mix(())
    for leg in list(turn.call.legs.values()):
        if leg.role:
            turn.hang_up(leg.name)


def _complete(turn: Turn, transfer: Transfer, number: str) -> None:
    conversation.tell(turn, 200, "OK")
    turn.note(EventType.TRANSFERRED, transfer.by, how=transfer.how, target=number, by=transfer.number)
    conversation.over(turn)
    remaining = _remaining(turn, transfer)
    turn.hang_up(transfer.by)
    origin, visited = transfer.origin or turn.call.origin, transfer.visited or turn.call.visited
    turn.set(subject=remaining, origin=origin, visited=visited, policy=RecordPolicy())


def _failed(turn: Turn, status: int, reason: str, node: Hangup | None = None) -> None:
    """He who asked gets the other back; when he is gone, the other is told and the call ends."""
    transfer = turn.stage(Talking).transfer
    assert transfer is not None
    conversation.tell(turn, status if status >= 300 else 480, reason)
    remaining = _remaining(turn, transfer)
    turn.hush(remaining)
    _put(turn, None)
    if turn.up(transfer.by):
        sound.settle(turn)
        return
    conversation.over(turn)
    turn.set(subject=remaining)
    leave_talk(turn)
    sorry = node.sounds if node and node.sounds else (phrase("transfer_failed", turn.call.language),)
    turn.entering = Hangup(480, "Transfer Failed", f"transfer failed: {status} {reason}".strip(), sorry)


def _remaining(turn: Turn, transfer: Transfer) -> str:
    peer = turn.stage(Talking).peer
    return peer if transfer.by == turn.call.subject else turn.call.subject


def _put(turn: Turn, transfer: Transfer | None) -> None:
    turn.set(stage=replace(turn.stage(Talking), transfer=transfer))
