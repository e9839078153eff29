"""Two people talk: hold, digits, silence of a phone, limits, and the end."""

from __future__ import annotations

from pbx_core.domain.calls import codes, conversation, fork, parking, sound, taping, transfer
from pbx_core.domain.calls.events import EventType
from pbx_core.domain.calls.state import Leg, Talking, Tape
from pbx_core.domain.calls.turn import MAX, Turn, cause_of, party_of
from pbx_core.domain.records import Disposition

NEVER_CONNECTED = (487, 488)  # the caller's own end of an INVITE that our 200 came too late for: nobody talked


def on(turn: Turn) -> None:
    """Any event of a call in conversation."""
    stage, event = turn.stage(Talking), turn.event
    if stage.transfer is not None and transfer.rings(turn):
        return
    match event.type:
        case EventType.ENDED:
            _ended(turn)
        case EventType.HELD | EventType.UNHELD:
            if event.type is EventType.UNHELD:
                taping.again(turn, event.leg or "")
            sound.settle(turn)
        case EventType.DTMF:
            codes.digit(turn)
        case EventType.PLAYED:
            _played(turn)
        case EventType.TIMER:
            _timer(turn, str(event.detail.get("name")))
        case EventType.MEDIA_LOST:
            _silent(turn)
        case EventType.RECORDING_REFUSED:
            turn.set(tape=Tape.OFF if turn.call.tape is Tape.ON else turn.call.tape)
        case EventType.TRANSFER_ASKED:
            transfer.asked(turn)
        case EventType.ROUTED:
            transfer.routed(turn)
        case EventType.ADOPTED:
            transfer.adopted(turn)
        case EventType.JOIN_FAILED:
            if stage.parking:
                parking.refused(turn)
            else:
                transfer.not_adopted(turn)
        case EventType.PARKED:
            parking.parked(turn)


def leave(turn: Turn) -> None:
    """The call ends."""
    stage = turn.stage(Talking)
    if stage.transfer is not None:
        conversation.tell(turn, 487, "Request Terminated")
        if stage.transfer.fork is not None:
            fork.give_up(turn, stage.transfer.fork)
    conversation.over(turn)


def _ended(turn: Turn) -> None:
    """A leg hung up. Who asked for a transfer, or parked, may go: the others stay."""
    stage, gone = turn.stage(Talking), turn.gone
    assert gone is not None
    if gone.role or (stage.transfer is not None and stage.transfer.by == gone.name):
        sound.settle(turn)
    elif stage.parking != gone.name:
        _hung_up(turn, gone)


def _hung_up(turn: Turn, gone: Leg) -> None:
    status = int(turn.event.detail.get("status", 0))
    if gone.incoming and not gone.confirmed and gone.name == "caller" and status in NEVER_CONNECTED:
        turn.set(person_mono_s=None, person="")
        turn.end(Disposition.CANCELLED, "caller hung up before an answer", party_of(gone.name), status=487)
        return
    cause = f"{party_of(gone.name)} hung up" if 200 <= status < 300 else cause_of(turn.event)
    turn.end(Disposition.ANSWERED, cause, party_of(gone.name))


def _played(turn: Turn) -> None:
    if turn.played.startswith(taping.NOTICE) and taping.heard(turn):
        sound.settle(turn)
        taping.start(turn)
    else:
        sound.settle(turn)


def _timer(turn: Turn, name: str) -> None:
    if name == MAX:
        turn.end(Disposition.ANSWERED, f"call limit {turn.call.call_s_max:g} s")
    elif name == taping.NOTICE and taping.overdue(turn):
        sound.settle(turn)
    else:
        codes.timer(turn, name)


def _silent(turn: Turn) -> None:
    """A phone fell silent without a BYE: the talk ended with its last sound."""
    stage, leg = turn.stage(Talking), turn.event.leg or ""
    on_the_way_out = stage.transfer is not None and stage.transfer.by == leg
    if on_the_way_out or leg not in (turn.call.subject, stage.peer):
        turn.hang_up(leg)
        sound.settle(turn)
        return
    cause = f"no media from the {party_of(leg)} for {float(turn.event.detail['silence_s']):g} s"
    turn.end(Disposition.ANSWERED, cause, mono_s=float(turn.event.detail["last_media_mono_s"]))
