"""Calls that were let in and that no worker took, as facts of a call and the one record folded from them. Pure.

Whoever called had proven who he is, or came over a trunk: for the office it is a lost call, and it must be seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

from aiosipua.message import SipRequest

from pbx_core.domain.calls.cdr import fold
from pbx_core.domain.calls.events import CALLER, CallEvent, EventType
from pbx_core.domain.dialplan import direction_of, resolve
from pbx_core.domain.facts import Facts
from pbx_core.domain.model import Model
from pbx_core.domain.nodes import Origin, Wish
from pbx_core.domain.records import Cdr, Disposition, Party, to_json
from pbx_core.sip import message as sip
from pbx_core.sip.display import display_name, visible

EDGE = "edge"  # stands where other records name their worker
GAVE_UP = 487
CAUSE_CHARS_MAX = 100
SIP_CALL_ID_CHARS_MAX = 256  # as workers keep it


@dataclass(frozen=True)
class Attempt:
    """Who wanted to reach whom. `at`, `mono_s`: when the INVITE came. `source`: its flow. `did`, `trunk_id`: of a call
    from outside."""

    at: datetime
    mono_s: float
    tenant_id: str
    domain: str
    caller_number: str
    caller_name: str  # hostile text
    dialled: str
    sip_call_id: str
    source: str
    did: str = ""
    trunk_id: str = ""

    @property
    def origin(self) -> Origin:
        """Who asks, for the dialplan."""
        if self.trunk_id:
            return Origin("trunk", self.caller_number, self.caller_name, did=self.did, trunk_id=self.trunk_id)
        return Origin("extension", self.caller_number, self.caller_name, extension=self.caller_number)


@dataclass(frozen=True)
class Outcome:
    """What the caller was told, why, and when. `doubtful`: a worker that had the INVITE fell silent, and perhaps has
    written of the call before."""

    status: int
    cause: str
    mono_s: float
    doubtful: bool = False


Tell = Callable[[Attempt, Outcome], None]


def attempt(request: SipRequest, at: datetime, mono_s: float, source: str, **known: str) -> Attempt:
    """Of a caller's INVITE; `known`: the fields that the edge has found out itself."""
    dialled = known.pop("dialled", None) or unquote(sip.uri(request.uri).user or "")
    return Attempt(
        at=at,
        mono_s=mono_s,
        caller_name=display_name(sip.header(request, "from")),
        dialled=visible(dialled),
        sip_call_id=sip.header(request, "call-id")[:SIP_CALL_ID_CHARS_MAX],
        source=source,
        **known,
    )


def story(tried: Attempt, outcome: Outcome, call_id: str, model: Model | None) -> tuple[list[CallEvent], Cdr]:
    """The call's events and its record. `model`: the tenant's, for the direction; None while it is not known."""
    gave_up = outcome.status == GAVE_UP
    cause = visible(outcome.cause[:CAUSE_CHARS_MAX])
    closed = {
        "disposition": str(Disposition.CANCELLED if gave_up else Disposition.FAILED),
        "cause": cause,
        "hangup_party": str(Party.CALLER) if gave_up else "system",
        "mono_s": round(outcome.mono_s, 3),
        "answered_mono_s": None,
        "answered_by": "",
    }
    ended = {"status": outcome.status, "reason": "Request Terminated" if gave_up else cause}
    after = timedelta(seconds=max(0.0, outcome.mono_s - tried.mono_s))

    def event(seq: int, kind: EventType, leg: str | None, detail: dict[str, Any]) -> CallEvent:
        at, mono_s = (tried.at, tried.mono_s) if seq == 0 else (tried.at + after, outcome.mono_s)
        return CallEvent(at, mono_s, call_id, seq, leg, kind, detail)

    events = [
        event(0, EventType.OPENED, CALLER, _head(tried, call_id, model)),
        event(1, EventType.ENDED, CALLER, ended),
        event(2, EventType.CLOSED, None, closed),
    ]
    return events, fold(events)


def _head(tried: Attempt, call_id: str, model: Model | None) -> dict[str, Any]:
    known = model or Model()
    direction = _direction(tried, model) if model else "inbound" if tried.trunk_id else "internal"
    return {
        "tenant_id": tried.tenant_id,
        "domain": tried.domain,
        "worker": EDGE,
        "conversation_id": call_id,
        "music": known.music,
        "direction": direction,
        "caller_number": tried.caller_number,
        "caller_name": tried.caller_name,
        "callee_number": tried.did or tried.dialled,
        "sip_call_id": tried.sip_call_id,
        "source": tried.source,
        "did": tried.did,
        "trunk_id": tried.trunk_id,
        "language": next(iter(known.languages), "en"),
        "origin": to_json(tried.origin),
    }


def _direction(tried: Attempt, model: Model) -> str:
    """By the tenant's dialplan as it is when nothing is known of phones and queues: inside or outside is the same."""
    wish = Wish(tried.origin, dialled=tried.did or tried.dialled)
    return direction_of(resolve(model, Facts(tried.at, home=tried.domain), wish), tried.trunk_id)
