"""What the engine reports of a leg, as the call is told it."""

from __future__ import annotations

from typing import Any

from pbx_core.domain.calls.events import EventType
from pbx_core.errors import PeerError
from pbx_core.media import dialling, invite
from pbx_core.media.live_call import LiveCall
from pbx_core.media.port import MediaPort, PortEvent, Signal

KINDS = {
    Signal.RINGING: EventType.RINGING,
    Signal.ANSWERED: EventType.ANSWERED,
    Signal.CONFIRMED: EventType.CONFIRMED,
    Signal.HELD: EventType.HELD,
    Signal.UNHELD: EventType.UNHELD,
    Signal.DTMF: EventType.DTMF,
    Signal.MEDIA_LOST: EventType.MEDIA_LOST,
    Signal.QUALITY: EventType.QUALITY,
    Signal.ENDED: EventType.ENDED,
    Signal.PLAYED: EventType.PLAYED,
    Signal.TRANSFER: EventType.TRANSFER_ASKED,
}


def fact_of(port: MediaPort, live: LiveCall, leg: str, report: PortEvent) -> tuple[EventType, dict[str, Any]] | None:
    """Kind and detail of the fact; None when it is of no interest to the call (any more)."""
    kind = KINDS.get(report.signal)
    detail = _detail(port, live, leg, report)
    return None if kind is None or detail is None else (kind, detail)


def _detail(port: MediaPort, live: LiveCall, leg: str, report: PortEvent) -> dict[str, Any] | None:
    match report.signal:
        case Signal.RINGING | Signal.ENDED:
            return dialling.answer_detail(live, leg, report.detail)
        case Signal.ANSWERED:
            detail = dialling.answer_detail(live, leg, report.detail)
            live.answered.add(leg)
            live.numbers[leg] = str(detail.get("by") or live.numbers.get(leg, ""))
            return detail
        case Signal.PLAYED:
            playing = live.playing.get(leg)
            if playing is None or playing.token != report.detail.get("token"):
                return None
            return {"token": playing.token, "fault": playing.fault or report.detail.get("fault", "")}
        case Signal.TRANSFER:
            try:
                target, replaces = invite.refer_to(str(report.detail.get("refer_to", "")))
            except PeerError:
                port.tell_transfer(report.handle, 400, "Bad Refer-To", True)
                return None
            return {"target": target, "replaces": replaces, "means": "refer"}
        case _:
            return dict(report.detail)
