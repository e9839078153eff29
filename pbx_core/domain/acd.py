"""Who is offered which waiting caller: decisions of a queue from a snapshot of it. Pure; times are epoch seconds.

Callers are served in the order in which they came. Of the agents who are free, the lowest tier serves first; within
it the queue's strategy chooses. A caller who is being called back (state calling) has an agent kept free for him.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pbx_core.domain.model import QueueModel, QueueStrategy

MISSED_MAX = 3  # offers in a row that an agent lets ring out; then he is paused
MISSED_REASON = "no answer"  # the pause's reason
REST_S = 5.0  # an agent whose phone did not take an offer is not offered the next one sooner
OFFER_SLACK_S = 15.0  # beyond the ring time: an offer whose end nobody reported is over then
WAIT_VERSION = "acd-wait-1"  # names the formula of estimated_wait_s
WAIT_CALLS_MIN = 3  # handled calls below which the estimate says nothing


class EntryState(StrEnum):
    """Where a caller stands in a queue."""

    WAITING = "waiting"
    OFFERED = "offered"  # agents ring for him
    TALKING = "talking"  # with an agent; not in the line any more
    CALLBACK = "callback"  # hung up, keeps his place, is called when his turn comes
    CALLING = "calling"  # is being called back


@dataclass(frozen=True)
class Entry:
    """A caller in the line. lease_until: when an offer or a call-back's try has failed at the latest."""

    entry_id: str
    number: str
    joined_at: float
    state: EntryState = EntryState.WAITING
    worker: str = ""  # "" for a call-back
    not_before: float = 0.0
    lease_until: float = 0.0


@dataclass(frozen=True)
class Agent:
    """A member of the queue as he is now. ringing, talking: for any queue. wrap_up_until: the latest of all queues.
    busy: in any other call. calls, talk_s: since log-in, in this queue."""

    number: str
    tier: int = 1
    logged_in: bool = True
    pause_reason: str | None = None
    registered: bool = True
    dnd: bool = False  # does not want to be disturbed at all
    ringing: bool = False
    talking: bool = False
    busy: bool = False
    wrap_up_until: float = 0.0
    idle_since: float = 0.0
    offered_at: float = 0.0  # last
    calls: int = 0
    talk_s: float = 0.0


@dataclass(frozen=True)
class Choice:
    """One caller's turn: the agents that ring for him now."""

    entry_id: str
    agents: tuple[str, ...]


@dataclass(frozen=True)
class Decision:
    """offers: in the order of the line; of a call-back: he is to be called now. skipped: why an agent gets nothing."""

    offers: tuple[Choice, ...]
    skipped: tuple[tuple[str, str], ...]


def decide(queue: QueueModel, line: Sequence[Entry], agents: Sequence[Agent], now: float) -> Decision:
    """The next offers. Nobody is offered two calls, no caller twice."""
    reasons = [(a.number, why_not(a, now)) for a in agents]
    skipped = tuple((number, reason) for number, reason in reasons if reason)
    refused = {number for number, _ in skipped}
    free = [a for a in agents if a.number not in refused]
    offers: list[Choice] = []
    for entry in in_order(line):
        if not free:
            break
        if not _wants(entry, now):
            continue
        chosen = _choose(queue.strategy, free)
        if entry.state in (EntryState.CALLING, EntryState.CALLBACK):
            chosen = chosen[:1]  # one is kept for him
        free = [a for a in free if a not in chosen]
        if entry.state is not EntryState.CALLING:
            offers.append(Choice(entry.entry_id, tuple(a.number for a in chosen)))
    return Decision(tuple(offers), skipped)


def why_not(agent: Agent, now: float) -> str:
    """Why this agent cannot be offered a call now, in words; "" when he can."""
    if not agent.logged_in:
        return "logged out"
    if agent.pause_reason is not None:
        return f"paused: {agent.pause_reason}" if agent.pause_reason else "paused"
    if not agent.registered:
        return "offline"
    if agent.dnd:
        return "do not disturb"
    if agent.ringing:
        return "ringing"
    if agent.talking:
        return "talking"
    if agent.busy:
        return "in another call"
    return "wrap-up" if agent.wrap_up_until > now else ""


def plausible_wrap_up(until: float, queue: QueueModel, now: float) -> float:
    """The end of a wrap-up of this queue as it was written down; 0 when it lies further ahead than any can: the clock
    has been set back since."""
    return until if until - now <= max(queue.wrap_up_s, REST_S) else 0.0


def in_order(line: Sequence[Entry]) -> list[Entry]:
    """The line: who came first stands first; callers who talk are not in it."""
    standing = [e for e in line if e.state is not EntryState.TALKING]
    return sorted(standing, key=lambda e: (e.joined_at, e.entry_id))


def position(line: Sequence[Entry], entry_id: str) -> int:
    """1 is the next; 0 when he is not in the line."""
    ids = [e.entry_id for e in in_order(line)]
    return ids.index(entry_id) + 1 if entry_id in ids else 0


def estimated_wait_s(queue: QueueModel, place: int, agents: Sequence[Agent], now: float) -> float | None:
    """Formula acd-wait-1: (place − free agents, at least 0) × mean handling time ÷ staffed agents. Mean handling time:
    (talk of the staffed agents since log-in ÷ their calls) + wrap-up. Staffed: logged in, not paused, with a phone.
    None while nobody is staffed or fewer than WAIT_CALLS_MIN calls were handled: unknown is not zero."""
    staffed = [a for a in agents if a.logged_in and a.pause_reason is None and a.registered]
    calls = sum(a.calls for a in staffed)
    free = sum(1 for a in staffed if not why_not(a, now))
    if not staffed or calls < WAIT_CALLS_MIN:
        return None
    handling_s = sum(a.talk_s for a in staffed) / calls + queue.wrap_up_s
    return max(0, place - free) * handling_s / len(staffed)


def refusal(queue: QueueModel, line: Sequence[Entry], agents: Sequence[Agent]) -> str:
    """Why a caller cannot join: "full", "empty" (no agent is logged in, and the queue minds), or ""."""
    if len(in_order(line)) >= queue.length_max:
        return "full"
    if queue.on_empty and is_empty(agents):
        return "empty"
    return ""


def is_empty(agents: Sequence[Agent]) -> bool:
    """Whether no agent is logged in; paused ones are."""
    return not any(a.logged_in for a in agents)


def offer_is_over(offered_at: float, queue: QueueModel, now: float) -> bool:
    """Whether an offer begun then must have ended, reported or not. One from further ahead than the slack was made by a
    clock that has been set back; one from just ahead by somebody who looked at the clock a moment later than we."""
    return not -OFFER_SLACK_S <= now - offered_at <= queue.agent_ring_s + OFFER_SLACK_S


def _wants(entry: Entry, now: float) -> bool:
    match entry.state:
        case EntryState.WAITING | EntryState.CALLING:
            return True
        case EntryState.CALLBACK:
            return entry.not_before <= now
        case EntryState.OFFERED | EntryState.TALKING:
            return False


def _choose(strategy: QueueStrategy, free: Sequence[Agent]) -> list[Agent]:
    """Whom the strategy rings, of the lowest tier with a free agent. free: in the order of the model."""
    tier = min(a.tier for a in free)
    here = [a for a in free if a.tier == tier]
    match strategy:
        case QueueStrategy.RING_ALL:
            return here
        case QueueStrategy.LONGEST_IDLE:
            return [min(here, key=lambda a: a.idle_since)]
        case QueueStrategy.ROUND_ROBIN:
            return [min(here, key=lambda a: a.offered_at)]
        case QueueStrategy.FEWEST_CALLS:
            return [min(here, key=lambda a: (a.calls, a.idle_since))]
