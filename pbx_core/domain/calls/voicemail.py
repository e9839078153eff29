"""Leaving a message: greeting, beep, the message until #, hang-up or the limit, thanks."""

from __future__ import annotations

from dataclasses import replace

from pbx_core.domain.calls.commands import Message, StartRecording, StopRecording
from pbx_core.domain.calls.events import EventType
from pbx_core.domain.calls.state import LeavingMessage
from pbx_core.domain.calls.turn import Turn, party_of
from pbx_core.domain.nodes import Voicemail
from pbx_core.domain.phrases import phrase
from pbx_core.domain.records import Disposition

MESSAGE = "message"  # timer
MESSAGE_S_MIN = 1.0  # anything shorter is a slip, not a message
BEEP = ("tone:beep",)
DONE = "voicemail"  # what the record says of a call that ended here


def enter(turn: Turn, node: Voicemail) -> None:
    """Greet."""
    turn.set(stage=LeavingMessage(node))
    turn.answer(turn.call.subject)
    if not turn.play(turn.call.subject, node.greeting, "greeting"):
        _beep(turn)


def on(turn: Turn) -> None:
    """The end of a sound, a key, the limit, the caller's hang-up, the recorder."""
    stage, event = turn.stage(LeavingMessage), turn.event
    match event.type:
        case EventType.ENDED if event.leg == turn.call.subject:
            side = party_of(event.leg)
            turn.end(Disposition.NO_ANSWER, f"{side} hung up in the voicemail", side, status=487)
        case EventType.PLAYED if turn.played == "greeting":
            _beep(turn)
        case EventType.PLAYED if turn.played == "beep":
            _record(turn)
        case EventType.PLAYED if turn.played == "thanks":
            turn.end(Disposition.NO_ANSWER, DONE)
        case EventType.RECORDING_STARTED if stage.phase == "message":
            started = replace(stage, recording_id=str(event.detail["recording_id"]), since=event.mono_s)
            turn.set(stage=started)
        case EventType.RECORDING_REFUSED:
            turn.cancel(MESSAGE)
            turn.set(stage=replace(stage, phase="thanks"))
            _say(turn, "error")
        case EventType.DTMF if event.digit == "#" and event.leg == turn.call.subject:
            _hash(turn)
        case EventType.TIMER if event.detail.get("name") == MESSAGE:
            _finished(turn)


def leave(turn: Turn) -> None:
    """The call ends: what was said until now is the message."""
    turn.cancel(MESSAGE)
    _keep(turn)


def _beep(turn: Turn) -> None:
    turn.set(stage=replace(turn.stage(LeavingMessage), phase="beep"))
    turn.play(turn.call.subject, BEEP, "beep")


def _record(turn: Turn) -> None:
    stage = turn.stage(LeavingMessage)
    turn.set(stage=replace(stage, phase="message"), segments=turn.call.segments + 1)
    turn.do(StartRecording(turn.call.subject, "", turn.call.segments, kind="voicemail", consent_basis="own_message"))
    turn.timer(MESSAGE, stage.node.message_s_max)


def _hash(turn: Turn) -> None:
    """# skips the greeting and ends the message."""
    phase = turn.stage(LeavingMessage).phase
    if phase == "greeting":
        _beep(turn)
    elif phase == "message":
        _finished(turn)


def _finished(turn: Turn) -> None:
    kept = _keep(turn)
    turn.cancel(MESSAGE)
    if kept:
        _say(turn, "voicemail_saved")
    else:
        turn.end(Disposition.NO_ANSWER, DONE)


def _say(turn: Turn, key: str) -> None:
    if not turn.play(turn.call.subject, [phrase(key, turn.call.language)], "thanks"):
        turn.end(Disposition.NO_ANSWER, DONE)


def _keep(turn: Turn) -> bool:
    """Close the recording; True when it is long enough to be a message."""
    stage = turn.stage(LeavingMessage)
    if stage.phase != "message":
        return False
    turn.set(stage=replace(stage, phase="thanks"))
    turn.do(StopRecording())
    seconds = round(turn.event.mono_s - stage.since, 3)
    if not stage.recording_id or seconds < MESSAGE_S_MIN:
        return False
    mailbox = stage.node.mailbox
    turn.do(Message(mailbox, "left", stage.recording_id, seconds))
    turn.note(
        EventType.VOICEMAIL_LEFT,
        turn.call.subject,
        mailbox=mailbox,
        recording_id=stage.recording_id,
        seconds=seconds,
    )
    return True
