"""The records of what the exchange does beside its calls: agents of a queue, numbers informed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class QueueEvent:
    """One dated fact of a queue that belongs to no live call: an agent's log-in, pause, a call-back made. Kind
    `queue_event`, id = event_id. Events of waiting calls are call events."""

    event_id: str
    tenant_id: str
    at: datetime
    queue: str
    agent: str
    type: str  # login, logout, pause, unpause, wrap_up (begins; reason: seconds), callback_due, _done, _failed
    reason: str
    call_id: str


@dataclass(frozen=True)
class InformRecord:
    """One try to inform one number. Kind `inform`, id = call_id."""

    call_id: str
    tenant_id: str
    campaign_id: str
    number: str
    at: datetime
    result: str  # reached, acknowledged, opted_out, busy, no_answer, failed
    key: str
    attempt: int
