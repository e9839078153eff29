"""The tables of the machine: what enters a node, what takes a stage's events, what leaves it when the call ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pbx_core.domain import nodes
from pbx_core.domain.calls import (
    announce,
    codes,
    conference,
    joining,
    mailbox,
    menu,
    originating,
    parking,
    queueing,
    ringing,
    state,
    talking,
    taping,
    voicemail,
)
from pbx_core.domain.calls.events import EventType
from pbx_core.domain.calls.turn import LIFE, LINGER, MAX, RING, Turn


def _routing(turn: Turn) -> None:
    """While the dialplan is asked only the caller's end matters."""
    if turn.event.type is EventType.ENDED and turn.event.leg == turn.call.subject:
        announce.abandoned(turn, "before an answer")


ENTER: dict[type, Callable[[Turn, Any], None]] = {
    nodes.Ring: ringing.enter,
    nodes.Menu: menu.enter,
    nodes.Announce: announce.enter,
    nodes.Queue: queueing.enter,
    nodes.Voicemail: voicemail.enter,
    nodes.Mailbox: mailbox.enter,
    nodes.Conference: conference.enter,
    nodes.Join: joining.enter,
    nodes.Change: announce.enter,
    nodes.Hangup: announce.enter,
}
ON: dict[type, Callable[[Turn], None]] = {
    state.Routing: _routing,
    state.Originating: originating.on,
    state.Ringing: ringing.on,
    state.Talking: talking.on,
    state.InMenu: menu.on,
    state.Announcing: announce.on,
    state.Queueing: queueing.on,
    state.LeavingMessage: voicemail.on,
    state.InMailbox: mailbox.on,
    state.InRoom: conference.on,
    state.Joining: joining.on,
    state.Parked: parking.on,
    state.Ending: lambda turn: None,
}
LEAVE: dict[type, Callable[[Turn], None]] = {
    state.Originating: originating.leave,
    state.Ringing: ringing.leave,
    state.Talking: talking.leave,
    state.InMenu: menu.leave,
    state.Queueing: queueing.leave,
    state.LeavingMessage: voicemail.leave,
    state.InRoom: conference.leave,
    state.Parked: parking.leave,
}
TIMERS = frozenset(  # names; of code and dial what follows a colon is the leg
    {
        *(
            RING,
            MAX,
            LIFE,
            LINGER,
            queueing.OFFER,
            queueing.WAIT,
            queueing.SAY,
            menu.KEY,
            menu.DIGIT,
            voicemail.MESSAGE,
        ),
        *(parking.PARK, parking.RETURNING, taping.PAUSE, taping.NOTICE, codes.CODE, codes.DIAL),
    }
)
