"""Saying something: an announcement and what follows it, the words before a rejection, a setting that was changed."""

from __future__ import annotations

from pbx_core.domain.calls.commands import RingBack, Store
from pbx_core.domain.calls.events import EventType
from pbx_core.domain.calls.fork import BUSY_STATUSES
from pbx_core.domain.calls.state import Announcing, LegState
from pbx_core.domain.calls.turn import Turn, cause_of, party_of
from pbx_core.domain.nodes import Announce, Change, Hangup
from pbx_core.domain.records import Disposition

SESSION_PROGRESS = 183
NOBODY_STATUSES = (408, 480)


def enter(turn: Turn, node: Announce | Hangup | Change) -> None:
    """Say it, answered or as early media."""
    turn.set(stage=Announcing(node))
    if isinstance(node, Change):
        turn.do(Store(node.what, node.value))
        turn.connected("")
    answered = isinstance(node, Change) or (isinstance(node, Announce) and node.answer)
    if not speak(turn, node.sounds, "announcement", answered=answered):
        _said(turn)


def speak(turn: Turn, sounds: tuple[str, ...], purpose: str, *, answered: bool) -> bool:
    """Let the subject hear sounds; one who called us and is not to be answered hears them as early media. False when
    there is nothing to hear."""
    subject = turn.subject
    if subject is not None and answered:
        turn.answer(subject.name)
    if subject is None or not any(sounds):
        return False
    if subject.state is LegState.CALLING and not answered:
        turn.do(RingBack(subject.name, SESSION_PROGRESS))
    return turn.play(subject.name, sounds, purpose)


def on(turn: Turn) -> None:
    """The end of the words, or of the caller's patience."""
    if turn.event.type is EventType.PLAYED and turn.played == "announcement":
        _said(turn)
    elif turn.event.type is EventType.ENDED and turn.event.leg == turn.call.subject:
        abandoned(turn, "in the announcement")


def abandoned(turn: Turn, where: str) -> None:
    """The caller's leg ended while a machine spoke to him or before anybody answered."""
    status = int(turn.event.detail.get("status", 0))
    side = party_of(turn.call.subject)
    answered = turn.gone is None or turn.gone.state is LegState.UP
    if not answered and status != 487:
        turn.end(Disposition.FAILED, cause_of(turn.event), side, status=487)
    elif turn.call.person_mono_s is not None:
        cause = f"{side} hung up" if 200 <= status < 300 else cause_of(turn.event)
        turn.end(Disposition.ANSWERED, cause, side)
    else:
        turn.end(Disposition.CANCELLED, f"{side} hung up {where}", side, status=487)


def _said(turn: Turn) -> None:
    node = turn.stage(Announcing).node
    match node:
        case Announce(then=then) if then:
            turn.route(then)
        case Announce():
            turn.end(Disposition.NO_ANSWER, "announcement", status=480, reason="Announcement")
        case Change(what=what):
            turn.end(Disposition.ANSWERED, f"setting changed: {what}")
        case Hangup():
            turn.end(_disposition(turn, node), node.cause, status=node.status, reason=node.reason)


def _disposition(turn: Turn, node: Hangup) -> Disposition:
    """A caller who was answered by a machine alone had no answer; one who never was had what the status says."""
    subject = turn.subject
    if subject is not None and subject.state is LegState.UP:
        return Disposition.NO_ANSWER
    if node.status in BUSY_STATUSES:
        return Disposition.BUSY
    return Disposition.NO_ANSWER if node.status in NOBODY_STATUSES else Disposition.FAILED


def goodbye(sound: str, cause: str) -> Hangup:
    """The node that says something and hangs up."""
    return Hangup(480, "Temporarily Unavailable", cause, (sound,))
