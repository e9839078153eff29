"""Who hears whom while two talk: holding, music for the one who waits, supervisors listening."""

from __future__ import annotations

from pbx_core.domain.calls.state import Leg, LegState, Talking, Tape
from pbx_core.domain.calls.turn import Turn


def settle(turn: Turn) -> None:
    """Bring the sound of a conversation in line with who holds, who is being transferred and who listens."""
    stage = turn.stage(Talking)
    a, b = turn.leg(turn.call.subject), turn.leg(stage.peer)
    if a is None or b is None or turn.call.tape is Tape.NOTICE:
        turn.mix(())
        return
    waits = {leg.name for leg, other in ((a, b), (b, a)) if _away(turn, stage, other) and not leg.held}
    away = any(_away(turn, stage, leg) for leg in (a, b))
    pairs = [] if away else [(a.name, b.name), (b.name, a.name), *_supervised(turn, a, b)]
    for name in turn.call.music - waits:
        turn.hush(name)
    turn.mix(pairs)
    for name in sorted(waits - turn.call.music):
        leg = turn.leg(name)
        if leg is not None and not leg.playing and turn.play(name, (turn.call.hold_music,), "hold", loop=True):
            turn.set(music=turn.call.music | {name})


def _away(turn: Turn, stage: Talking, leg: Leg) -> bool:
    """Whether the leg does not take part just now: on hold, dialling a transfer's target, or leaving by one."""
    transferring = stage.transfer is not None and stage.transfer.by == leg.name
    return leg.held or leg.typing == "transfer" or transferring or leg.state is LegState.LEAVING


def _supervised(turn: Turn, a: Leg, b: Leg) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for leg in turn.call.legs.values():
        if not leg.role or leg.state is not LegState.UP:
            continue
        pairs += [(a.name, leg.name), (b.name, leg.name)]
        if leg.role == "barge":
            pairs += [(leg.name, a.name), (leg.name, b.name)]
        elif leg.role == "whisper":
            pairs.append((leg.name, a.name if leg.of == a.name else b.name))
    return pairs
