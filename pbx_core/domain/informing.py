"""One informing call: what the person hears, and what came of it by the call's events. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pbx_core.domain.calls.events import EventType, side_of
from pbx_core.domain.campaign import Result, Rules
from pbx_core.domain.nodes import Announce, Menu, Node
from pbx_core.domain.phrases import phrase
from pbx_core.domain.records import CallEventRecord, Party

PREFIX = "inform:"  # of the destinations, and of the menus in MENU_KEY events
KEY_WAIT_S = 6.0  # after the message, for a key
TIMES = 2  # the message is said so often to somebody who presses none
NO_ANSWER_STATUSES = ("408", "480", "487")  # carriers say so when nobody takes it
NO_NUMBER_STATUSES = ("404", "410", "484", "604")  # trying again is pointless


def destinations(campaign_id: str, rules: Rules) -> dict[str, Node]:
    """What `inform:<name>` stands for, by name: the message, and the words after the opt-out key."""
    refuse = f"{campaign_id}:out"
    keys = [(rules.acknowledge_key, "hangup:done")] if rules.acknowledge_key else []
    keys += [(rules.opt_out_key, PREFIX + refuse)] if rules.opt_out_key else []
    if not keys:
        return {campaign_id: Announce(rules.sounds, "hangup:done")}
    message = Menu(
        menu=PREFIX + campaign_id,
        greeting=rules.sounds,
        keys=tuple(keys),
        timeout_s=KEY_WAIT_S,
        tries_max=TIMES,
        on_timeout="hangup:done",
        on_invalid="hangup:done",
    )
    return {campaign_id: message, refuse: Announce((phrase("opted_out", rules.language),), "hangup:done")}


def result_of(events: Iterable[CallEventRecord], rules: Rules) -> Result | None:
    """What came of a call by its events; None while it has not ended."""
    answered, keys = False, []
    closed: Mapping[str, object] | None = None
    for event in sorted(events, key=lambda e: e.seq):
        match event.type:
            case EventType.ANSWERED if event.leg and side_of(event.leg) is Party.CALLER:
                answered = True
            case EventType.MENU_KEY if str(event.detail.get("menu", "")).startswith(PREFIX):
                keys.append(str(event.detail.get("key", "")))
            case EventType.CLOSED | EventType.ABORTED:
                closed = event.detail
    if closed is None:
        return None
    if rules.opt_out_key and rules.opt_out_key in keys:
        return Result("opted_out", rules.opt_out_key)
    if rules.acknowledge_key and rules.acknowledge_key in keys:
        return Result("acknowledged", rules.acknowledge_key)
    cause = str(closed.get("cause") or closed.get("reason") or "")
    if answered:
        return Result("reached", "", cause)
    disposition = str(closed.get("disposition", ""))
    if disposition in ("busy", "no_answer"):
        return Result(disposition, "", cause)
    if cause.startswith(NO_ANSWER_STATUSES):
        return Result("no_answer", "", cause)
    return Result("failed", "", cause, lasting=cause.startswith(NO_NUMBER_STATUSES))
