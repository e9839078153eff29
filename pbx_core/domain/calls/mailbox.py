"""Hearing one's own messages by phone: 1 again, 2 next, 7 delete, # leave."""

from __future__ import annotations

from dataclasses import replace

from pbx_core.domain.calls import announce
from pbx_core.domain.calls.commands import Message
from pbx_core.domain.calls.events import EventType
from pbx_core.domain.calls.state import InMailbox
from pbx_core.domain.calls.turn import Turn
from pbx_core.domain.nodes import Mailbox
from pbx_core.domain.phrases import phrase
from pbx_core.domain.records import Disposition

KEY = "key"  # timer
KEY_S = 15.0  # who presses nothing for so long after a message goes on to the next


def enter(turn: Turn, node: Mailbox) -> None:
    """The first message, or that there is none."""
    turn.set(stage=InMailbox(node))
    turn.answer(turn.call.subject)
    turn.connected("")
    _message(turn, 0)


def on(turn: Turn) -> None:
    """A key, the end of a sound, a long silence, the hang-up."""
    stage, event = turn.stage(InMailbox), turn.event
    if event.type is EventType.ENDED and event.leg == turn.call.subject:
        announce.abandoned(turn, "in the mailbox")
    elif event.type is EventType.PLAYED:
        _played(turn)
    elif event.type is EventType.TIMER and event.detail.get("name") == KEY:
        _message(turn, stage.at + 1)
    elif event.type is EventType.DTMF and event.leg == turn.call.subject and stage.phase != "bye":
        _key(turn, event.digit)


def _key(turn: Turn, key: str) -> None:
    stage = turn.stage(InMailbox)
    if key not in ("1", "2", "7", "#"):
        return
    turn.cancel(KEY)
    if key == "#":
        turn.end(Disposition.ANSWERED, "end of the mailbox")
    elif key == "7":
        turn.do(Message(stage.node.mailbox, "deleted", stage.node.messages[stage.at][0]))
        _message(turn, stage.at + 1, (phrase("message_deleted", turn.call.language),))
    else:
        _message(turn, stage.at + (key == "2"))


def _message(turn: Turn, at: int, before: tuple[str, ...] = ()) -> None:
    stage = turn.stage(InMailbox)
    node, language = stage.node, turn.call.language
    total = len(node.messages)
    if at < total:
        turn.set(stage=replace(stage, at=at, phase="message"))
        spoken = phrase("mailbox_message", language, n=at + 1, total=total)
        sounds = (*before, spoken, *node.messages[at][1])
    else:
        turn.set(stage=replace(stage, at=at, phase="bye"))
        sounds = before if total else node.empty or (phrase("mailbox_empty", language),)
    if not turn.play(turn.call.subject, sounds, "mailbox"):
        turn.end(Disposition.ANSWERED, "end of the mailbox")


def _played(turn: Turn) -> None:
    stage = turn.stage(InMailbox)
    if stage.phase == "bye":
        turn.end(Disposition.ANSWERED, "end of the mailbox")
    elif stage.phase == "message":
        turn.do(Message(stage.node.mailbox, "heard", stage.node.messages[stage.at][0]))
        turn.set(stage=replace(stage, phase="help"))
        if not turn.play(turn.call.subject, stage.node.help, "mailbox"):
            turn.timer(KEY, KEY_S)
    else:
        turn.timer(KEY, KEY_S)
