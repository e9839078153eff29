"""What happened in a call, as an all-knowing observer tells it: steps in order, times in seconds from its start."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

WITHHELD = "anonymous"  # how a caller who hides his number stands in our records


@dataclass(frozen=True)
class Ring:
    """Phones ring from at_s to until_s. `asked`: the destination (extension:102, group:sales, outside:+49…). results:
    number → answered, declined, busy, offline, no_answer, cancelled (somebody else was faster, or the caller left).
    taken_by: who took it, "" nobody; pickup: by a colleague's *8, so he is not among those asked."""

    at_s: float
    until_s: float
    asked: str
    results: tuple[tuple[str, str], ...]
    taken_by: str = ""
    pickup: bool = False
    forwarded_by: str = ""  # the extension whose wish led here


@dataclass(frozen=True)
class Offer:
    """The queue rings agents; results as in Ring."""

    at_s: float
    until_s: float
    results: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Wait:
    """In a queue. how: answered, abandoned, overflow, key, callback, full (refused at the door)."""

    at_s: float
    until_s: float
    queue: str
    how: str
    offers: tuple[Offer, ...] = ()
    taken_by: str = ""

    @property
    def wait_s(self) -> float:
        return self.until_s - self.at_s


@dataclass(frozen=True)
class Menu:
    """A voice menu; key "" when none was pressed."""

    at_s: float
    until_s: float
    menu: str
    key: str = ""


@dataclass(frozen=True)
class Hours:
    """The switch by time."""

    at_s: float
    hours: str
    opened: bool


@dataclass(frozen=True)
class Announcement:
    """Something is said."""

    at_s: float
    until_s: float
    name: str


@dataclass(frozen=True)
class Message:
    """The voicemail of an extension: greeting, and a message if one was left."""

    at_s: float
    until_s: float
    mailbox: str
    left: bool


@dataclass(frozen=True)
class Talk:
    """Two people talk. number: on the other side of who called. ours: one of our extensions (or a phone of his outside,
    to which he forwards). holds: (from_s, to_s)."""

    at_s: float
    until_s: float
    number: str
    ours: bool = True
    holds: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Transfer:
    """`by` hands the caller on to `to` at at_s. blind: it rang from ring_s to until_s while `by` waited; attended: it
    was consulted."""

    at_s: float
    ring_s: float
    by: str
    to: str
    how: str


Step = Ring | Wait | Menu | Hours | Announcement | Message | Talk | Transfer


@dataclass(frozen=True)
class Call:
    """One call. direction: inbound, outbound, internal, callback, click. caller, dialled: as in our records.
    callback_of: the call in a queue that asked for it. quality: mean opinion score of our legs, None unknown."""

    call_id: str
    started_at: datetime
    direction: str
    caller: str
    name: str
    dialled: str
    steps: tuple[Step, ...]
    ended_s: float
    hung_up: str  # caller, callee, system
    did: str = ""
    trunk: str = ""
    blocked: bool = False
    callback_of: str = ""
    recorded: bool = False
    loss_share: float = 0.0

    @property
    def ended_at(self) -> datetime:
        return self.started_at + timedelta(seconds=self.ended_s)

    @property
    def talks(self) -> list[Talk]:
        return [s for s in self.steps if isinstance(s, Talk)]

    @property
    def ours_talked(self) -> list[Talk]:
        """Talks in which one of ours spoke with the caller or the number called."""
        return [t for t in self.talks if t.ours]

    @property
    def outside(self) -> str:
        """The number outside, "" for calls among ourselves and for callers who hide theirs."""
        if self.direction in ("inbound", "callback"):
            return "" if self.caller == WITHHELD else self.caller
        return self.dialled if self.dialled.startswith("+") else ""
