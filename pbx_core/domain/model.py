"""The declarative model of a tenant's exchange: what he changes, validates, applies and undoes as one document.

Written as TOML or JSON; `modelfile` reads and writes it and names the place of a mistake. Destinations and sounds are
the strings of `nodes`. Times are seconds, numbers of the public network E.164 with +. Secrets are not in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from pbx_core.domain.model_speech import Speech
from pbx_core.domain.nodes import RecordMode


class Strategy(StrEnum):
    """In what order members are rung."""

    AT_ONCE = "at_once"
    SEQUENCE = "sequence"
    RANDOM = "random"


class QueueStrategy(StrEnum):
    """Which agent is offered the next call."""

    RING_ALL = "ring_all"
    LONGEST_IDLE = "longest_idle"
    ROUND_ROBIN = "round_robin"
    FEWEST_CALLS = "fewest_calls"


@dataclass(frozen=True)
class Office:
    """A site. Its people show this number to the world and call emergency numbers in its name."""

    id: str
    name: str
    caller_id: str = ""  # E.164, one of the tenant's verified numbers
    time_zone: str = ""  # "" the tenant's
    emergency_trunk: str = ""  # tried first for emergency calls
    country: str = ""  # ISO region: home to its people, how they write local numbers; "" the tenant's


@dataclass(frozen=True)
class Extension:
    """A short number of a person or a room."""

    number: str
    name: str = ""
    office: str = ""
    language: str = ""  # of prompts; "" the tenant's first
    record: RecordMode | None = None  # None: as queue, number or default say
    record_inbound: RecordMode | None = None  # by direction; None: as `record`
    record_outbound: RecordMode | None = None
    ring_s: float = 25.0
    voicemail: bool = True
    international: bool = False  # may call abroad, when the tenant's switch is on too
    countries: tuple[str, ...] = ()  # ISO regions: narrows the tenant's list for him; empty: all of that list
    caller_id: str = ""  # a verified number; "" his office's
    supervises: tuple[str, ...] = ()  # extensions whose calls he may hear; "*" all
    groups: tuple[str, ...] = ()  # pickup groups


@dataclass(frozen=True)
class Trunk:
    """A SIP connection to a carrier. register: we sign in there; otherwise it knows our address. The password is
    kept apart (`callbench trunk secret`)."""

    id: str
    host: str
    port: int = 5060
    transport: str = "udp"  # udp, tcp, tls
    register: bool = False
    username: str = ""
    addresses: tuple[str, ...] = ()  # from which its calls come, besides host: addresses or networks
    channels: int = 30  # simultaneous calls, both directions
    calls_per_s: float = 10.0
    number_format: str = "e164"  # how it wants numbers: e164 (+49…), digits (49…), national (030…)
    country: str = ""  # for national format; "" the tenant's
    prefix: str = ""  # put before every number
    strip: int = 0  # digits taken off the front first


@dataclass(frozen=True)
class Did:
    """A public number of the tenant."""

    number: str  # E.164
    destination: str
    channels: int = 30  # simultaneous calls on this number
    overflow: str = "hangup:busy"  # the fate of the call beyond the last channel: any destination, a queue say
    trunk: str = ""  # "" any
    record: RecordMode | None = None
    language: str = ""


@dataclass(frozen=True)
class Hours:
    """A switch by time: open → destination `then`, closed → `otherwise`. open: "mon-fri 09:00-18:00" …; holidays:
    "2026-12-25" or "12-25" every year, each optionally with hours: "12-24 09:00-12:00"."""

    id: str
    open: tuple[str, ...]
    then: str
    otherwise: str
    holidays: tuple[str, ...] = ()
    office: str = ""  # whose time zone; "" the tenant's


@dataclass(frozen=True)
class Group:
    """A ring group: extensions and outside numbers, over all offices."""

    id: str
    members: tuple[str, ...]  # extensions or E.164 numbers
    strategy: Strategy = Strategy.AT_ONCE
    ring_s: float = 25.0
    on_no_answer: str = "hangup:no_answer"
    on_busy: str = ""  # "" as on_no_answer
    record: RecordMode | None = None
    number: str = ""  # a short number by which phones reach it; "" none


@dataclass(frozen=True)
class QueueMember:
    """An agent of a queue. tier: lower ones first. always: logged in without logging in."""

    number: str
    tier: int = 1
    always: bool = False


@dataclass(frozen=True)
class QueueModel:
    """A waiting queue."""

    id: str
    name: str
    members: tuple[QueueMember, ...]
    strategy: QueueStrategy = QueueStrategy.LONGEST_IDLE
    agent_ring_s: float = 15.0
    wrap_up_s: float = 10.0
    wait_s_max: float = 300.0
    length_max: int = 50
    on_overflow: str = "hangup:busy"
    on_empty: str = ""
    exit_key: str = ""
    on_exit: str = ""
    callback_key: str = ""
    welcome: tuple[str, ...] = ()
    music: str = "music:default"
    announce_s: float = 30.0
    say_position: bool = True
    say_wait: bool = True
    record: RecordMode | None = None
    language: str = ""
    number: str = ""  # a short number by which phones reach it; "" none


@dataclass(frozen=True)
class MenuModel:
    """A voice menu; keys: key → destination."""

    id: str
    greeting: tuple[str, ...]
    keys: dict[str, str] = field(default_factory=dict)
    timeout_s: float = 5.0
    tries: int = 3
    on_timeout: str = "hangup:no_choice"
    on_invalid: str = "hangup:no_choice"
    direct: bool = False  # extensions may be dialled
    language: str = ""
    number: str = ""  # a short number by which phones reach it; "" none


@dataclass(frozen=True)
class Announcement:
    """Something said, then another destination."""

    id: str
    sounds: tuple[str, ...]
    then: str = "hangup:done"
    answer: bool = True


@dataclass(frozen=True)
class Prompt:
    """A sound of the tenant: words in a language, or an uploaded file (name in his prompt store)."""

    id: str
    text: str = ""
    language: str = "en"
    file: str = ""


@dataclass(frozen=True)
class OutboundRoute:
    """Which trunks carry which numbers, in order of trying. prefixes: of E.164 without + ("" all); the longest match
    wins. A model without routes tries all trunks in the order in which they stand."""

    id: str
    trunks: tuple[str, ...]
    prefixes: tuple[str, ...] = ("",)


@dataclass(frozen=True)
class Recording:
    """The tenant's rules. Of the places that say something (extensions, queue, group, number called) the strictest
    wins: never before on_demand before always. Where none says anything, this does."""

    default: RecordMode = RecordMode.ALWAYS
    internal: RecordMode | None = None
    inbound: RecordMode | None = None
    outbound: RecordMode | None = None
    announcement: tuple[str, ...] = ()  # heard before the first recorded byte
    pause_s_max: float = 300.0  # a pause for card data ends by itself
    retention_days: int = 365
    quota_bytes: int = 0  # 0: none


@dataclass(frozen=True)
class Outbound:
    """Limits of calls outside."""

    country: str = ""  # ISO region: how local numbers are read; required when there are trunks
    countries: tuple[str, ...] = ()  # that may be called besides home, by those with `international`
    international: bool = False
    calls_max: int = 10  # simultaneous calls outside
    international_calls_max: int = 2
    outside_prefix: str = ""  # a digit dialled before numbers outside; "" none
    verified: tuple[str, ...] = ()  # numbers that may be shown, besides his DIDs
    services: tuple[str, ...] = ()  # short numbers of the public network that may be called, as 115, 116117
    emergency: tuple[str, ...] = ("112", "911")  # and those of `country` that are no short numbers of the plan


@dataclass(frozen=True)
class CallerList:
    """Callers blocked or let through: E.164 numbers or prefixes ending in *; "anonymous"."""

    block: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()  # let through although `block` matches
    blocked_hear: str = "hangup:rejected"


@dataclass(frozen=True)
class Room:
    """A conference room under a short number."""

    number: str
    name: str = ""
    pin: str = field(default="", repr=False)
    people_max: int = 20


@dataclass(frozen=True)
class Model:
    """All of it."""

    time_zone: str = "UTC"
    languages: tuple[str, ...] = ("en",)
    offices: tuple[Office, ...] = ()
    extensions: tuple[Extension, ...] = ()
    trunks: tuple[Trunk, ...] = ()
    dids: tuple[Did, ...] = ()
    hours: tuple[Hours, ...] = ()
    groups: tuple[Group, ...] = ()
    queues: tuple[QueueModel, ...] = ()
    menus: tuple[MenuModel, ...] = ()
    announcements: tuple[Announcement, ...] = ()
    prompts: tuple[Prompt, ...] = ()
    routes: tuple[OutboundRoute, ...] = ()
    rooms: tuple[Room, ...] = ()
    recording: Recording = field(default_factory=Recording)
    outbound: Outbound = field(default_factory=Outbound)
    callers: CallerList = field(default_factory=CallerList)
    speech: Speech = field(default_factory=Speech)
    park_slots: tuple[str, ...] = ("701", "702", "703", "704", "705", "706", "707", "708", "709")
    music: str = "music:default"

    @cached_property
    def book(self) -> Book:
        """Everything by its id or number. Of two with the same id, which validation refuses, the first."""
        return Book(
            *(_by(things, key) for things, key in (
                (self.offices, "id"), (self.extensions, "number"), (self.trunks, "id"), (self.dids, "number"),
                (self.hours, "id"), (self.groups, "id"), (self.queues, "id"), (self.menus, "id"),
                (self.announcements, "id"), (self.prompts, "id"), (self.routes, "id"), (self.rooms, "number"),
            ))
        )  # fmt: skip


@dataclass(frozen=True)
class Book:
    """The parts of a model by id or number."""

    offices: Mapping[str, Office]
    extensions: Mapping[str, Extension]
    trunks: Mapping[str, Trunk]
    dids: Mapping[str, Did]
    hours: Mapping[str, Hours]
    groups: Mapping[str, Group]
    queues: Mapping[str, QueueModel]
    menus: Mapping[str, MenuModel]
    announcements: Mapping[str, Announcement]
    prompts: Mapping[str, Prompt]
    routes: Mapping[str, OutboundRoute]
    rooms: Mapping[str, Room]


def _by(things: tuple[Any, ...], key: str) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for thing in things:
        out.setdefault(getattr(thing, key), thing)
    return out


@dataclass(frozen=True)
class UserSettings:
    """What only the user himself changes, of one extension. Forwarding targets: a short number, an outside number, or
    "voicemail"; "" off. follow_me: numbers tried in turn after his phones."""

    number: str
    dnd: bool = False
    forward_always: str = ""
    forward_busy: str = ""
    forward_no_answer: str = ""
    forward_no_answer_s: float = 20.0
    forward_offline: str = ""
    follow_me: tuple[str, ...] = ()
    greeting: str = ""  # a sound; "" the standard one


@dataclass(frozen=True)
class Neighbour:
    """A call of the tenant that others may join: what pickup, retrieve and listening look for. state: ringing,
    talking, parked, waiting."""

    call_id: str
    worker: str
    state: str
    extensions: tuple[str, ...]  # that ring or talk in it
    slot: str = ""
