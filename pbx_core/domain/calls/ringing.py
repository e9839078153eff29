"""The Ring node: phones ring until somebody takes the call, or it goes where the node says."""

from __future__ import annotations

from dataclasses import replace

from pbx_core.domain.calls import conversation, fork
from pbx_core.domain.calls.commands import RingBack
from pbx_core.domain.calls.events import EventType
from pbx_core.domain.calls.state import Fork, LegState, Ringing
from pbx_core.domain.calls.turn import RING, Turn, cause_of, opposite, party_of
from pbx_core.domain.nodes import Ring
from pbx_core.domain.records import Disposition

RINGBACK = ("tone:ringback",)


def enter(turn: Turn, node: Ring) -> None:
    """Begin to ring."""
    turn.set(stage=Ringing(node, Fork("", RING, 0.0)))
    begun = fork.start(
        turn,
        node.targets,
        side=opposite(turn.call.subject),
        timer=RING,
        ring_s=node.ring_s,
        one_by_one=node.one_by_one,
        shown=shown_by(turn),
    )
    _go_on(turn, begun)


def shown_by(turn: Turn) -> tuple[str, str]:
    """Number and name of the subject, as the called see them."""
    leg = turn.subject
    return (leg.number, leg.title) if leg else ("", "")


def on(turn: Turn) -> None:
    """An event of the caller's leg, a phone that rings, or the ring limit."""
    stage = turn.stage(Ringing)
    event = turn.event
    if event.type is EventType.ENDED and event.leg == turn.call.subject:
        caller_gave_up(turn)
        return
    progress = fork.on(turn, stage.fork)
    if progress is not None:
        _go_on(turn, progress)
    if event.type is EventType.RINGING and isinstance(progress, Fork):
        _ring_back(turn)


def leave(turn: Turn) -> None:
    """The call ends or goes elsewhere: nothing rings on."""
    fork.give_up(turn, turn.stage(Ringing).fork)


def picked_up(turn: Turn, leg: str, number: str) -> None:
    """Another phone took the ringing call."""
    stage = turn.stage(Ringing)
    fork.give_up(turn, stage.fork, elsewhere=True)
    turn.connected(number)
    conversation.begin(turn, leg, stage.node.record, stage.node.call_s_max)


def caller_gave_up(turn: Turn) -> None:
    """The caller's leg ended before anybody took the call."""
    gone = turn.gone
    status = int(turn.event.detail.get("status", 0))
    if gone is None or gone.state is LegState.UP or status == 487:
        turn.end(Disposition.CANCELLED, "caller hung up before an answer", party_of(turn.call.subject), status=487)
    else:
        turn.end(Disposition.FAILED, cause_of(turn.event), party_of(turn.call.subject), status=487)


def _go_on(turn: Turn, progress: fork.Progress) -> None:
    stage = turn.stage(Ringing)
    match progress:
        case Fork():
            turn.set(stage=replace(stage, fork=progress))
        case fork.Taken(leg, number, _, emergency):
            turn.connected(number)
            conversation.begin(turn, leg, stage.node.record, stage.node.call_s_max, emergency=emergency)
        case fork.Failed():
            turn.set(stage=replace(stage, fork=replace(stage.fork, attempts={}, waiting=())))
            _nobody(turn, stage.node, progress)


def next_of(node: Ring, outcome: str) -> str:
    """Where the node sends a call that nobody took."""
    ways = {fork.BUSY: node.on_busy, fork.NO_ANSWER: node.on_no_answer, fork.OFFLINE: node.on_offline}
    return ways.get(outcome, node.on_failed)


def _nobody(turn: Turn, node: Ring, failed: fork.Failed) -> None:
    onward = next_of(node, failed.outcome)
    if onward:
        turn.hush(turn.call.subject)
        turn.mix(())
        turn.route(onward)
        return
    callee = opposite(turn.call.subject)
    if failed.timed_out and failed.outcome == fork.NO_ANSWER:
        turn.end(Disposition.NO_ANSWER, f"ring limit {node.ring_s:g} s", status=480, reason="No Answer")
    elif failed.status == 0:
        turn.end(Disposition.FAILED, failed.reason or "nobody to ring", status=503, reason="Cannot Reach Callee")
    else:
        busy = failed.status in fork.BUSY_STATUSES
        disposition = Disposition.BUSY if busy else Disposition.FAILED
        cause = f"{failed.status} {failed.reason}".strip()
        turn.end(disposition, cause, callee, status=failed.status, reason=failed.reason)


def _ring_back(turn: Turn) -> None:
    """The caller hears that it rings: by a provisional response, or a tone when he is answered already."""
    stage = turn.stage(Ringing)
    status, media = int(turn.event.detail["status"]), bool(turn.event.detail.get("media"))
    subject = turn.subject
    if subject is None:
        return
    if subject.state is LegState.CALLING:
        if status != stage.relayed:
            turn.set(stage=replace(stage, relayed=status))
            turn.do(RingBack(subject.name, status))
    elif not subject.playing:
        turn.play(subject.name, RINGBACK, "ringback", loop=True)
    if media and len(stage.fork.attempts) == 1 and turn.event.leg and not subject.held:
        turn.hush(subject.name)
        turn.mix([(turn.event.leg, subject.name), (subject.name, turn.event.leg)])
