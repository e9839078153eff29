"""Single facts of a call's record, each found in its events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pbx_core.domain.calls.events import CallEvent, EventType
from pbx_core.domain.nodes import CALLER_BLOCKED, CHANNELS_FULL, HOURS_CLOSED

EXCHANGE = ("mailbox", "change")  # nodes at which the exchange itself is what the caller wanted


def spans(moments: Sequence[tuple[float, bool]], begin: float, end: float) -> float:
    """Seconds between begin and end in which a state was on; moments: when it changed, in order."""
    total, since = 0.0, None
    for mono_s, on in moments:
        at = min(max(mono_s, begin), end)
        if on and since is None:
            since = at
        elif not on and since is not None:
            total, since = total + at - since, None
    return round(total + (end - since if since is not None else 0.0), 3)


def holds(events: Sequence[CallEvent]) -> list[tuple[float, bool]]:
    """When it changed whether at least one leg held."""
    held: set[str] = set()
    moments: list[tuple[float, bool]] = []
    for event in events:
        if event.type is EventType.HELD:
            held.add(event.leg or "")
        elif event.type in (EventType.UNHELD, EventType.ENDED, EventType.GIVEN):
            held.discard(event.leg or "")
        else:
            continue
        moments.append((event.mono_s, bool(held)))
    return moments


def recording_pauses(events: Sequence[CallEvent]) -> list[tuple[float, bool]]:
    """When the recording was paused and resumed."""
    kinds = (EventType.RECORDING_PAUSED, EventType.RECORDING_RESUMED)
    return [(e.mono_s, e.type is EventType.RECORDING_PAUSED) for e in events if e.type in kinds]


def inferred_answer(events: Sequence[CallEvent]) -> tuple[float | None, str]:
    """When and by whom a call was answered that nobody closed."""
    for event in events:
        detail = event.detail
        match event.type:
            case EventType.ANSWERED:
                return event.mono_s, str(detail.get("by") or _target(events, event.leg))
            case EventType.ADOPTED if detail.get("how") in ("pickup", "retrieve"):
                return event.mono_s, str(detail.get("number", ""))
            case EventType.JOINED | EventType.GIVEN:
                return event.mono_s, ""
            case EventType.ROUTED if _node(event).get("kind") in EXCHANGE:
                return event.mono_s, ""
    return None, ""


def _target(events: Sequence[CallEvent], leg: str | None) -> str:
    dialed = next((e for e in events if e.type is EventType.DIALED and e.leg == leg), None)
    targets = dialed.detail.get("targets") if dialed else None
    return str(targets[0]) if targets else ""


def queue_facts(events: Sequence[CallEvent], end: float) -> dict[str, Any]:
    """The last queue waited in, for how long, with what result."""
    joined = next((e for e in reversed(events) if e.type is EventType.QUEUE_JOINED), None)
    left = next((e for e in reversed(events) if e.type is EventType.QUEUE_LEFT), None)
    if left is not None and (joined is None or left.seq > joined.seq):
        wait = left.detail.get("wait_s")
        return {
            "queue": str(left.detail.get("queue", "")),
            "queue_wait_s": None if wait is None else float(wait),
            "queue_result": str(left.detail.get("how", "")),
        }
    if joined is None:
        return {"queue": "", "queue_wait_s": None, "queue_result": ""}
    wait_s = round(max(0.0, end - joined.mono_s), 3)
    return {"queue": str(joined.detail.get("queue", "")), "queue_wait_s": wait_s, "queue_result": "abandoned"}


def trunk(events: Sequence[CallEvent]) -> str:
    """The trunk that brought the call, or the one that carried it last."""
    brought = str(events[0].detail.get("trunk_id") or "")
    carried = [str(e.detail.get("trunk_id") or "") for e in events if e.type is EventType.DIALED]
    return brought or next((t for t in reversed(carried) if t), "")


def route(events: Sequence[CallEvent]) -> tuple[str, ...]:
    """Destinations passed, in order."""
    passed: dict[str, None] = {}
    for event in events:
        if event.type is EventType.ROUTED:
            visited = event.detail.get("visited") or [event.detail.get("destination")]
            passed.update((str(v), None) for v in visited if v)
    return tuple(passed)


def closed_hours(events: Sequence[CallEvent]) -> str:
    """The hours whose closed branch the call took last."""
    return next(
        (place.removeprefix("hours ") for place, text in reversed(_steps(events))
         if place.startswith("hours ") and text.startswith(HOURS_CLOSED)), "",
    )  # fmt: skip


def refused(events: Sequence[CallEvent]) -> str:
    """Why the exchange asked nobody: the caller is blocked, or all channels of the number called were in use."""
    for place, text in _steps(events):
        if place == CALLER_BLOCKED:
            return "blocked"
        if place.startswith("did ") and CHANNELS_FULL in text:
            return "full"
    return ""


def _steps(events: Sequence[CallEvent]) -> list[tuple[str, str]]:
    """The dialplan's reasoning, (place, text) in order."""
    found = (s for e in events if e.type is EventType.ROUTED for s in e.detail.get("steps") or ())
    return [(str(s.get("place", "")), str(s.get("text", ""))) for s in found if isinstance(s, dict)]


def forwarded_by(events: Sequence[CallEvent]) -> str:
    """The last extension in whose name the call went on that neither made nor transferred it."""
    own = {_extension(events[0])}
    own |= {str(e.detail.get("by", "")) for e in events if e.type is EventType.TRANSFERRED}
    names = [_extension(e) for e in events if e.type is EventType.ROUTED]
    return next((n for n in reversed(names) if n and n not in own), "")


def _extension(event: CallEvent) -> str:
    """Whose rights count, by an `opened` or `routed`; a call without origin is its caller's own."""
    origin = event.detail.get("origin")
    if not origin:
        return str(event.detail.get("caller_number", ""))
    return str(origin.get("extension", ""))


def conversation(events: Sequence[CallEvent]) -> str:
    """The call whose story this one belongs to; "" its own."""
    given = next((e for e in events if e.type is EventType.GIVEN), None)
    told = str(events[0].detail.get("conversation_id") or "")
    if given is not None and told in ("", events[0].call_id):
        return str(given.detail.get("to_call", ""))
    return told


def recording(events: Sequence[CallEvent], answered: bool) -> tuple[str | None, str | None]:
    """The first segment of the conversation, else the message left; or why there is none."""
    started = [e.detail for e in events if e.type is EventType.RECORDING_STARTED]
    started.sort(key=lambda d: d.get("kind", "conversation") != "conversation")  # stable: conversations first
    if started:
        return str(started[0].get("recording_id", "")), None
    refused = next((e for e in events if e.type is EventType.RECORDING_REFUSED), None)
    if refused is not None:
        return None, str(refused.detail.get("reason", ""))
    if not answered:
        return None, "not answered"
    policies = [_node(e).get("record") for e in events if e.type is EventType.ROUTED]
    policy = next((p for p in reversed(policies) if p), None) or {}
    reasons = {"never": "policy: never", "on_demand": "policy: on demand, not asked for"}
    reason = reasons.get(str(policy.get("mode")), "no recorder was started")
    if reason == "no recorder was started" and policy.get("announcement"):
        reason = "the announcement was not heard to its end"
    rule = str(policy.get("rule") or "")
    return None, f"{reason} ({rule})" if rule else reason


def _node(event: CallEvent) -> dict[str, Any]:
    node = event.detail.get("node")
    return node if isinstance(node, dict) else {}
