"""GET /v1/live/…: what goes on now. A tenant's token sees its own, the operator's sees all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter
from pydantic import BaseModel, BeforeValidator, Field

from pbx_core.api.access import Here, Reading
from pbx_core.api.answers import when
from pbx_core.api.context import Context
from pbx_core.store import live
from pbx_core.store.tokens import OPERATOR, Token

router = APIRouter(prefix="/v1/live", tags=["live state"])

Moment = Annotated[datetime | None, BeforeValidator(when)]  # given as UTC epoch seconds
View = TypeVar("View", bound=BaseModel)


class PhoneView(BaseModel):
    """An extension and a phone signed in to it."""

    tenant: str = Field(description="SIP domain")
    number: str
    name: str
    registered: bool
    transport: str = Field(description="udp, tcp, tls; empty: not signed in")
    address: str
    user_agent: str = Field(description="as the phone sent it")
    since: Moment
    expires_at: Moment


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
    changed_at: Moment


class Calls(BaseModel):
    """All calls under way."""

    calls: list[CallView]


class AgentView(BaseModel):
    """Somebody who serves a queue."""

    number: str
    state: str = Field(description="ready, ringing, talking, wrap_up, paused, logged_out")
    pause_reason: str
    since: Moment
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
    registered_until: Moment = Field(description="null: it does not sign in, or is not signed in")
    failures: int = Field(description="in a row")
    calls: int
    reason: str
    changed_at: Moment


class Trunks(BaseModel):
    """All trunks."""

    trunks: list[TrunkView]


def _scope(token: Token) -> str | None:
    return None if token.tenant_id == OPERATOR else token.tenant_id


def _views(
    kind: type[View], here: Context, found: Sequence[live.Phone | live.Call | live.Queue | live.Trunk]
) -> list[View]:
    """What the store found as the API shows it: fields of the same name, the tenant by its domain."""
    names = live.domains(here.db)
    return [kind.model_validate(asdict(one) | {"tenant": names.get(one.tenant_id, "")}) for one in found]


@router.get("/phones")
def phones(token: Reading, here: Here) -> Phones:
    """Extensions, and the phones signed in to them."""
    return Phones(phones=_views(PhoneView, here, live.phones(here.db, _scope(token), here.now())))


@router.get("/calls")
def calls(token: Reading, here: Here) -> Calls:
    """Calls under way, oldest first."""
    return Calls(calls=_views(CallView, here, live.calls(here.db, _scope(token))))


@router.get("/queues")
def queues(token: Reading, here: Here) -> Queues:
    """Queues: who waits, for how long, and who serves."""
    return Queues(queues=_views(QueueView, here, live.queues(here.db, _scope(token), here.now())))


@router.get("/trunks")
def trunks(token: Reading, here: Here) -> Trunks:
    """Trunks: whether calls are sent there, and why not."""
    return Trunks(trunks=_views(TrunkView, here, live.trunks(here.db, _scope(token), here.now())))
