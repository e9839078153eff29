"""A changed model on past calls: each is placed again, at its own time, under the old model and under the new one.

What was then and is not kept: which phones were signed in, what users had set (forwarding, do not disturb), who was
logged in to queues, whether all channels were in use. Both runs assume phones signed in and no user's settings, so
that only the model makes a difference. Keys pressed in menus and how a call ended are kept, and used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ingest import convert
from pbx_core.domain.explain import Past, course
from pbx_core.domain.facts import Facts
from pbx_core.domain.model import Model
from pbx_core.domain.nodes import Origin, Wish

CALLS_MAX = 20_000  # of one dry run; resolving takes about 50 µs each way
NOT_KNOWN = (
    "Not known of past calls, and taken as the same for both: which phones were signed in (all), users' forwarding "
    "and do not disturb (none), who was logged in to queues, calls beyond a number's last channel."
)


@dataclass(frozen=True)
class Moved:
    """A call that would have gone elsewhere; before and after: its stations."""

    call_id: str
    at: datetime
    caller: str
    called: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True)
class DryRun:
    """calls: how many were placed again; left_out: how many could not be, by reason."""

    calls: int
    moved: tuple[Moved, ...]
    left_out: Mapping[str, int]


def dry_run(old: Model, new: Model, calls: Iterable[Mapping[str, Any]]) -> DryRun:
    """Place calls (rows of queries.routing.placed) under both models."""
    count = 0
    moved: list[Moved] = []
    left_out: Counter[str] = Counter()
    for call in calls:
        wish = _wish(call, old)
        if isinstance(wish, str):
            left_out[wish] += 1
            continue
        count += 1
        at = convert.utc(call["started_at"])
        past = Past(_keys(call), call["disposition"], call["queue_result"] or "")
        before, after = (course(model, _facts(model, at), wish, past) for model in (old, new))
        if before != after:
            moved.append(Moved(call["call_id"], at, call["caller_number"], call["callee_number"], before, after))
    return DryRun(count, tuple(moved), dict(left_out))


def _wish(call: Mapping[str, Any], old: Model) -> Wish | str:
    """The question that the call asked, or why it cannot be asked again."""
    caller, called = call["caller_number"], call["callee_number"]
    if call["direction"] == "inbound":
        did = call["did"] or ""
        if not did:
            return "it is not known which of our numbers was called"
        return Wish(Origin("trunk", caller, did=did, trunk_id=call["trunk_id"] or ""), did)
    if caller not in old.book.extensions:
        return "the caller is no extension of the present model"
    if not called:
        return "it is not known what was dialled"
    return Wish(Origin("extension", caller, extension=caller), called)


def _keys(call: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(filter(None, (call["menu_path"] or "").split(",")))


def _facts(model: Model, at: datetime) -> Facts:
    return Facts(at, registered=frozenset(model.book.extensions))
