"""Recording: its policy, the announcement that both sides hear to its end before the first byte, pauses, segments."""

from __future__ import annotations

from dataclasses import replace

from pbx_core.domain.calls.commands import PauseRecording, ResumeRecording, StartRecording, StopRecording
from pbx_core.domain.calls.events import EventType, side_of
from pbx_core.domain.calls.state import Leg, LegState, Talking, Tape
from pbx_core.domain.calls.turn import Turn
from pbx_core.domain.nodes import RecordMode
from pbx_core.domain.records import Party

NOTICE, PAUSE = "notice", "pause"  # timers
NOTICE_S_MAX = 60.0  # an announcement whose end is never reported holds the talk back no longer
ANNOUNCING = (Tape.NOTICE, Tape.ADDED)
FIRST, LATER = "notice-first", "notice-later"  # before the talk begins; in its midst, on demand


def begin(turn: Turn) -> bool:
    """A conversation begins: whether its sound may begin at once, nobody needing to hear an announcement first."""
    policy = turn.call.policy
    turn.set(tape=Tape.OFF)
    if policy.mode is RecordMode.NEVER or (policy.mode is RecordMode.ON_DEMAND and not turn.call.wanted):
        return True
    if turn.call.emergency and policy.announcement:
        refuse(turn, "emergency call: no announcement may delay it")
        return True
    return not _announce(turn, FIRST)


def start(turn: Turn) -> None:
    """Begin a segment, unless one runs, the announcement is still heard, or the policy says no."""
    stage = turn.stage(Talking)
    call = turn.call
    demanded = call.policy.mode is RecordMode.ALWAYS or (call.policy.mode is RecordMode.ON_DEMAND and call.wanted)
    if call.tape is not Tape.OFF or not demanded or (call.emergency and call.policy.announcement):
        return
    sides = {side_of(name): name for name in (stage.peer, call.subject)}
    turn.set(tape=Tape.ON, segments=call.segments + 1)
    basis = call.policy.consent_basis
    caller, callee = sides[Party.CALLER], sides[Party.CALLEE]
    turn.do(StartRecording(caller, callee, call.segments + 1, consent_basis=basis, paused=call.paused))


def stop(turn: Turn) -> None:
    """Close the segment that runs; an announcement that is still heard is dropped."""
    turn.cancel(NOTICE)
    for leg in list(turn.call.legs.values()):
        if leg.playing.startswith((FIRST, LATER)):
            turn.hush(leg.name)
    if turn.call.tape is Tape.ON:
        turn.do(StopRecording())
    turn.set(tape=Tape.OFF)


def refuse(turn: Turn, reason: str) -> None:
    """There will be no recording, and why."""
    turn.note(EventType.RECORDING_REFUSED, reason=reason)


def demand(turn: Turn) -> str:
    """Recording on demand begins: the announcement is heard in the midst of the talk. What to tell who asked: the key
    of a phrase, "" when he hears the announcement."""
    if turn.call.policy.mode is not RecordMode.ON_DEMAND:
        return "not_allowed"
    if turn.call.wanted:
        return "recording_on"
    turn.set(wanted=True)
    if _announce(turn, LATER):
        return ""
    start(turn)
    return "recording_on"


def undemand(turn: Turn) -> str:
    """Recording on demand ends; the key of what to tell who asked."""
    if turn.call.policy.mode is not RecordMode.ON_DEMAND:
        return "not_allowed"
    turn.set(wanted=False)
    stop(turn)
    return "recording_off"


def pause(turn: Turn, by: str) -> None:
    """Silence in the file from now on; ends by itself."""
    if turn.call.paused or turn.call.tape is Tape.OFF:
        return
    turn.set(paused=True)
    if turn.call.tape is Tape.ON:
        turn.do(PauseRecording(by))
    turn.note(EventType.RECORDING_PAUSED, by=by)
    turn.timer(PAUSE, turn.call.policy.pause_s_max)


def resume(turn: Turn, by: str) -> None:
    """The sound is recorded again."""
    if not turn.call.paused:
        return
    turn.set(paused=False)
    turn.cancel(PAUSE)
    if turn.call.tape is Tape.ON:
        turn.do(ResumeRecording(by))
    turn.note(EventType.RECORDING_RESUMED, by=by)


def heard(turn: Turn) -> bool:
    """A leg heard the announcement, or it could not be played; True when nobody hears it any more: sound may begin."""
    leg = turn.leg(turn.event.leg or "")
    fault = str(turn.event.detail.get("fault") or "")
    if leg is not None and fault:
        return _not_announced(turn, f"the announcement could not be played: {fault}")
    if leg is not None and leg.held:  # who holds hears nothing: again when he is back
        return False
    if leg is not None:
        turn.change(leg.name, heard=True)
    if any(other.playing.startswith((FIRST, LATER)) or _must_hear(turn, other.name) for other in _talkers(turn)):
        return False
    turn.cancel(NOTICE)
    turn.set(tape=Tape.OFF)
    return True


def again(turn: Turn, name: str) -> None:
    """A leg took the call back from hold: it hears the announcement from its beginning."""
    if turn.call.tape in ANNOUNCING and _must_hear(turn, name):
        first = turn.call.tape is Tape.NOTICE
        turn.play(name, turn.call.policy.announcement, FIRST if first else LATER)


def overdue(turn: Turn) -> bool:
    """The end of the announcement was never reported."""
    return turn.call.tape in ANNOUNCING and _not_announced(turn, "the announcement did not end")


def _announce(turn: Turn, purpose: str) -> bool:
    played = False
    tape = Tape.NOTICE if purpose == FIRST else Tape.ADDED
    for leg in _talkers(turn):
        if _must_hear(turn, leg.name):
            played = turn.play(leg.name, turn.call.policy.announcement, purpose) or played
    if played:
        turn.set(tape=tape)
        turn.timer(NOTICE, NOTICE_S_MAX)
    return played


def _not_announced(turn: Turn, reason: str) -> bool:
    """Without its announcement nothing is recorded; the talk begins all the same."""
    stop(turn)
    turn.set(wanted=False, policy=replace(turn.call.policy, mode=RecordMode.NEVER))
    refuse(turn, reason)
    return True


def _must_hear(turn: Turn, name: str) -> bool:
    leg = turn.leg(name)
    return bool(turn.call.policy.announcement) and leg is not None and not leg.heard and leg.state is LegState.UP


def _talkers(turn: Turn) -> list[Leg]:
    stage = turn.stage(Talking)
    return [leg for leg in (turn.leg(turn.call.subject), turn.leg(stage.peer)) if leg is not None]
