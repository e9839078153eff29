"""What the control socket asks of running calls: hang up, record, pause, transfer, list."""

from __future__ import annotations

from typing import Any

from pbx_core.domain.calls.events import EventType
from pbx_core.media.arrivals import Arrivals
from pbx_core.media.control import Reply
from pbx_core.media.floor import Floor
from pbx_core.media.live import row_of
from pbx_core.sip.display import visible

CONTROLS = ("hangup", "pause_recording", "resume_recording", "start_recording", "stop_recording", "transfer")
NUMBER_CHARS_MAX = 32


class Requests:
    """Hands requests to calls. A reply says that the call was told, not what came of it: that stands in its events."""

    def __init__(self, floor: Floor, arrivals: Arrivals) -> None:
        self._floor = floor
        self._arrivals = arrivals

    def handle(self, request: dict[str, Any], reply: Reply) -> None:
        """Do one request. KeyError, ValueError when it says too little."""
        match request["do"]:
            case "originate":
                self._arrivals.originate(request, reply)
            case "calls":
                reply({"ok": True, "calls": [self._shown(call_id) for call_id in self._floor.calls]})
            case what if what in CONTROLS:
                self._control(what, request, reply)
            case _:
                raise ValueError("do is none of originate, calls, " + ", ".join(CONTROLS))

    def _control(self, what: str, request: dict[str, Any], reply: Reply) -> None:
        live = self._floor.find(str(request["tenant_id"]), str(request["call_id"]))
        if live is None:
            reply({"error": "no_call"})
            return
        detail = {"what": what, "who": visible(str(request.get("who", "")))}
        if what == "transfer":
            detail["target"] = str(request["target"])[:NUMBER_CHARS_MAX]
            detail["leg"] = str(request.get("leg") or "")
            if detail["leg"] and detail["leg"] not in live.handles:
                raise ValueError("the call has no such leg")
        self._floor.tell(live, EventType.CONTROL, None, detail)
        reply({"ok": True})

    def _shown(self, call_id: str) -> dict[str, Any]:
        row = row_of(self._floor.calls[call_id])
        return {
            "tenant_id": row.tenant_id,
            "call_id": row.call_id,
            "state": row.state,
            "extensions": list(row.extensions),
            "slot": row.slot,
            **row.detail,
        }
