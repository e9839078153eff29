"""Outbound informing: when a number may be called, how many at once, what follows from a try. Pure.

Quiet hours are those of the number called where its numbering plan says the zone, else the tenant's. A number is
tried again only when the last try did not reach its end, `tries` times at most; whoever presses the opt-out key is
never called again by this tenant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum

from pbx_core.domain import hours, numbers

AT_ONCE_MAX = 100
PER_MINUTE_MAX = 600
TRIES_MAX = 10
PACE_WINDOW_S = 60.0
SPACING_S = {"busy": 300.0, "no_answer": 3600.0, "failed": 900.0, "reached": 14_400.0}


class CampaignState(StrEnum):
    """Where a campaign stands."""

    DRAFT = "draft"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    CANCELLED = "cancelled"


MAY: dict[str, tuple[frozenset[CampaignState], CampaignState]] = {
    "start": (frozenset({CampaignState.DRAFT, CampaignState.PAUSED}), CampaignState.RUNNING),
    "pause": (frozenset({CampaignState.RUNNING}), CampaignState.PAUSED),
    "cancel": (
        frozenset({CampaignState.DRAFT, CampaignState.RUNNING, CampaignState.PAUSED}),
        CampaignState.CANCELLED,
    ),
}  # what a person may do: from which states, to which


class NumberState(StrEnum):
    """Where a number of a campaign stands."""

    READY = "ready"
    CALLING = "calling"
    REACHED = "reached"
    ACKNOWLEDGED = "acknowledged"
    OPTED_OUT = "opted_out"
    FAILED = "failed"


@dataclass(frozen=True)
class Rules:
    """What a campaign says and when. sounds: what is heard. shown: the verified number that is shown, "" the
    tenant's first. quiet: "20:00-09:00", nobody is called then; "" never. keys: "" none. spacing_s: pause before the
    next try by result. time_zone: the tenant's, for numbers whose zone nobody knows."""

    sounds: tuple[str, ...]
    language: str = "en"
    shown: str = ""
    at_once: int = 2
    per_minute: int = 10
    quiet: str = "20:00-09:00"
    tries: int = 3
    spacing_s: dict[str, float] = field(default_factory=lambda: dict(SPACING_S))
    acknowledge_key: str = "1"
    opt_out_key: str = "9"
    time_zone: str = "UTC"


@dataclass(frozen=True)
class Result:
    """What came of a try. result: reached, acknowledged, opted_out, busy, no_answer, failed. lasting: trying again is
    pointless."""

    result: str
    key: str = ""
    reason: str = ""
    lasting: bool = False


@dataclass(frozen=True)
class Next:
    """What becomes of the number. not_before: of the next try, epoch seconds, when it is ready again."""

    state: NumberState
    not_before: float = 0.0


def mistakes(rules: Rules) -> list[str]:
    """What is wrong with the rules, in words."""
    found: list[str] = []
    bounds = (
        ("calls at once", rules.at_once, AT_ONCE_MAX),
        ("calls per minute", rules.per_minute, PER_MINUTE_MAX),
        ("tries", rules.tries, TRIES_MAX),
    )
    found += [f"{name} must be 1 to {most}, not {value}" for name, value, most in bounds if not 1 <= value <= most]
    if not rules.sounds:
        found.append("there is nothing to say")
    for name, key in (("acknowledgement", rules.acknowledge_key), ("opt-out", rules.opt_out_key)):
        if key and (len(key) != 1 or key not in "0123456789*#"):
            found.append(f"the {name} key must be one of 0-9*#, not {key!r}")
    if rules.acknowledge_key and rules.acknowledge_key == rules.opt_out_key:
        found.append("acknowledgement and opt-out need different keys")
    try:
        _quiet(rules.quiet)
    except ValueError:
        found.append(f"quiet hours are written as 20:00-09:00, not {rules.quiet!r}")
    return found


def zone_of(number: str, rules: Rules) -> str:
    """The time zone in which the number's quiet hours count: its own when its numbering plan names exactly one."""
    found = numbers.time_zones(number)
    return found[0] if len(found) == 1 else rules.time_zone


def may_call_at(at: datetime, zone: str, rules: Rules) -> datetime:
    """`at`, or the end of the quiet hours in which it falls. UTC."""
    quiet = _quiet(rules.quiet)
    if quiet is None:
        return at
    begin, end = quiet
    local = at.astimezone(hours.zone(zone))
    clock = local.time().replace(tzinfo=None)
    through_midnight = begin > end
    inside = (clock >= begin or clock < end) if through_midnight else begin <= clock < end
    if not inside:
        return at
    day = local.date() + timedelta(days=1 if through_midnight and clock >= begin else 0)
    return max(at, datetime.combine(day, end, hours.zone(zone)).astimezone(UTC))


def room(rules: Rules, calling: int, started: Sequence[float], now: float) -> int:
    """How many more calls may begin now. calling: under way; started: when the last ones began, epoch seconds. What
    lies in the future was written before the clock was set back and counts as just begun."""
    lately = sum(1 for at in started if at > now - PACE_WINDOW_S)
    return max(0, min(rules.at_once - calling, rules.per_minute - lately))


def after(rules: Rules, attempt: int, result: Result, zone: str, now: float) -> Next:
    """What follows from a try, the attempt-th (from 1)."""
    match result.result:
        case "acknowledged":
            return Next(NumberState.ACKNOWLEDGED)
        case "opted_out":
            return Next(NumberState.OPTED_OUT)
        case "reached":
            final = NumberState.REACHED
            over = not rules.acknowledge_key
        case _:
            final = NumberState.FAILED
            over = result.lasting
    if over or attempt >= rules.tries:
        return Next(final)
    wait_s = rules.spacing_s.get(result.result, SPACING_S["failed"])
    at = datetime.fromtimestamp(now + max(wait_s, PACE_WINDOW_S), UTC)
    return Next(NumberState.READY, may_call_at(at, zone, rules).timestamp())


def _quiet(text: str) -> tuple[time, time] | None:
    """(begin, end) of "20:00-09:00"; None for "" and for an empty span; ValueError for anything else."""
    if not text:
        return None
    begin, _, end = text.partition("-")
    span = time.fromisoformat(begin.strip()), time.fromisoformat(end.strip())
    if any(t.tzinfo is not None or len(part.strip()) != 5 for t, part in zip(span, (begin, end), strict=True)):
        raise ValueError(text)
    return None if span[0] == span[1] else span
