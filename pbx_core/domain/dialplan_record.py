"""Whether a conversation is recorded: the strictest of the places that say something, else the tenant's rule."""

from __future__ import annotations

from collections.abc import Iterable

from pbx_core.domain.dialplan_way import Way
from pbx_core.domain.model import Extension
from pbx_core.domain.nodes import RecordMode, RecordPolicy

STRICTNESS = (RecordMode.NEVER, RecordMode.ON_DEMAND, RecordMode.ALWAYS)  # the strictest first

Place = tuple[str, RecordMode | None]


def policy(way: Way, called: Iterable[Extension], places: Iterable[Place], *, outside: bool = False) -> RecordPolicy:
    """The rule for a conversation with one of `called`, reached over `places` (queue, group)."""
    direction = _direction(way, outside)
    extensions = list(called)
    if way.origin.kind == "extension" and (own := way.model.book.extensions.get(way.origin.number)):
        extensions.append(own)
    said: list[Place] = [(f"extension {e.number}", _own(e, direction)) for e in extensions]
    said += places
    if did := way.model.book.dids.get(way.origin.did):
        said.append((f"number {did.number}", did.record))
    speaking = [(STRICTNESS.index(mode), place, mode) for place, mode in said if mode is not None]
    rules = way.model.recording
    if speaking:
        _, rule, mode = min(speaking, key=lambda s: s[0])
    else:
        by_direction: RecordMode | None = getattr(rules, direction)
        rule = f"recording.{direction}" if by_direction is not None else "recording.default"
        mode = by_direction if by_direction is not None else rules.default
    way.say(rule, {"always": "recorded", "on_demand": "recorded when asked for", "never": "not recorded"}[mode])
    if mode is RecordMode.NEVER:
        return RecordPolicy(mode, (), rule)
    if 0 < rules.quota_bytes <= way.facts.recorded_bytes:
        way.say("recording.quota_bytes", f"not recorded: the quota of {rules.quota_bytes / 1e9:g} GB is used up")
        return RecordPolicy(RecordMode.NEVER, (), "quota: the recordings' quota is used up")
    basis = "announcement" if rules.announcement else "tenant_policy"
    return RecordPolicy(mode, rules.announcement, rule, basis, rules.pause_s_max)


def _direction(way: Way, outside: bool) -> str:
    if way.origin.kind == "trunk" or way.origin.did:  # also when somebody of ours transferred it
        return "inbound"
    return "outbound" if outside or way.origin.kind == "system" else "internal"


def _own(extension: Extension, direction: str) -> RecordMode | None:
    own = {"inbound": extension.record_inbound, "outbound": extension.record_outbound}.get(direction)
    return own if own is not None else extension.record
