"""Makes calls: where a number is reached by the dialplan's word, and which worker makes the call."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from pbx_core import control, log
from pbx_core.clock import Clock
from pbx_core.domain import dialplan, numbers
from pbx_core.domain.nodes import Origin, Ring, Target, Wish
from pbx_core.domain.records import to_json
from pbx_core.errors import Unavailable
from pbx_core.settings import Settings
from pbx_core.store import directory, facts, models, services

RESERVE_CALLS = 1  # room left for calls of people: informing never takes the last place

_log = log.get(__name__)


@dataclass(frozen=True)
class Call:
    """A call to make: whom, why, and where he is led when he answers."""

    tenant_id: str
    call_id: str
    direction: str  # informing, callback
    number: str
    shown: str
    then: str
    story: str = ""  # the call in which he asked for it


@dataclass(frozen=True)
class Made:
    """A worker has it, or may have: its events say what came of it."""


@dataclass(frozen=True)
class NotMade:
    """It certainly was not made. lasting: the number may not be called, or cannot be."""

    reason: str
    lasting: bool


def make(settings: Settings, db: sa.Engine, clock: Clock, call: Call) -> Made | NotMade:
    """Ask the worker with the most room to make the call. Asked once only: who gives no answer may have begun. What is
    raised was raised before anybody was asked."""
    target = _target(db, clock, call)
    if isinstance(target, NotMade):
        return target
    worker = _worker(db, clock)
    if worker is None:
        return NotMade("no worker has room", lasting=False)
    tenant = directory.tenant_by_id(db, call.tenant_id)
    request = {
        "do": "originate",
        "tenant_id": call.tenant_id,
        "call_id": call.call_id,
        "direction": call.direction,
        "target": to_json(target),
        "then": call.then,
        "conversation_id": call.story,
        "shown": target.routes[0].caller_id if target.routes else call.shown,
        "from_name": tenant.name if tenant else "",
    }
    about = {"tenant_id": call.tenant_id, "call_id": call.call_id, "worker": worker}
    try:
        reply = control.ask(settings, worker, request)
    except Unavailable as error:
        _log.warning("nobody knows whether the call was begun", extra={**about, "reason": str(error)})
        return Made()
    if reply.get("ok"):
        _log.info("call asked for", extra={**about, "direction": call.direction})
        return Made()
    reason = f"{reply.get('error', 'refused')} {reply.get('reason', '')}".strip()
    return NotMade(reason, lasting=reply.get("error") == "bad_request")


def _target(db: sa.Engine, clock: Clock, call: Call) -> Target | NotMade:
    """By which ways the number is reached."""
    model = models.active(db, call.tenant_id)[1]
    known = facts.gather(db, clock, call.tenant_id)
    kind = "outside" if numbers.is_e164(call.number) else "extension"
    origin = Origin("system", call.shown, did=call.shown)
    routed = dialplan.resolve(model, known, Wish(origin, destination=f"{kind}:{call.number}"))
    if isinstance(routed.node, Ring) and routed.node.targets:
        return routed.node.targets[0]
    return NotMade(routed.steps[-1].text if routed.steps else "leads nowhere", lasting=True)


def _worker(db: sa.Engine, clock: Clock) -> str | None:
    """The worker with the most room, while there is more than the reserve."""
    now = clock.now().timestamp()
    room: dict[str, int] = {}
    for row in services.all_services(db):
        if row.name.startswith("worker-") and row.alive(now) and not row.detail.get("overloaded"):
            room[row.name] = int(row.detail.get("capacity_calls", 0)) - int(row.detail.get("calls", 0))
    best = max(room, key=lambda name: room[name], default=None)
    return best if best and room[best] > 0 and sum(room.values()) > RESERVE_CALLS else None
