"""What the dialplan decides: one node per stop of a call's way. Pure data; written into the journal with its reasons.

The dialplan resolves a destination ("queue:sales") to a node with everything that the call machine needs to carry it
out, at the moment when the call gets there. A node names what comes next as destinations again.

Destinations are strings `kind:id`: extension:101, group:sales, queue:support, menu:main, announcement:closed,
voicemail:101, outside:+4930123456, hours:office (a switch by time), conference:600, hangup:busy, and what feature
codes make: park:, retrieve:701, pickup:, pickup:101, listen:101, whisper:101, barge:101, mailbox:101, login:sales …

Sounds are strings too: prompt:main (of the tenant's model), say:en:Some words (synthesised), music:default,
tone:beep, tone:ringback, tone:busy, recording:<recording_id>:caller (what a caller left).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

HOPS_MAX = 10  # destinations that one call may pass: forwarding in a circle ends here


class RecordMode(StrEnum):
    """Whether a conversation is recorded."""

    ALWAYS = "always"
    ON_DEMAND = "on_demand"  # by key during the call
    NEVER = "never"


@dataclass(frozen=True)
class RecordPolicy:
    """The rule that applied and what it demands. `announcement`: sounds that both sides hear to their end before the
    first byte is recorded; empty: none. `rule` names the place in the model ("queue sales", "default")."""

    mode: RecordMode = RecordMode.NEVER
    announcement: tuple[str, ...] = ()
    rule: str = ""
    consent_basis: str = "tenant_policy"
    pause_s_max: float = 300.0  # a pause for card data ends by itself


@dataclass(frozen=True)
class TrunkRoute:
    """One way outside: the trunk, the number as this carrier wants it, and the verified number that is shown."""

    trunk_id: str
    number: str
    caller_id: str
    country: str  # ISO 3166 region of the number called, "" when unknown
    international: bool = False
    emergency: bool = False


@dataclass(frozen=True)
class Target:
    """Somebody to ring. An extension has no routes; an outside number (E.164) has them in order of trying."""

    number: str
    name: str = ""
    routes: tuple[TrunkRoute, ...] = ()

    @property
    def outside(self) -> bool:
        """Whether it is reached by a trunk."""
        return bool(self.routes)


@dataclass(frozen=True)
class Ring:
    """Ring targets, all at once or one after another. ring_s: for all, or for each in sequence. The `on_…` say where
    the call goes when nobody took it; "" ends it with what happened. on_offline: no target has a phone signed in."""

    targets: tuple[Target, ...]
    ring_s: float
    one_by_one: bool = False
    on_busy: str = ""
    on_no_answer: str = ""
    on_offline: str = ""
    on_failed: str = ""
    record: RecordPolicy = field(default_factory=RecordPolicy)
    call_s_max: float = 14_400.0
    label: str = ""  # the destination rung, as in the model: extension:101, group:sales
    kind: str = "ring"


@dataclass(frozen=True)
class Menu:
    """A voice menu. keys: (key 0-9*#, destination). After tries_max time-outs or wrong keys the call goes on to
    on_timeout or on_invalid. direct: extensions that may be dialled from here; digits_max bounds the typing."""

    menu: str
    greeting: tuple[str, ...]
    keys: tuple[tuple[str, str], ...]
    timeout_s: float
    tries_max: int
    on_timeout: str
    on_invalid: str
    sorry: tuple[str, ...] = ()  # said after a wrong key
    direct: tuple[str, ...] = ()
    digits_max: int = 20
    kind: str = "menu"


@dataclass(frozen=True)
class Announce:
    """Say something, then go on; then = "" hangs up. answer: False plays as early media (183), which nobody pays."""

    sounds: tuple[str, ...]
    then: str = ""
    answer: bool = True
    kind: str = "announce"


@dataclass(frozen=True)
class Queue:
    """Wait for an agent. Who is offered the call and when is the queue's business (pbx_core.domain.acd); the call
    machine plays music, says position and waiting time, and leaves by key, overflow, answer or hang-up."""

    queue: str
    language: str
    music: str
    welcome: tuple[str, ...]
    agent_ring_s: float
    wait_s_max: float
    announce_s: float  # seconds between announcements; 0: none
    say_position: bool
    say_wait: bool
    exit_key: str  # "" none
    on_exit: str
    on_overflow: str  # too long, too many waiting
    on_empty: str  # no agent is logged in; "": wait all the same
    callback_key: str  # "": none; the caller is called back in his turn
    record: RecordPolicy = field(default_factory=RecordPolicy)
    call_s_max: float = 14_400.0
    kind: str = "queue"


@dataclass(frozen=True)
class Voicemail:
    """Leave a message in a mailbox."""

    mailbox: str
    greeting: tuple[str, ...]
    message_s_max: float = 180.0
    kind: str = "voicemail"


@dataclass(frozen=True)
class Mailbox:
    """Hear one's own messages: 1 again, 2 next, 7 delete, # leave. messages: (message_id, sounds) oldest first."""

    mailbox: str
    messages: tuple[tuple[str, tuple[str, ...]], ...]
    empty: tuple[str, ...]
    help: tuple[str, ...]
    kind: str = "mailbox"


@dataclass(frozen=True)
class Conference:
    """Join a room. worker: where it lives already, "" when it begins here."""

    room: str
    pin: str = field(default="", repr=False)
    ask_pin: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()
    music: str = "music:default"
    people_max: int = 20
    worker: str = ""
    kind: str = "conference"


class JoinHow(StrEnum):
    """In what role a caller joins another call."""

    PICKUP = "pickup"  # takes a call that rings elsewhere
    RETRIEVE = "retrieve"  # takes a parked call
    LISTEN = "listen"  # hears both
    WHISPER = "whisper"  # hears both, the agent alone hears him
    BARGE = "barge"  # all hear all


@dataclass(frozen=True)
class Join:
    """Give the caller's leg to another call. worker: where that call lives. call_id "": there is none; on_none says
    what is heard."""

    how: JoinHow
    call_id: str
    worker: str
    target: str  # the extension or slot asked for
    on_none: tuple[str, ...] = ()
    kind: str = "join"


@dataclass(frozen=True)
class Change:
    """A feature code that changes a setting of the caller's own: the shell stores (what, value) and the sounds are
    played. what: dnd, forward_always, forward_busy, forward_no_answer, forward_offline, queue_login, queue_logout,
    queue_pause, queue_unpause …"""

    what: str
    value: str
    sounds: tuple[str, ...]
    kind: str = "change"


@dataclass(frozen=True)
class Hangup:
    """End the call with a SIP status; sounds are heard first, as early media when it is not answered yet."""

    status: int
    reason: str
    cause: str
    sounds: tuple[str, ...] = ()
    kind: str = "hangup"


Node = Ring | Menu | Announce | Queue | Voicemail | Mailbox | Conference | Join | Change | Hangup
NODES: dict[str, type] = {
    "ring": Ring,
    "menu": Menu,
    "announce": Announce,
    "queue": Queue,
    "voicemail": Voicemail,
    "mailbox": Mailbox,
    "conference": Conference,
    "join": Join,
    "change": Change,
    "hangup": Hangup,
}


# What steps say that a call's record is made from: a place, and pieces of texts.
CALLER_BLOCKED = "callers.block"
HOURS_CLOSED = "closed ("
CHANNELS_FULL = "channels are in use"


@dataclass(frozen=True)
class Step:
    """One step of the reasoning: the place in the model and what was found there, for people."""

    place: str  # "did +996312…", "hours office", "extension 101"
    text: str


@dataclass(frozen=True)
class Origin:
    """Who asks for a destination. kind: extension (a phone of ours), trunk (from outside), system (call-backs,
    informing). `extension`: whose rights and caller ID count for ways outside (the caller's own, or of the one who
    forwarded); "" none: no way outside. `shown`: the caller's number as the callee may see it."""

    kind: str
    number: str
    name: str = ""
    extension: str = ""
    did: str = ""
    trunk_id: str = ""


@dataclass(frozen=True)
class Wish:
    """A question to the dialplan: `dialled` (digits as typed, or the DID called), or a `destination`. visited: what
    this call passed already. overflow: the DID's channels are all in use. voicemail etc. come as destinations."""

    origin: Origin
    dialled: str = ""
    destination: str = ""
    visited: tuple[str, ...] = ()
    overflow: bool = False


@dataclass(frozen=True)
class Routed:
    """The dialplan's answer: the node, why, what was passed on the way, and whose rights count from here on."""

    node: Node
    steps: tuple[Step, ...]
    visited: tuple[str, ...]
    origin: Origin
