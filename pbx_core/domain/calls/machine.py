"""The life of a call as a state machine: `step(call, event) -> (call, commands)`.

    new ──opened──► routing ──routed──► ringing · menu · announcement · queue · voicemail · mailbox · conference ·
                       ▲                joining another call
                       └──── onward ────── │ somebody answers
                                           ▼
                    parked ◄──────────► talking ──any end──► ending ──closed noted, legs gone──► closed

Each stage has its module; this one sees to what is the same in all: legs, timers, the end. Whoever ends first decides
the outcome; what crosses it on the wire afterwards only tidies up. What cannot happen raises InvalidTransition.
"""

from __future__ import annotations

from pbx_core.domain.calls import control, joining, originating, queueing, stages, taping, transfer
from pbx_core.domain.calls.commands import Close, Command, Hangup, Note
from pbx_core.domain.calls.events import CALLER, CallEvent, EventType
from pbx_core.domain.calls.nodes_json import routed_of
from pbx_core.domain.calls.state import Call, Closed, Ending, Leg, LegState, New, Outcome, Queueing, Routing, Talking
from pbx_core.domain.calls.turn import LIFE, LINGER, NORMAL, Turn, free_name, opposite
from pbx_core.domain.nodes import HOPS_MAX, Origin
from pbx_core.domain.records import Disposition, from_json
from pbx_core.errors import InvalidTransition

LIFE_S = 43_200.0  # no call is older, whatever stage it hangs in
LINGER_S = 3.0  # a phone that does not confirm its BYE holds the record back no longer than this
# what is written down and changes nothing: the echo of our own notes, and measurements
FACTS = frozenset(
    {
        EventType.QUALITY,
        EventType.RECORDING_STOPPED,
        EventType.RECORDING_FAULT,
        EventType.RECORDING_PAUSED,
        EventType.RECORDING_RESUMED,
        EventType.TRANSFERRED,
        EventType.OFFER_ENDED,
        EventType.QUEUE_LEFT,
        EventType.MENU_KEY,
        EventType.VOICEMAIL_LEFT,
    }
)
OF_LEGS = frozenset(
    {
        EventType.DIALED,
        EventType.DIAL_FAILED,
        EventType.RINGING,
        EventType.ANSWERED,
        EventType.CONFIRMED,
        EventType.ENDED,
        EventType.HELD,
        EventType.UNHELD,
        EventType.DTMF,
        EventType.MEDIA_LOST,
        EventType.PLAYED,
        EventType.GIVEN,
        EventType.TRANSFER_ASKED,
    }
)
ONCE = frozenset({EventType.DIALED, EventType.DIAL_FAILED, EventType.ANSWERED, EventType.ENDED, EventType.GIVEN})
SEEN_OFF = (EventType.ENDED, EventType.DIAL_FAILED, EventType.GIVEN)


def new() -> Call:
    """A call of which nothing is known."""
    return Call()


def step(call: Call, event: CallEvent) -> tuple[Call, tuple[Command, ...]]:
    """The next state and what to do, in order. InvalidTransition when the event cannot happen now."""
    turn = Turn(call, event)
    if call.closed or isinstance(call.stage, New) != (event.type is EventType.OPENED):
        raise _impossible(turn)
    if event.type is EventType.OPENED:
        _open(turn)
    else:
        _happened(turn)
    while turn.entering is not None and turn.outcome is None:
        node, turn.entering = turn.entering, None
        stages.ENTER[type(node)](turn, node)
    if turn.outcome is not None and not isinstance(turn.call.stage, Ending):
        _end(turn, turn.outcome)
    _close_when_done(turn)
    return turn.call, tuple(turn.commands)


def adopted_name(call: Call, how: str) -> str:
    """The name under which another call's leg is fed to this one by `adopted`."""
    joins = how in joining.SUPERVISING
    return free_name(call, "supervisor" if joins else opposite(call.subject))


def _open(turn: Turn) -> None:
    detail = turn.event.detail
    number, name = str(detail["caller_number"]), str(detail.get("caller_name", ""))
    origin = detail.get("origin")
    turn.set(
        origin=from_json(Origin, origin) if origin else Origin("extension", number, name, number),
        language=str(detail.get("language", "en")),
        hold_music=str(detail.get("music", "music:default")),
    )
    turn.timer(LIFE, LIFE_S)
    if detail.get("originate"):
        originating.enter(turn, detail["originate"])
        return
    internal = turn.call.origin.kind == "extension"
    turn.add(Leg(CALLER, LegState.CALLING, number, name, internal=internal, incoming=True))
    turn.route("", str(detail["callee_number"]))


def _happened(turn: Turn) -> None:
    kind = turn.event.type
    if kind is EventType.CLOSED:
        turn.stage(Ending)
        turn.set(stage=Ending(noted=True))
    elif kind is EventType.ABORTED:
        turn.set(stage=Closed())
    elif kind in OF_LEGS:
        _of_leg(turn)
    elif kind is EventType.TIMER:
        _timer(turn)
    elif kind is EventType.ADOPTED:
        joining.adopted(turn)
    elif kind is EventType.QUEUE_OFFER and not isinstance(turn.call.stage, Queueing):
        queueing.decline(turn)
    elif kind in FACTS or isinstance(turn.call.stage, Ending):
        return
    elif kind is EventType.ROUTED:
        _routed(turn)
    elif kind is EventType.CONTROL:
        control.on(turn)
    elif kind is EventType.ENGINE_ERROR:
        reason = f"engine: {turn.event.detail.get('reason', '')}"
        turn.end(Disposition.FAILED, reason, status=500, reason="Server Internal Error")
    elif kind is EventType.SHUTDOWN:
        turn.end(Disposition.FAILED, "system shutdown", status=503, reason="Service Unavailable")
    else:
        stages.ON[type(turn.call.stage)](turn)


def _of_leg(turn: Turn) -> None:
    event, name = turn.event, turn.event.leg or ""
    leg = turn.leg(name)
    if leg is None:
        if event.type in ONCE or not _known(turn.call, name):
            raise _impossible(turn)
        return  # crossed the leg's end
    if leg.state is LegState.LEAVING:
        _crossed(turn, leg)
        return
    if not _fits(event.type, leg):
        raise _impossible(turn)
    match event.type:
        case EventType.CONFIRMED:
            turn.change(name, confirmed=True)
            return
        case EventType.HELD | EventType.UNHELD:
            turn.change(name, held=event.type is EventType.HELD)
        case EventType.PLAYED:
            if leg.playing != event.detail.get("token"):
                return  # the end of something that was replaced
            turn.played = leg.playing.rsplit("-", 1)[0]
            turn.change(name, playing="")
        case EventType.ENDED | EventType.DIAL_FAILED | EventType.GIVEN:
            turn.gone = turn.remove(name)
    stage = turn.call.stage
    if event.type is EventType.GIVEN:
        joining.given(turn)
    elif event.type is EventType.MEDIA_LOST and not isinstance(stage, Talking):
        _silent(turn, name)
    elif event.type is EventType.TRANSFER_ASKED and not isinstance(stage, Talking):
        transfer.refuse(turn, str(event.detail.get("means", "refer")), 603, "Declined")
    elif not isinstance(stage, Ending):
        stages.ON[type(stage)](turn)


def _fits(kind: EventType, leg: Leg) -> bool:
    """Whether the event can happen to a leg in its state."""
    if kind in (EventType.DIALED, EventType.DIAL_FAILED, EventType.RINGING, EventType.ANSWERED):
        return leg.state is LegState.DIALLING or (kind is EventType.RINGING and not leg.incoming)
    return True


def _crossed(turn: Turn, leg: Leg) -> None:
    """What a leg still reports that we hung up already."""
    if turn.event.type in SEEN_OFF:
        turn.remove(leg.name)
    elif turn.event.type in (EventType.DIALED, EventType.ANSWERED):
        turn.do(Hangup(leg.name, 200, NORMAL))  # it was not known, or not up, when we hung it up


def _silent(turn: Turn, name: str) -> None:
    """A phone fell silent without a BYE while nobody talked with it."""
    detail = turn.event.detail
    if name == turn.call.subject:
        cause = f"no media from the {name.split('-')[0]} for {float(detail['silence_s']):g} s"
        turn.end(Disposition.CANCELLED, cause, mono_s=float(detail["last_media_mono_s"]), status=487)
    else:
        turn.hang_up(name)


def _timer(turn: Turn) -> None:
    name = str(turn.event.detail.get("name"))
    if name.split(":", 1)[0] not in stages.TIMERS:
        raise _impossible(turn)
    if name not in turn.call.timers:
        return  # it fired while we cancelled it
    turn.set(timers=turn.call.timers - {name})
    if name == LINGER:
        turn.set(stage=Closed())
        turn.do(Close())
    elif name == LIFE:
        turn.end(Disposition.FAILED, f"no call lasts longer than {LIFE_S:g} s")
    elif name == taping.PAUSE:
        taping.resume(turn, "limit")
    else:
        stages.ON[type(turn.call.stage)](turn)


def _routed(turn: Turn) -> None:
    asking = turn.call.asking
    turn.set(asking="")
    if asking == "transfer":
        stages.ON[type(turn.call.stage)](turn)
    elif asking == "way" and isinstance(turn.call.stage, Routing):
        routed = routed_of(turn.event)
        turn.set(origin=routed.origin, visited=routed.visited)
        # the dialplan counts hops; should it not, the circle ends here
        if len(routed.visited) > 2 * HOPS_MAX:
            turn.end(Disposition.FAILED, "forwarded in a circle", status=482, reason="Loop Detected")
        else:
            turn.entering = routed.node
    else:
        raise _impossible(turn)


def _end(turn: Turn, outcome: Outcome) -> None:
    """Decide the outcome: leave the stage in order, write it down, then close the legs that are still open."""
    begun = len(turn.commands)
    leave = stages.LEAVE.get(type(turn.call.stage))
    if leave is not None:
        leave(turn)
    turn.cancel(*sorted(turn.call.timers))
    call = turn.call
    answered = call.person_mono_s if outcome.disposition is Disposition.ANSWERED else None
    end_s = outcome.mono_s if answered is None else max(answered, outcome.mono_s)
    closed = {
        "disposition": str(outcome.disposition),
        "cause": outcome.cause,
        "hangup_party": outcome.hangup_party,
        "mono_s": round(end_s, 3),
        "answered_mono_s": None if answered is None else round(answered, 3),
        "answered_by": call.person if answered is not None else "",
    }
    turn.set(stage=Ending(), outcome=outcome, asking="")
    for name in sorted(call.legs):
        turn.hang_up(name, outcome.status, outcome.rejection)
    last = turn.commands[begun:]
    hangups = [c for c in last if isinstance(c, Hangup)]
    others = [c for c in last if not isinstance(c, Hangup)]
    turn.commands[begun:] = [*others, Note(EventType.CLOSED, None, closed), *hangups]
    turn.timer(LINGER, LINGER_S)


def _close_when_done(turn: Turn) -> None:
    stage = turn.call.stage
    if isinstance(stage, Ending) and stage.noted and not turn.call.legs:
        turn.cancel(LINGER)
        turn.set(stage=Closed())
        turn.do(Close())


def _known(call: Call, name: str) -> bool:
    side, dash, number = name.partition("-")
    index = int(number) if number.isdigit() else 0
    return 1 <= (index if dash else 1) <= call.names.get(side, 0)


def _impossible(turn: Turn) -> InvalidTransition:
    event = turn.event
    return InvalidTransition(
        f"{event.type} of {event.leg} in {turn.call.doing} (call {event.call_id}, event {event.seq})"
    )
