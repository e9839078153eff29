"""Two begin to talk, and cease: what every stage does that leads into a conversation or out of it."""

from __future__ import annotations

from pbx_core.domain.calls import sound, taping
from pbx_core.domain.calls.commands import QueueTalkEnded, TellTransfer
from pbx_core.domain.calls.state import Talking
from pbx_core.domain.calls.turn import MAX, Turn
from pbx_core.domain.nodes import RecordPolicy


def begin(
    turn: Turn, peer: str, policy: RecordPolicy, call_s_max: float, *, agent: str = "", emergency: bool = False
) -> None:
    """The subject and `peer` are connected: sound, or first the announcement that recording needs."""
    turn.set(stage=Talking(peer, turn.event.mono_s, agent), policy=policy, call_s_max=call_s_max, emergency=emergency)
    for name in (turn.call.subject, peer):
        turn.answer(name)
        turn.hush(name)
    ready = taping.begin(turn)
    sound.settle(turn)
    if ready:
        taping.start(turn)
    turn.timer(MAX, call_s_max)


def over(turn: Turn) -> None:
    """The two talk no longer: the segment is closed, the agent's wrap-up begins."""
    stage = turn.stage(Talking)
    turn.cancel(MAX)
    taping.stop(turn)
    if stage.agent:
        turn.do(QueueTalkEnded(stage.agent, round(max(0.0, turn.event.mono_s - stage.since), 3)))


def tell(turn: Turn, status: int, reason: str) -> None:
    """News for the phone whose REFER began the transfer under way."""
    transfer = turn.stage(Talking).transfer
    if transfer is not None and transfer.means == "refer" and turn.up(transfer.by):
        turn.do(TellTransfer(transfer.by, status, reason))
