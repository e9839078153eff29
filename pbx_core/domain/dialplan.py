"""Where a call goes and why: `resolve(model, facts, wish) -> Routed`. Pure; also for `explain` and dry runs.

A stop of the way (an extension, hours, a menu …) answers with a node, or with the destination where the call goes
on; each adds a step that says what was found, for people. The order for what an extension dials:

    emergency numbers → feature codes → short numbers → park slots → service numbers → emergency numbers of its
    country → outside
"""

from __future__ import annotations

from collections.abc import Callable

from pbx_core.domain import dialplan_codes as codes
from pbx_core.domain import dialplan_inside as inside
from pbx_core.domain import dialplan_outside as outside
from pbx_core.domain import dialplan_scenes as scenes
from pbx_core.domain import numbers
from pbx_core.domain.dialplan_way import Answer, Way
from pbx_core.domain.facts import Facts
from pbx_core.domain.model import Model
from pbx_core.domain.nodes import JoinHow, Node, Ring, Routed, Wish

__all__ = ["STOPS", "Facts", "direction_of", "resolve"]

Stop = Callable[[Way, str], Answer]
STOPS: dict[str, Stop] = {
    "did": scenes.did,
    "extension": inside.extension,
    "forward": inside.forward,
    "follow": inside.follow,
    "group": inside.group,
    "queue": scenes.queue,
    "menu": scenes.menu,
    "announcement": scenes.announcement,
    "hours": scenes.hours,
    "voicemail": inside.voicemail,
    "mailbox": inside.mailbox,
    "conference": scenes.conference,
    "outside": outside.outside,
    "inform": scenes.inform,
    "hangup": scenes.hangup,
    "change": codes.change,
    "pickup": codes.pickup,
    "retrieve": codes.retrieve,
    "listen": lambda way, number: codes.supervise(way, JoinHow.LISTEN, number),
    "whisper": lambda way, number: codes.supervise(way, JoinHow.WHISPER, number),
    "barge": lambda way, number: codes.supervise(way, JoinHow.BARGE, number),
}


def resolve(model: Model, facts: Facts, wish: Wish) -> Routed:
    """The node at which the call stands next. Never raises for a valid model, whatever is wished."""
    way = Way(model, facts, wish.origin, list(wish.visited), overflow=wish.overflow)
    node = _follow(way, wish.destination or _dialled(way, wish.dialled))
    return Routed(node, tuple(way.steps), tuple(way.visited), way.origin)


def direction_of(routed: Routed, trunk_id: str = "") -> str:
    """internal, inbound (a trunk brought it) or outbound, as the record of a call has it."""
    if trunk_id:
        return "inbound"
    node, first = routed.node, next(iter(routed.visited), "outside:")
    outside_only = not isinstance(node, Ring) or all(target.outside for target in node.targets)
    return "outbound" if first.startswith(("outside:", "emergency:")) and outside_only else "internal"


def _follow(way: Way, answer: Answer) -> Node:
    """From stop to stop until one answers with a node. The loop guard ends every circle."""
    while isinstance(answer, str):
        kind, _, rest = answer.partition(":")
        stop = STOPS.get(kind)
        if stop is None:
            return way.end("wrong_number", f"there is no destination {answer!r}")
        if kind != "hangup" and (circle := way.enter(answer)):
            return circle
        answer = stop(way, rest)
    return answer


def _dialled(way: Way, digits: str) -> Answer:
    """What digits mean to the one who dialled them. Callers from outside reach our public numbers and, in a menu that
    allows it, extensions: never feature codes, never a way outside."""
    model, origin = way.model, way.origin
    if not digits or len(digits) > numbers.DIGITS_MAX:
        return way.end("wrong_number", "no number was dialled" if not digits else "too many digits", "dialled")
    if origin.kind == "trunk" and not way.visited:
        return f"did:{digits}"
    caller = way.caller
    in_menu = bool(way.visited) and way.visited[-1].startswith("menu:")
    if caller is None or in_menu:  # whoever sent him there: nobody dials out of a menu
        if digits in model.book.extensions:
            return f"extension:{digits}"
        return way.end("wrong_number", f"{digits} is no extension; nothing else is reached from here", "dialled")
    if help_call := outside.emergency(way, digits):
        return help_call
    if digits.startswith("*"):
        return codes.code(way, digits)
    if destination := inside.number_inside(model, digits):
        return destination
    if digits in model.park_slots:
        return f"retrieve:{digits}"
    if service := outside.service(way, digits):
        return service
    if digits in numbers.emergency_numbers(way.country):
        return outside.help_call(way, digits)
    return outside.dial(way, digits, caller)
