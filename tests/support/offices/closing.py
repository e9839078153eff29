"""How our call machine closes the calls of a plan: the `closed` event's disposition and cause."""

from __future__ import annotations

from typing import Any

from tests.support.offices.calls import Announcement, Call, Menu, Message, Ring, Step, Wait


def outcome(call: Call, base_s: float) -> dict[str, Any]:
    """The fields of `closed`."""
    taken = next((s for s in call.steps if isinstance(s, Ring | Wait) and s.taken_by), None)
    last = call.steps[-1] if call.steps else None
    disposition, cause = ("answered", f"{call.hung_up} hung up") if taken else _unanswered(call, last)
    return {
        "disposition": disposition,
        "cause": cause,
        "hangup_party": call.hung_up,
        "mono_s": round(base_s + call.ended_s, 3),
        "answered_mono_s": round(base_s + taken.until_s, 3) if taken else None,
        "answered_by": taken.taken_by if taken else "",
    }


def _unanswered(call: Call, last: Step | None) -> tuple[str, str]:
    match last:
        case None:
            return "failed", "rejected"
        case Ring(results=results) if any(how == "cancelled" for _, how in results):
            return "cancelled", "caller hung up before an answer"
        case Ring(results=results) if any(how == "busy" for _, how in results):
            return "busy", "486 Busy Here"
        case Ring():
            return "no_answer", "ring limit 30 s"
        case Wait(how="abandoned"):
            return "cancelled", "caller hung up in the queue"
        case Wait():
            return "no_answer", "busy"
        case Message(left=True):
            return "no_answer", "voicemail"
        case Announcement() if call.hung_up == "system":
            return "no_answer", "asked to be called back"
        case Menu() | Message() | Announcement():
            return "cancelled", "caller hung up"
    raise AssertionError(f"{call.call_id} ends with {last}")
