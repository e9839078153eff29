"""The life of a call between two extensions as a state machine: `step(call, event) -> (call, commands)`.

    new ──opened──► dialing ──ringing──► ringing ──answered──► talking
                       │                    │                     │
                       └────────────────────┴── any end ──► ending ──both legs ended──► closed

RULES is the table: (state, event) → rule. An event without a row raises InvalidTransition. Whoever ends first
decides the outcome; whatever crosses it on the wire afterwards (glare, an answer racing a cancel) only tidies up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from pbx_core.domain.commands import (
    Answer,
    Bridge,
    CancelTimer,
    Close,
    Command,
    Dial,
    Hangup,
    Ring,
    SendDtmf,
    StartRecording,
    StartTimer,
    StopRecording,
    Unbridge,
)
from pbx_core.domain.events import CallEvent, EventType
from pbx_core.domain.records import Disposition, Party
from pbx_core.errors import InvalidTransition

RING, MAX, LINGER = "ring", "max", "linger"  # the timers
LINGER_S = 3.0  # a phone that does not confirm its BYE holds the record back no longer than this
SYSTEM = "system"
BUSY_STATUSES = (486, 600)
NEVER_CONNECTED = (487, 488)  # the caller's own end of an INVITE that our 200 came too late for: nobody talked


class State(StrEnum):
    """Where a call stands."""

    NEW = "new"
    DIALING = "dialing"  # the callee is invited
    RINGING = "ringing"
    TALKING = "talking"
    ENDING = "ending"  # the outcome is decided, dialogs are being closed
    CLOSED = "closed"


@dataclass(frozen=True)
class Outcome:
    """How the call ended and when, on the monotonic clock; hangup_party is caller, callee or system."""

    disposition: Disposition
    cause: str
    hangup_party: str
    mono_s: float


@dataclass(frozen=True)
class Call:
    """All that decisions depend on; facts that only matter for the record stay in the events."""

    state: State = State.NEW
    ring_s: float = 0.0
    call_s_max: float = 0.0
    ring_status: int = 0  # last provisional status relayed to the caller
    open_legs: frozenset[Party] = frozenset()
    held_by: frozenset[Party] = frozenset()
    answered: bool = False
    confirmed: bool = False  # the caller's ACK came
    outcome: Outcome | None = None


Result = tuple[Call, tuple[Command, ...]]
Rule = Callable[[Call, CallEvent], Result]


def step(call: Call, event: CallEvent) -> Result:
    """The next state and what to do, in order. InvalidTransition when the state has no rule for the event."""
    rule = RULES.get((call.state, event.type))
    if rule is None:
        raise InvalidTransition(f"{event.type} in state {call.state} (call {event.call_id}, event {event.seq})")
    return rule(call, event)


def other(leg: Party) -> Party:
    """The opposite side."""
    return Party.CALLEE if leg is Party.CALLER else Party.CALLER


# rules


def _open(call: Call, event: CallEvent) -> Result:
    ring_s, call_s_max = float(event.detail["ring_s"]), float(event.detail["call_s_max"])
    call = replace(call, state=State.DIALING, ring_s=ring_s, call_s_max=call_s_max, open_legs=frozenset({Party.CALLER}))
    return call, (Dial(), StartTimer(RING, ring_s))


def _dialed(call: Call, event: CallEvent) -> Result:
    return replace(call, open_legs=call.open_legs | {Party.CALLEE}), ()


def _dialed_late(call: Call, event: CallEvent) -> Result:
    call, _ = _dialed(call, event)
    return call, (_hangup(Party.CALLEE),)


def _dial_failed(call: Call, event: CallEvent) -> Result:
    outcome = Outcome(Disposition.FAILED, str(event.detail["reason"]), SYSTEM, event.mono_s)
    return _end(call, outcome, 503, "Cannot Reach Callee")


def _ringing(call: Call, event: CallEvent) -> Result:
    status = int(event.detail["status"])
    known = call.ring_status == status
    call = replace(call, state=State.RINGING, ring_status=status)
    early = (Bridge(),) if event.detail.get("media") and not call.held_by else ()
    return call, early if known else (Ring(status), *early)


def _answered(call: Call, event: CallEvent) -> Result:
    call = replace(call, state=State.TALKING, answered=True)
    sound = () if call.held_by else (Bridge(),)
    return call, (CancelTimer(RING), Answer(), *sound, StartRecording(), StartTimer(MAX, call.call_s_max))


def _answered_late(call: Call, event: CallEvent) -> Result:
    return call, (_hangup(Party.CALLEE),)


def _leg_ended_early(call: Call, event: CallEvent) -> Result:
    """Before an answer: the caller gave up, or the callee's side refused."""
    status, leg = int(event.detail["status"]), _leg(event)
    cause = f"{status} {event.detail['reason']}".strip()
    call = _without(call, leg)
    if leg is Party.CALLER:
        cancelled = status == 487
        outcome = Outcome(
            Disposition.CANCELLED if cancelled else Disposition.FAILED,
            "caller hung up before an answer" if cancelled else cause,
            Party.CALLER,
            event.mono_s,
        )
        return _end(call, outcome, 487, "Request Terminated")
    busy = status in BUSY_STATUSES
    outcome = Outcome(Disposition.BUSY if busy else Disposition.FAILED, cause, Party.CALLEE, event.mono_s)
    return _end(call, outcome, relayed(status), str(event.detail["reason"]))


def relayed(status: int) -> int:
    """The final status for the caller when the callee's leg failed with `status`: the same where it is a failure."""
    return status if 400 <= status <= 699 else 480


def _confirmed(call: Call, event: CallEvent) -> Result:
    return replace(call, confirmed=True), ()


def _leg_ended_talking(call: Call, event: CallEvent) -> Result:
    status, leg = int(event.detail["status"]), _leg(event)
    if leg is Party.CALLER and not call.confirmed and status in NEVER_CONNECTED:
        return _leg_ended_early(call, event)
    normal = 200 <= status < 300
    cause = f"{leg} hung up" if normal else f"{status} {event.detail['reason']}".strip()
    return _end(_without(call, leg), Outcome(Disposition.ANSWERED, cause, leg, event.mono_s))


def _leg_ended_ending(call: Call, event: CallEvent) -> Result:
    call = _without(call, _leg(event))
    if call.open_legs:
        return call, ()
    return replace(call, state=State.CLOSED), (CancelTimer(LINGER), Close())


def _held(call: Call, event: CallEvent) -> Result:
    held_by = call.held_by | {_leg(event)}
    first = not call.held_by and call.state is State.TALKING
    return replace(call, held_by=held_by), (Unbridge(),) if first else ()


def _unheld(call: Call, event: CallEvent) -> Result:
    held_by = call.held_by - {_leg(event)}
    last = bool(call.held_by) and not held_by and call.state is State.TALKING
    return replace(call, held_by=held_by), (Bridge(),) if last else ()


def _dtmf(call: Call, event: CallEvent) -> Result:
    return call, (SendDtmf(other(_leg(event)), str(event.detail["method"]), event.digit),)


def _timer_unanswered(call: Call, event: CallEvent) -> Result:
    _expect_timer(event, RING)
    outcome = Outcome(Disposition.NO_ANSWER, f"ring limit {call.ring_s:g} s", SYSTEM, event.mono_s)
    return _end(call, outcome, 480, "No Answer")


def _timer_talking(call: Call, event: CallEvent) -> Result:
    _expect_timer(event, MAX)
    return _end(call, Outcome(Disposition.ANSWERED, f"call limit {call.call_s_max:g} s", SYSTEM, event.mono_s))


def _timer_ending(call: Call, event: CallEvent) -> Result:
    _expect_timer(event, LINGER)
    return replace(call, state=State.CLOSED), (Close(),)


def _media_lost(call: Call, event: CallEvent) -> Result:
    cause = f"no media from the {_leg(event)} for {float(event.detail['silence_s']):g} s"
    last = min(float(event.detail["last_media_mono_s"]), event.mono_s)
    return _end(call, Outcome(Disposition.ANSWERED, cause, SYSTEM, last))


def _engine_error(call: Call, event: CallEvent) -> Result:
    return _end(call, _system(call, f"engine: {event.detail['reason']}", event), 500, "Server Internal Error")


def _shutdown(call: Call, event: CallEvent) -> Result:
    return _end(call, _system(call, "system shutdown", event), 503, "Service Unavailable")


def _aborted(call: Call, event: CallEvent) -> Result:
    outcome = call.outcome or _system(call, str(event.detail["reason"]), event)
    return replace(call, state=State.CLOSED, outcome=outcome, open_legs=frozenset()), ()


def _note(call: Call, event: CallEvent) -> Result:
    """A fact for the record that changes nothing."""
    return call, ()


# parts of rules


def _system(call: Call, cause: str, event: CallEvent) -> Outcome:
    disposition = Disposition.ANSWERED if call.answered else Disposition.FAILED
    return Outcome(disposition, cause, SYSTEM, event.mono_s)


def _end(call: Call, outcome: Outcome, status: int = 200, reason: str = "Normal Clearing") -> Result:
    """Decide the outcome and close the legs that are still open; the caller's gets `status` when unanswered."""
    call = replace(call, outcome=outcome)
    tidy: tuple[Command, ...] = (CancelTimer(MAX), StopRecording()) if call.answered else (CancelTimer(RING),)
    if not call.open_legs:
        return replace(call, state=State.CLOSED), (*tidy, Close())
    hangups = tuple(
        Hangup(leg, status, reason) if leg is Party.CALLER and not call.answered else _hangup(leg)
        for leg in sorted(call.open_legs)
    )
    return replace(call, state=State.ENDING), (*tidy, *hangups, StartTimer(LINGER, LINGER_S))


def _hangup(leg: Party) -> Hangup:
    return Hangup(leg, 200, "Normal Clearing")


def _without(call: Call, leg: Party) -> Call:
    return replace(call, open_legs=call.open_legs - {leg})


def _leg(event: CallEvent) -> Party:
    if event.leg is None:
        raise InvalidTransition(f"{event.type} names no leg (call {event.call_id}, event {event.seq})")
    return event.leg


def _expect_timer(event: CallEvent, name: str) -> None:
    if event.detail.get("name") != name:
        raise InvalidTransition(f"timer {event.detail.get('name')!r} where only {name!r} may run ({event.call_id})")


_UNANSWERED: dict[EventType, Rule] = {
    EventType.DIALED: _dialed,
    EventType.DIAL_FAILED: _dial_failed,
    EventType.RINGING: _ringing,
    EventType.ANSWERED: _answered,
    EventType.ENDED: _leg_ended_early,
    EventType.HELD: _held,
    EventType.UNHELD: _unheld,
    EventType.DTMF: _note,
    EventType.QUALITY: _note,
    EventType.TIMER: _timer_unanswered,
    EventType.ENGINE_ERROR: _engine_error,
    EventType.SHUTDOWN: _shutdown,
    EventType.ABORTED: _aborted,
}
_TALKING: dict[EventType, Rule] = {
    EventType.RINGING: _note,  # another phone of the callee still rings
    EventType.CONFIRMED: _confirmed,
    EventType.ENDED: _leg_ended_talking,
    EventType.HELD: _held,
    EventType.UNHELD: _unheld,
    EventType.DTMF: _dtmf,
    EventType.TIMER: _timer_talking,
    EventType.MEDIA_LOST: _media_lost,
    EventType.RECORDING_STARTED: _note,
    EventType.RECORDING_REFUSED: _note,
    EventType.RECORDING_FAULT: _note,
    EventType.QUALITY: _note,
    EventType.ENGINE_ERROR: _engine_error,
    EventType.SHUTDOWN: _shutdown,
    EventType.ABORTED: _aborted,
}
_ENDING: dict[EventType, Rule] = {
    EventType.DIALED: _dialed_late,
    EventType.DIAL_FAILED: _note,
    EventType.RINGING: _note,
    EventType.ANSWERED: _answered_late,
    EventType.CONFIRMED: _note,
    EventType.ENDED: _leg_ended_ending,
    EventType.HELD: _note,
    EventType.UNHELD: _note,
    EventType.DTMF: _note,
    EventType.TIMER: _timer_ending,
    EventType.MEDIA_LOST: _note,
    EventType.RECORDING_STARTED: _note,
    EventType.RECORDING_REFUSED: _note,
    EventType.RECORDING_FAULT: _note,
    EventType.QUALITY: _note,
    EventType.ENGINE_ERROR: _note,
    EventType.SHUTDOWN: _note,
    EventType.ABORTED: _aborted,
}

RULES: dict[tuple[State, EventType], Rule] = {
    (State.NEW, EventType.OPENED): _open,
    **{(State.DIALING, kind): rule for kind, rule in _UNANSWERED.items()},
    **{(State.RINGING, kind): rule for kind, rule in _UNANSWERED.items()},
    **{(State.TALKING, kind): rule for kind, rule in _TALKING.items()},
    **{(State.ENDING, kind): rule for kind, rule in _ENDING.items()},
}
