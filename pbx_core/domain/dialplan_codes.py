"""Feature codes, and the destinations they make: joining other calls, parking, settings of one's own.

CODES is the table; the documentation is made from it.
"""

from __future__ import annotations

from dataclasses import dataclass

from pbx_core.domain import dialplan_outside as outside
from pbx_core.domain import numbers
from pbx_core.domain.dialplan_inside import number_inside
from pbx_core.domain.dialplan_way import Answer, Way
from pbx_core.domain.model import Extension, Neighbour
from pbx_core.domain.nodes import Change, Join, JoinHow
from pbx_core.domain.phrases import phrase


@dataclass(frozen=True)
class Code:
    """A code and the destination it stands for. argument: what is dialled after it ("" nothing)."""

    code: str
    argument: str
    destination: str
    text: str


CODES = (
    Code("*97", "", "mailbox:", "hear the messages of one's own mailbox"),
    Code("*78", "", "change:dnd:on", "do not disturb: on"),
    Code("*79", "", "change:dnd:", "do not disturb: off"),
    Code("*72", "number", "change:forward_always:", "forward every call to a number"),
    Code("*73", "", "change:forward_always:", "no longer"),
    Code("*90", "number", "change:forward_busy:", "forward when busy"),
    Code("*91", "", "change:forward_busy:", "no longer"),
    Code("*92", "number", "change:forward_no_answer:", "forward when nobody answers"),
    Code("*93", "", "change:forward_no_answer:", "no longer"),
    Code("*94", "number", "change:forward_offline:", "forward when no phone is signed in"),
    Code("*95", "", "change:forward_offline:", "no longer"),
    Code("*45", "", "change:queue_login:", "agent: log in to all one's queues"),
    Code("*46", "", "change:queue_logout:", "agent: log out"),
    Code("*47", "", "change:queue_pause:", "agent: begin a break"),
    Code("*48", "", "change:queue_unpause:", "agent: end the break"),
    Code("*8", "", "pickup:", "take a call that rings in one's pickup group"),
    Code("**", "extension", "pickup:", "take the call that rings at an extension"),
    Code("*70", "slot", "retrieve:", "take a parked call; dialling the slot alone does the same"),
    Code("*31", "extension", "listen:", "supervisor: hear both sides"),
    Code("*32", "extension", "whisper:", "supervisor: speak to the agent only"),
    Code("*33", "extension", "barge:", "supervisor: speak to both"),
)
SAID = {
    "dnd": "dnd_off",
    "queue_login": "logged_in",
    "queue_logout": "logged_out",
    "queue_pause": "paused",
    "queue_unpause": "unpaused",
}
CHANGEABLE = (*SAID, "forward_always", "forward_busy", "forward_no_answer", "forward_offline")


def code(way: Way, digits: str) -> Answer:
    """What a feature code stands for."""
    fitting = [c for c in CODES if digits.startswith(c.code) and bool(c.argument) == (len(digits) > len(c.code))]
    if not fitting:
        return way.end("wrong_number", f"there is no code {digits}", "feature codes")
    chosen = max(fitting, key=lambda c: len(c.code))
    argument = digits.removeprefix(chosen.code)
    way.say(f"code {chosen.code}", chosen.text)
    own = way.origin.extension if chosen.destination == "mailbox:" else ""
    return chosen.destination + argument + own


def change(way: Way, rest: str) -> Answer:
    """A setting of the caller's own."""
    what, _, value = rest.partition(":")
    own = way.model.book.extensions.get(way.own_phone)
    if own is None:
        return way.end("no_right", "only an extension changes its settings", f"change {what}")
    if what not in CHANGEABLE:
        return way.end("wrong_number", "there is no such setting", f"change {what}")
    if what.startswith("queue_") and not any(own.number in (m.number for m in q.members) for q in way.model.queues):
        return way.end("no_right", "is an agent of no queue", f"extension {own.number}")
    if what.startswith("forward_"):
        if value and (refusal := _unreachable(way, value, own)):
            return refusal
        said = phrase("forward_on" if value else "forward_off", way.language, target=value)
    else:
        said = phrase("dnd_on" if what == "dnd" and value else SAID[what], way.language)
    way.say(f"extension {own.number}", f"sets {what} to {value or 'off'}")
    return Change(what, value, (said,))


def _unreachable(way: Way, value: str, own: Extension) -> Answer:
    """The refusal when calls cannot be forwarded there, "" when they can."""
    if number_inside(way.model, value):
        return way.end("not_allowed", "would forward to itself", "forwarding") if value == own.number else ""
    prefix = way.model.outbound.outside_prefix
    bare = value if value.startswith("+") else value.removeprefix(prefix)
    public = numbers.parse(bare, way.country) if value.startswith(("+", prefix)) else None
    if public is None:
        return way.end("wrong_number", f"there is no number {value}", "forwarding")
    reason = outside.forbidden(way, public, own)
    return way.end("not_allowed", reason, "forwarding") if reason else ""


def pickup(way: Way, number: str) -> Answer:
    """Take a call that rings: at an extension, or in a pickup group of the caller's."""
    own = way.model.book.extensions.get(way.own_phone)
    if own is None:
        return way.end("no_right", "only an extension picks up", "pickup")
    called = way.model.book.extensions.get(number)
    if number and called is None:
        return way.end("wrong_number", "there is no such extension", f"pickup {number}")
    if called is not None and called.groups and not set(called.groups) & set(own.groups):
        return way.end("no_right", f"{own.number} is in no pickup group of {number}", f"pickup {number}")
    mates = {number} if number else {
        e.number for e in way.model.extensions if set(e.groups) & set(own.groups) and e.number != own.number
    }  # fmt: skip
    found = _neighbour(way, "ringing", mates)
    way.say("pickup", f"call {found.call_id}" if found else "nothing rings there")
    return _join(way, JoinHow.PICKUP, found, number, "nothing_to_pick_up")


def retrieve(way: Way, slot: str) -> Answer:
    """Take a parked call."""
    if way.caller is None or slot not in way.model.park_slots:
        return way.end("wrong_number", "there is no such park slot", f"retrieve {slot}")
    found = next((n for n in way.facts.neighbours if n.state == "parked" and n.slot == slot), None)
    way.say(f"slot {slot}", f"call {found.call_id} is parked here" if found else "is empty")
    return _join(way, JoinHow.RETRIEVE, found, slot, "nothing_parked")


def supervise(way: Way, how: JoinHow, number: str) -> Answer:
    """Listen to, whisper into or join the conversation of an extension, with the right to."""
    own = way.model.book.extensions.get(way.own_phone)
    place = f"{how} {number}"
    if own is None or not ({"*", number} & set(own.supervises)) or number == own.number:
        return way.end("no_right", f"{way.origin.number} does not supervise {number}", place)
    if number not in way.model.book.extensions:
        return way.end("wrong_number", "there is no such extension", place)
    found = _neighbour(way, "talking", {number})
    way.say(place, f"call {found.call_id}" if found else "does not talk now")
    return _join(way, how, found, number, "not_available")


def _neighbour(way: Way, state: str, numbers_: set[str]) -> Neighbour | None:
    return next((n for n in way.facts.neighbours if n.state == state and numbers_ & set(n.extensions)), None)


def _join(way: Way, how: JoinHow, found: Neighbour | None, target: str, otherwise: str) -> Join:
    none = (phrase(otherwise, way.language),)
    if found is None:
        return Join(how, "", "", target, none)
    return Join(how, found.call_id, found.worker, target, none)
