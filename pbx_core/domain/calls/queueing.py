"""Waiting in a queue: music, position and waiting time, agents rung for each offer, exit and call-back keys."""

from __future__ import annotations

import math
from dataclasses import replace

from pbx_core.domain.calls import announce, conversation, fork, ringing
from pbx_core.domain.calls.commands import QueueJoin, QueueLeave, QueueOfferEnded
from pbx_core.domain.calls.events import EventType
from pbx_core.domain.calls.state import Fork, Queueing
from pbx_core.domain.calls.turn import Turn, opposite
from pbx_core.domain.nodes import Queue, Target
from pbx_core.domain.phrases import phrase
from pbx_core.domain.records import Disposition, from_json

OFFER, WAIT, SAY = "offer", "wait", "say"  # timers
SAY_S_MIN = 5.0  # between announcements, whatever the node says


def enter(turn: Turn, node: Queue) -> None:
    """Answer, greet, wait."""
    turn.set(stage=Queueing(node, turn.event.mono_s), language=node.language or turn.call.language)
    turn.answer(turn.call.subject)
    if not turn.play(turn.call.subject, node.welcome, "welcome"):
        _music(turn)
    subject = turn.subject
    turn.do(QueueJoin(node.queue, subject.number if subject else ""))
    turn.timer(WAIT, node.wait_s_max)
    _say_later(turn, node)


def on(turn: Turn) -> None:
    """News of the queue, of an agent's phone, of the caller."""
    stage, event = turn.stage(Queueing), turn.event
    if event.type is EventType.ENDED and event.leg == turn.call.subject:
        announce.abandoned(turn, "in the queue")
        return
    if stage.fork is not None and (progress := fork.on(turn, stage.fork)) is not None:
        _go_on(turn, progress)
        return
    match event.type:
        case EventType.QUEUE_JOINED | EventType.QUEUE_POSITION:
            _position(turn)
        case EventType.QUEUE_OFFER:
            _offer(turn)
        case EventType.QUEUE_FULL:
            _refused(turn)
        case EventType.DTMF:
            if event.leg == turn.call.subject:
                _key(turn)
        case EventType.PLAYED:
            _played(turn)
        case EventType.TIMER if event.detail.get("name") == WAIT:
            _left(turn, "overflow", stage.node.on_overflow, "waited too long in the queue")
        case EventType.TIMER if event.detail.get("name") == SAY:
            _say(turn)


def leave(turn: Turn) -> None:
    """The caller went, or the call ends otherwise: out of the queue."""
    if not turn.stage(Queueing).leaving:
        _out(turn, "abandoned")


def picked_up(turn: Turn, leg: str, number: str) -> None:
    """A colleague took the call that rang at an agent's."""
    _end_offer(turn, number, elsewhere=True)
    _talk(turn, leg, number, emergency=False)


def _position(turn: Turn) -> None:
    stage, detail = turn.stage(Queueing), turn.event.detail
    wait_s = detail.get("wait_s")
    position = int(detail.get("position") or stage.position)
    wait = stage.wait_s if wait_s is None else float(wait_s)
    turn.set(stage=replace(stage, joined=True, position=position, wait_s=wait))


def _offer(turn: Turn) -> None:
    """Ring these agents now; an offer that still rings gives way."""
    stage, detail = turn.stage(Queueing), turn.event.detail
    agents = [from_json(Target, agent) for agent in detail.get("agents", ())]
    if stage.leaving:
        return decline(turn)
    if stage.offer_id:
        _end_offer(turn, "")
    turn.set(stage=replace(turn.stage(Queueing), offer_id=str(detail["offer_id"])))
    begun = fork.start(
        turn,
        agents,
        side=opposite(turn.call.subject),
        timer=OFFER,
        ring_s=stage.node.agent_ring_s,
        one_by_one=False,
        shown=ringing.shown_by(turn),
    )
    _go_on(turn, begun)


def decline(turn: Turn) -> None:
    """An offer that crossed the caller's leaving: nobody rings."""
    agents = [from_json(Target, agent) for agent in turn.event.detail.get("agents", ())]
    _report(turn, str(turn.event.detail["offer_id"]), "", tuple((a.number, fork.CANCELLED) for a in agents))


def _go_on(turn: Turn, progress: fork.Progress) -> None:
    stage = turn.stage(Queueing)
    match progress:
        case Fork():
            turn.set(stage=replace(stage, fork=progress))
        case fork.Taken(leg, number, results, emergency):
            _report(turn, stage.offer_id, number, results)
            _talk(turn, leg, number, emergency=emergency)
        case fork.Failed(results=results):
            turn.set(stage=replace(stage, fork=None, offer_id=""))
            _report(turn, stage.offer_id, "", results)


def _talk(turn: Turn, leg: str, number: str, *, emergency: bool) -> None:
    stage = turn.stage(Queueing)
    turn.set(stage=replace(stage, fork=None, offer_id=""))
    _out(turn, "answered")
    turn.connected(number)
    node = stage.node
    conversation.begin(turn, leg, node.record, node.call_s_max, agent=number, emergency=emergency)


def _end_offer(turn: Turn, by: str, *, elsewhere: bool = False) -> None:
    """The agents ring no longer."""
    stage = turn.stage(Queueing)
    results = fork.give_up(turn, stage.fork, elsewhere) if stage.fork is not None else ()
    turn.set(stage=replace(stage, fork=None, offer_id=""))
    if stage.offer_id:
        _report(turn, stage.offer_id, by, results)


def _report(turn: Turn, offer_id: str, by: str, results: tuple[tuple[str, str], ...]) -> None:
    turn.do(QueueOfferEnded(offer_id, by, results))
    turn.note(EventType.OFFER_ENDED, offer_id=offer_id, results=dict(results))


def _out(turn: Turn, how: str) -> None:
    """Leave the queue and write down how, where from and after how long."""
    _end_offer(turn, "")
    stage = turn.stage(Queueing)
    turn.cancel(WAIT, SAY)
    turn.do(QueueLeave(how))
    wait_s = round(max(0.0, turn.event.mono_s - stage.since), 3)
    turn.note(EventType.QUEUE_LEFT, queue=stage.node.queue, how=how, position=stage.position, wait_s=wait_s)


def _left(turn: Turn, how: str, destination: str, cause: str) -> None:
    _out(turn, how)
    turn.set(stage=replace(turn.stage(Queueing), leaving=True))
    turn.hush(turn.call.subject)
    if destination:
        turn.route(destination)
    else:
        turn.end(Disposition.NO_ANSWER, cause)


def _refused(turn: Turn) -> None:
    """Full, or nobody is logged in: at the door or while waiting."""
    stage, reason = turn.stage(Queueing), str(turn.event.detail.get("reason", "full"))
    if stage.leaving:
        return
    if reason == "empty" and (stage.node.on_empty or not stage.joined):
        _left(turn, "empty", stage.node.on_empty or stage.node.on_overflow, "nobody is logged in at the queue")
    elif reason != "empty":
        _left(turn, "overflow", stage.node.on_overflow, "the queue is full")


def _key(turn: Turn) -> None:
    stage, key = turn.stage(Queueing), turn.event.digit
    node, subject = stage.node, turn.subject
    if not key or stage.leaving:
        return
    if key == node.exit_key:
        _left(turn, "key", node.on_exit, "left the queue by key")
    elif key == node.callback_key and subject is not None and subject.number.lstrip("+").isdigit():
        _out(turn, "callback")
        turn.set(stage=replace(turn.stage(Queueing), leaving=True))
        turn.play(subject.name, [phrase("queue_callback_ok", turn.call.language)], "callback")


def _played(turn: Turn) -> None:
    if turn.played == "callback":
        turn.end(Disposition.NO_ANSWER, "asked to be called back")
    elif turn.played in ("welcome", "say") and not turn.stage(Queueing).leaving:
        _music(turn)


def _music(turn: Turn) -> None:
    turn.play(turn.call.subject, [turn.stage(Queueing).node.music], "music", loop=True)


def _say(turn: Turn) -> None:
    """Position and expected waiting time, then music again."""
    stage, language = turn.stage(Queueing), turn.call.language
    sounds = []
    if stage.node.say_position and stage.position:
        sounds.append(phrase("queue_position", language, n=stage.position))
    if stage.node.say_wait and stage.wait_s is not None:
        sounds.append(phrase("queue_wait", language, minutes=max(1, math.ceil(stage.wait_s / 60))))
    subject = turn.subject
    if subject is not None and not subject.playing.startswith("welcome"):
        turn.play(subject.name, sounds, "say")
    _say_later(turn, stage.node)


def _say_later(turn: Turn, node: Queue) -> None:
    if node.announce_s > 0 and (node.say_position or node.say_wait):
        turn.timer(SAY, max(SAY_S_MIN, node.announce_s))
