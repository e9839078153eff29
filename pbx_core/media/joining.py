"""Legs that move from one call of this worker to another: attended transfers, pickup, retrieving, supervision. Both
calls write it down: `given` in the one, `adopted` in the other."""

from __future__ import annotations

from pbx_core.domain.calls.commands import AdoptConsultation, GiveCaller
from pbx_core.domain.calls.events import CALLER, EventType, side_of
from pbx_core.domain.calls.machine import adopted_name
from pbx_core.media.floor import Floor
from pbx_core.media.live_call import LiveCall

TRANSFER = "transfer"


def adopt_consultation(floor: Floor, live: LiveCall, wish: AdoptConsultation) -> None:
    """Take the far leg of the call in which the leg's phone consults into this call."""
    other = next((c for c in floor.calls.values() if _consults(c, live, wish.leg, wish.sip_call_id)), None)
    far = _far_leg(other, wish.sip_call_id) if other else None
    if other is None or far is None:
        reason = "no such call here" if other is None else "ringing"
        floor.tell(live, EventType.JOIN_FAILED, wish.leg, {"reason": reason})
        return
    _move(floor, other, far, live, wish.as_leg, TRANSFER, "")


def give_caller(floor: Floor, live: LiveCall, wish: GiveCaller) -> None:
    """Give this call's caller to another call."""
    other = floor.find(live.tenant_id, wish.call_id)
    name = adopted_name(other.call, wish.how) if other else ""
    if other is None or other is live or name in other.handles or CALLER not in live.handles:
        floor.tell(live, EventType.JOIN_FAILED, CALLER, {"reason": "that call is not here any more"})
        return
    _move(floor, live, CALLER, other, name, wish.how, wish.target)


def _consults(call: LiveCall, live: LiveCall, leg: str, sip_call_id: str) -> bool:
    """Whether the dialog is this call's, and of the same extension as the leg: some phones' Call-IDs can be guessed."""
    if call is live or call.tenant_id != live.tenant_id or call.closed:
        return False
    asking = live.numbers.get(leg)
    return any(own == sip_call_id and call.numbers.get(near) == asking for near, own in call.sip_call_ids.items())


def _far_leg(call: LiveCall, sip_call_id: str) -> str | None:
    """The answered leg on the other side than the consulting phone's."""
    near = next(leg for leg, own in call.sip_call_ids.items() if own == sip_call_id)
    for leg in call.handles:
        if leg != near and side_of(leg) not in (None, side_of(near)) and leg in call.answered:
            return leg
    return None


def _move(floor: Floor, giver: LiveCall, leg: str, taker: LiveCall, as_leg: str, how: str, target: str) -> None:
    known = giver.call.legs.get(leg)
    number = giver.numbers.get(leg, "")
    sip_call_id = giver.sip_call_ids.pop(leg, "")
    answered = leg in giver.answered
    handle = floor.part_with(giver, leg)
    floor.take(taker, as_leg, handle, number, sip_call_id)
    if answered:
        taker.answered.add(as_leg)
    floor.tell(giver, EventType.GIVEN, leg, {"to_call": taker.call_id, "how": how})
    detail = {
        "number": number,
        "name": known.title if known else "",
        "internal": known.internal if known else False,
        "how": how,
        "target": target,
        "from_call": giver.call_id,
        "sip_call_id": sip_call_id,
        "answered": answered,
    }
    floor.tell(taker, EventType.ADOPTED, as_leg, detail)
