"""Why a call goes where it goes, to its ends: every stop with its reasons, and where each of its exits leads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import assert_never

from pbx_core.domain.dialplan import resolve
from pbx_core.domain.facts import Facts
from pbx_core.domain.model import Model
from pbx_core.domain.nodes import (
    Announce,
    Change,
    Conference,
    Hangup,
    Join,
    Mailbox,
    Menu,
    Node,
    Queue,
    Ring,
    Routed,
    Step,
    Target,
    Voicemail,
    Wish,
)

BRANCHES_MAX = 200  # of one explanation; a big menu of menus is cut off there


@dataclass(frozen=True)
class Branch:
    """One way of the call. when: what must happen ("", nobody answers, key 1 …); stop: where it stands then.
    repeats: this destination was explained further up."""

    when: str
    destination: str
    steps: tuple[Step, ...]
    stop: str
    branches: tuple[Branch, ...] = ()
    repeats: bool = False


def explain(model: Model, facts: Facts, wish: Wish) -> Branch:
    """The tree of a call's possible ways from the wish on."""
    return _Explainer(model, facts).branch("", wish.destination or wish.dialled, wish)


@dataclass
class _Explainer:
    model: Model
    facts: Facts

    def __post_init__(self) -> None:
        self._explained: set[str] = set()
        self._left = BRANCHES_MAX

    def branch(self, when: str, destination: str, wish: Wish) -> Branch:
        self._left -= 1
        if destination in self._explained or self._left <= 0:
            return Branch(when, destination, (), "as above" if self._left > 0 else "and so on", repeats=True)
        if wish.destination:
            self._explained.add(destination)
        routed = resolve(self.model, self.facts, wish)
        further = tuple(
            self.branch(each, to, Wish(routed.origin, destination=to, visited=routed.visited))
            for to, each in exits(routed.node).items()
        )
        return Branch(when, destination, routed.steps, station(routed.node), further)


def exits(node: Node) -> Mapping[str, str]:
    """Where a node leads next: destination → when, for people; several reasons for one destination are joined."""
    pairs: list[tuple[str, str]] = []
    match node:
        case Ring():
            pairs = [
                ("nobody answers", node.on_no_answer), ("busy", node.on_busy), ("no phone signed in", node.on_offline),
                ("it fails", node.on_failed),
            ]  # fmt: skip
        case Menu():
            pairs = [(f"key {key}", to) for key, to in node.keys]
            pairs += [("no key", node.on_timeout), ("wrong keys", node.on_invalid)]
        case Announce():
            pairs = [("then", node.then)]
        case Queue():
            pairs = [("waits too long, or too many wait", node.on_overflow), ("no agent", node.on_empty)]
            pairs += [(f"key {node.exit_key}", node.on_exit)] if node.exit_key else []
        case _:
            pass
    out: dict[str, str] = {}
    for when, to in pairs:
        if to:
            out[to] = f"{out[to]}, {when}" if to in out else when
    return out


def station(node: Node) -> str:
    """Where the call stands, in a few words."""
    match node:
        case Ring():
            how = "one after another" if node.one_by_one else ""
            return " ".join(filter(None, ["rings", ", ".join(map(_target, node.targets)), how]))
        case Menu():
            return f"menu {node.menu}"
        case Announce():
            return f"hears {', '.join(node.sounds)}"
        case Queue():
            return f"waits in queue {node.queue}"
        case Voicemail():
            return f"leaves a message for {node.mailbox}"
        case Mailbox():
            return f"hears the messages of {node.mailbox}"
        case Conference():
            return f"conference {node.room}"
        case Join():
            return f"{node.how} {node.target}: {'call ' + node.call_id if node.call_id else 'there is none'}"
        case Change():
            return f"changes {node.what} to {node.value or 'off'}"
        case Hangup():
            return f"ends: {node.cause.replace('_', ' ')} ({node.status} {node.reason})"
    assert_never(node)


def _target(target: Target) -> str:
    if not target.outside:
        return f"{target.number} {target.name}".strip()
    return f"{target.number} by {' or '.join(r.trunk_id for r in target.routes)}"


@dataclass(frozen=True)
class Past:
    """What is known of a call that was: the keys pressed in its menus ("t" time-out, "i" wrong key), how it ended
    (answered, busy, …), and how it left its queue ("" it was in none)."""

    keys: tuple[str, ...] = ()
    ended: str = "answered"
    queue_result: str = ""


def course(model: Model, facts: Facts, wish: Wish, past: Past) -> tuple[str, ...]:
    """The stations of a call that is placed again: menus get the same keys, phones that nobody answered are not
    answered now either. It ends where what happened then says nothing more."""
    out: list[str] = []
    keys = list(past.keys)
    while True:
        routed = resolve(model, facts, wish)
        out.append(station(routed.node))
        to = _next(routed, keys, past)
        if not to:
            return tuple(out)
        wish = replace(wish, origin=routed.origin, visited=routed.visited, destination=to, dialled="", overflow=False)


def _next(routed: Routed, keys: list[str], past: Past) -> str:
    node = routed.node
    match node:
        case Menu():
            return _chosen(node, keys)
        case Announce():
            return node.then
        case Ring():
            return {"no_answer": node.on_no_answer, "busy": node.on_busy}.get(past.ended, "")
        case Queue():
            return {"overflow": node.on_overflow, "empty": node.on_empty, "key": node.on_exit}.get(
                past.queue_result, ""
            )
        case _:
            return ""


def _chosen(node: Menu, keys: list[str]) -> str:
    """Where the keys pressed lead, which are used up; "" when none are left."""
    known = dict(node.keys)
    faults = 0
    while keys:
        key = keys.pop(0)
        if key in known:
            return known[key]
        if key in node.direct:
            return f"extension:{key}"
        faults += 1
        if faults >= node.tries_max:
            return node.on_timeout if key == "t" else node.on_invalid
    return ""
