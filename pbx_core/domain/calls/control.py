"""What people ask of a running call by the API or the command line."""

from __future__ import annotations

from pbx_core.domain.calls import taping
from pbx_core.domain.calls.events import EventType
from pbx_core.domain.calls.state import Talking
from pbx_core.domain.calls.turn import Turn
from pbx_core.domain.records import Disposition

API = "api"


def on(turn: Turn) -> None:
    """hangup, transfer, pause_recording, resume_recording, start_recording, stop_recording."""
    detail = turn.event.detail
    what = str(detail.get("what", ""))
    if what == "hangup":
        who = str(detail.get("who", API))
        turn.end(Disposition.CANCELLED, f"ended by {who}", status=480)
        return
    if not isinstance(turn.call.stage, Talking):
        return
    match what:
        case "transfer":
            _transfer(turn, str(detail.get("target", "")), str(detail.get("leg", "")))
        case "pause_recording":
            taping.pause(turn, API)
        case "resume_recording":
            taping.resume(turn, API)
        case "start_recording":
            taping.demand(turn)
        case "stop_recording":
            taping.undemand(turn)


def _transfer(turn: Turn, target: str, leg: str) -> None:
    """leg: on whose behalf, who leaves by it; "" our phone in the call, the callee's first."""
    stage = turn.stage(Talking)
    ours = [n for n in (stage.peer, turn.call.subject) if (found := turn.leg(n)) and found.internal]
    by = leg or next(iter(ours), "")
    if target and turn.up(by):
        turn.note(EventType.TRANSFER_ASKED, by, target=target, replaces="", means="api")
