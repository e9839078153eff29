"""Finds the flow that leads to a phone now: its own, a newer one of its registration, or a fresh TCP connection."""

from __future__ import annotations

from collections.abc import Callable

from pbx_core.edge.context import Wire
from pbx_core.edge.location import Location
from pbx_core.sip import message as sip
from pbx_core.sip.flow import Flow

Reached = Callable[[Flow | None], None]


def reach_phone(wire: Wire, location: Location, flow: Flow | None, contact: str, done: Reached) -> None:
    """Give `done` a flow that leads to the phone, or None when there is none."""
    if flow is None or wire.alive(flow):
        done(flow)
        return
    newer = location.find(contact, flow.host)
    if newer is not None and wire.alive(newer):
        done(newer)
        return
    target = sip.uri(contact)
    if flow.transport == "tcp" and target.host == flow.host and target.port:
        wire.connect(Flow("tcp", target.host, target.port), done)
    else:
        done(None)
