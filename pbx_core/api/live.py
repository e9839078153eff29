"""GET /v1/live/…: what goes on now. A tenant's token sees its own, the operator's sees all."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from pbx_core.api.access import Here, Reading
from pbx_core.api.answers import when
from pbx_core.store import live
from pbx_core.store.tokens import OPERATOR, Token

router = APIRouter(prefix="/v1/live", tags=["live state"])


class PhoneView(BaseModel):
    """An extension and a phone signed in to it."""

    tenant: str = Field(description="SIP domain")
    number: str
    name: str
    registered: bool
    transport: str = Field(description="udp, tcp, tls; empty: not signed in")
    address: str
    user_agent: str = Field(description="as the phone sent it")
    since: datetime | None
    expires_at: datetime | None


class Phones(BaseModel):
    """All extensions and their phones."""

    phones: list[PhoneView]


class CallView(BaseModel):
    """A call under way."""

    tenant: str
    call_id: str
    state: str = Field(description="ringing, talking, parked, waiting, menu, …")
    extensions: list[str] = Field(description="that ring or talk in it")
    slot: str = Field(description="park slot, empty: not parked")
    detail: dict[str, Any] = Field(description="for people: caller, callee, since, queue, recording …")
    changed_at: datetime | None


class Calls(BaseModel):
    """All calls under way."""

    calls: list[CallView]


class AgentView(BaseModel):
    """Somebody who serves a queue."""

    number: str
    state: str = Field(description="ready, ringing, talking, wrap_up, paused, logged_out")
    pause_reason: str
    since: datetime | None
    calls: int = Field(description="answered since logging in")


class QueueView(BaseModel):
    """A queue in which somebody waits or serves."""

    tenant: str
    queue: str
    waiting: int
    talking: int
    callbacks: int = Field(description="callers who keep their place without waiting")
    longest_wait_s: float
    agents: list[AgentView]


class Queues(BaseModel):
    """All queues."""

    queues: list[QueueView]


class TrunkView(BaseModel):
    """A trunk as the edge knows it."""

    tenant: str
    trunk_id: str
    up: bool = Field(description="calls are sent there")
    circuit: str = Field(description="closed, open, half_open")
    registered_until: datetime | None = Field(description="null: it does not sign in, or is not signed in")
    failures: int = Field(description="in a row")
    calls: int
    reason: str
    changed_at: datetime | None


class Trunks(BaseModel):
    """All trunks."""

    trunks: list[TrunkView]


def _scope(token: Token) -> str | None:
    return None if token.tenant_id == OPERATOR else token.tenant_id


@router.get("/phones")
def phones(token: Reading, here: Here) -> Phones:
    """Extensions, and the phones signed in to them."""
    names = live.domains(here.db)
    return Phones(
        phones=[
            PhoneView(
                tenant=names.get(p.tenant_id, ""),
                number=p.number,
                name=p.name,
                registered=p.registered,
                transport=p.transport,
                address=p.address,
                user_agent=p.user_agent,
                since=when(p.since),
                expires_at=when(p.expires_at),
            )
            for p in live.phones(here.db, _scope(token), here.now())
        ]
    )


@router.get("/calls")
def calls(token: Reading, here: Here) -> Calls:
    """Calls under way, oldest first."""
    names = live.domains(here.db)
    return Calls(
        calls=[
            CallView(
                tenant=names.get(c.tenant_id, ""),
                call_id=c.call_id,
                state=c.state,
                extensions=list(c.extensions),
                slot=c.slot,
                detail=c.detail,
                changed_at=when(c.changed_at),
            )
            for c in live.calls(here.db, _scope(token))
        ]
    )


@router.get("/queues")
def queues(token: Reading, here: Here) -> Queues:
    """Queues: who waits, for how long, and who serves."""
    names = live.domains(here.db)
    return Queues(
        queues=[
            QueueView(
                tenant=names.get(q.tenant_id, ""),
                queue=q.queue,
                waiting=q.waiting,
                talking=q.talking,
                callbacks=q.callbacks,
                longest_wait_s=q.longest_wait_s,
                agents=[
                    AgentView(
                        number=a.number,
                        state=a.state,
                        pause_reason=a.pause_reason,
                        since=when(a.since),
                        calls=a.calls,
                    )
                    for a in q.agents
                ],
            )
            for q in live.queues(here.db, _scope(token), here.now())
        ]
    )


@router.get("/trunks")
def trunks(token: Reading, here: Here) -> Trunks:
    """Trunks: whether calls are sent there, and why not."""
    names = live.domains(here.db)
    return Trunks(
        trunks=[
            TrunkView(
                tenant=names.get(t.tenant_id, ""),
                trunk_id=t.trunk_id,
                up=t.up,
                circuit=t.circuit,
                registered_until=when(t.registered_until),
                failures=t.failures,
                calls=t.calls,
                reason=t.reason,
                changed_at=when(t.changed_at),
            )
            for t in live.trunks(here.db, _scope(token), here.now())
        ]
    )
