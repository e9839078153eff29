"""What a call is made of: its legs, the stage it is in, and all else that decisions depend on. Frozen data.

Facts that only matter for the record stay in the events. Digits typed are held here while they are typed and nowhere
else; they are no part of any repr.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pbx_core.domain.nodes import (
    Announce,
    Change,
    Conference,
    Hangup,
    Join,
    Mailbox,
    Menu,
    Origin,
    Queue,
    RecordPolicy,
    Ring,
    Target,
    TrunkRoute,
    Voicemail,
)
from pbx_core.domain.records import Disposition

LEGS_MAX = 12  # open at once in one call: a ring group of outside numbers and everybody who was transferred


class LegState(StrEnum):
    """Where a leg's dialog stands."""

    CALLING = "calling"  # it called us and is not answered
    DIALLING = "dialling"  # we called it
    UP = "up"
    LEAVING = "leaving"  # we hung it up; its end is awaited


@dataclass(frozen=True)
class Leg:
    """One SIP dialog. `number` is who speaks there, "" while several phones ring. internal: a phone of ours, which may
    use feature codes. playing: token of what it hears by Play. heard: it knows that it is recorded."""

    name: str
    state: LegState
    number: str = ""
    title: str = ""  # the name shown with the number
    internal: bool = False
    incoming: bool = False  # it called us
    confirmed: bool = False
    held: bool = False
    playing: str = ""
    heard: bool = False
    typing: str = ""  # "", code, transfer
    typed: str = field(default="", repr=False)
    method: str = ""  # by which it sends digits
    role: str = ""  # of a supervisor: listen, whisper, barge
    of: str = ""  # of a supervisor: the leg that he supervises


class Tape(StrEnum):
    """Where recording stands."""

    OFF = "off"
    NOTICE = "notice"  # the announcement is being heard, the talk has not begun
    ADDED = "added"  # the announcement is being heard in the midst of the talk
    ON = "on"


@dataclass(frozen=True)
class Attempt:
    """One leg that rings: its targets, and the trunk routes that are left when this one fails."""

    leg: str
    targets: tuple[Target, ...]
    routes: tuple[TrunkRoute, ...] = ()
    emergency: bool = False
    rang: bool = False


@dataclass(frozen=True)
class Fork:
    """Targets being rung, and what became of those that no longer are: (number, result)."""

    side: str  # whose names the legs get
    timer: str
    ring_s: float
    attempts: Mapping[str, Attempt] = field(default_factory=dict)
    waiting: tuple[Target, ...] = ()  # rung one after another: these come next
    results: tuple[tuple[str, str], ...] = ()
    status: int = 0  # what the caller will be told when nobody takes it
    reason: str = ""
    timed_out: bool = False
    shown_number: str = ""
    shown_name: str = ""


@dataclass(frozen=True)
class New:
    """Nothing has happened."""


@dataclass(frozen=True)
class Routing:
    """The dialplan was asked where to go."""


@dataclass(frozen=True)
class Originating:
    """The system calls; who answers becomes the caller and goes to `then`."""

    fork: Fork
    then: str


@dataclass(frozen=True)
class Ringing:
    """Somebody's phones ring. relayed: the last provisional status that the caller got."""

    node: Ring
    fork: Fork
    relayed: int = 0


@dataclass(frozen=True)
class Transfer:
    """A transfer under way. by: the leg that asked; as_leg: what the consulted party will be called; fork: the target
    rings."""

    by: str
    number: str
    how: str  # blind, attended
    target: str
    means: str = "refer"  # how it was asked: refer (the phone awaits news), keys, api
    as_leg: str = ""
    node: Ring | None = None
    fork: Fork | None = None
    origin: Origin | None = None  # whose rights count once it has come about
    visited: tuple[str, ...] = ()


@dataclass(frozen=True)
class Talking:
    """The subject and its peer hear each other, or will when the announcement is over."""

    peer: str
    since: float
    agent: str = ""  # the queue's agent, for his wrap-up
    transfer: Transfer | None = None
    parking: str = ""  # the leg that asked to park


@dataclass(frozen=True)
class InMenu:
    """A voice menu. tries: time-outs and wrong keys so far."""

    node: Menu
    tries: int = 0
    typed: str = field(default="", repr=False)


@dataclass(frozen=True)
class Announcing:
    """Something is said: an announcement, the words before a hang-up, a changed setting."""

    node: Announce | Hangup | Change


@dataclass(frozen=True)
class Queueing:
    """Waiting. offer_id: the agents of `fork` are being rung."""

    node: Queue
    since: float
    joined: bool = False
    position: int = 0
    wait_s: float | None = None
    offer_id: str = ""
    fork: Fork | None = None
    leaving: bool = False  # the call-back is promised; the words are being said


@dataclass(frozen=True)
class LeavingMessage:
    """The voicemail box. phase: greeting, beep, message, thanks."""

    node: Voicemail
    phase: str = "greeting"
    recording_id: str = ""
    since: float = 0.0


@dataclass(frozen=True)
class InMailbox:
    """Hearing one's messages. at: which one."""

    node: Mailbox
    at: int = 0
    phase: str = "message"  # message, help, bye
    heard: int = 0  # how many were heard to their end


@dataclass(frozen=True)
class InRoom:
    """A conference. phase: pin, joining, in, bye."""

    node: Conference
    phase: str
    tries: int = 0
    typed: str = field(default="", repr=False)


@dataclass(frozen=True)
class Joining:
    """The caller is being given to another call. sorry: there was none; the words are being said."""

    node: Join
    sorry: bool = False


@dataclass(frozen=True)
class Parked:
    """Waiting in a slot with music. by: who parked; fork: he is rung again."""

    slot: str
    by: str
    fork: Fork | None = None


@dataclass(frozen=True)
class Ending:
    """The outcome is decided; dialogs are being closed. noted: it stands in the journal."""

    noted: bool = False


@dataclass(frozen=True)
class Closed:
    """Over; the record is written."""


Stage = (
    New
    | Routing
    | Originating
    | Ringing
    | Talking
    | InMenu
    | Announcing
    | Queueing
    | LeavingMessage
    | InMailbox
    | InRoom
    | Joining
    | Parked
    | Ending
    | Closed
)


@dataclass(frozen=True)
class Outcome:
    """How the call ended and when, on the monotonic clock; hangup_party is caller, callee or system. status and
    rejection: the final response for a caller who was never answered."""

    disposition: Disposition
    cause: str
    hangup_party: str
    mono_s: float
    status: int = 480
    rejection: str = "Temporarily Unavailable"


@dataclass(frozen=True)
class Call:
    """All that decisions depend on. subject: the leg on whom menus, queues and announcements run."""

    stage: Stage = field(default_factory=New)
    legs: Mapping[str, Leg] = field(default_factory=dict)
    names: Mapping[str, int] = field(default_factory=dict)  # legs ever named, by side
    subject: str = "caller"
    origin: Origin = field(default_factory=lambda: Origin("system", ""))
    visited: tuple[str, ...] = ()
    asking: str = ""  # what the pending Route is for: way, transfer
    timers: frozenset[str] = frozenset()
    plays: int = 0
    pairs: frozenset[tuple[str, str]] = frozenset()  # who hears whom
    music: frozenset[str] = frozenset()  # legs that hear music because the other side holds
    language: str = "en"
    hold_music: str = "music:default"  # on hold and in a park slot
    person_mono_s: float | None = None  # a person's answer
    person: str = ""  # his number
    policy: RecordPolicy = field(default_factory=RecordPolicy)
    tape: Tape = Tape.OFF
    wanted: bool = False  # recording on demand was asked for
    emergency: bool = False
    paused: bool = False
    segments: int = 0
    call_s_max: float = 0.0
    outcome: Outcome | None = None

    @property
    def closed(self) -> bool:
        """Whether it is over: no event is taken any more."""
        return isinstance(self.stage, Closed)

    @property
    def doing(self) -> str:
        """What others may see and join: routing, ringing, talking, parked, waiting, menu … ending, closed. A queued
        call rings while an agent's phone does."""
        if isinstance(self.stage, Queueing) and self.stage.fork is not None:
            return "ringing"
        return _DOING[type(self.stage)]

    @property
    def extensions(self) -> tuple[str, ...]:
        """Our extensions that talk in this call; of one that rings, those whose phones ring."""
        fork: Fork | None = getattr(self.stage, "fork", None)
        if fork is not None:
            targets = (t for attempt in fork.attempts.values() for t in attempt.targets)
            return tuple(dict.fromkeys(t.number for t in targets if not t.outside))
        legs = (leg for leg in self.legs.values() if leg.state is not LegState.LEAVING)
        return tuple(dict.fromkeys(leg.number for leg in legs if leg.internal and leg.number))


_DOING: dict[type, str] = {
    New: "routing",
    Routing: "routing",
    Originating: "ringing",
    Ringing: "ringing",
    Talking: "talking",
    InMenu: "menu",
    Announcing: "announcement",
    Queueing: "waiting",
    LeavingMessage: "voicemail",
    InMailbox: "mailbox",
    InRoom: "conference",
    Joining: "joining",
    Parked: "parked",
    Ending: "ending",
    Closed: "closed",
}
