"""The language of the scenario tables: one text file shows the events of a call, the commands, and its record.

    # What happens, in a sentence.
    0.000 caller opened [key=value …]                  -> route 102
    0.000        routed ring 102 [key=value …]         -> dial callee 102; timer ring 30
    1.000 callee answered                              -> no timer ring; answer caller; mix caller=callee
                                                       -> record 1 caller callee; timer max 14400
    cdr
    talk_s  10.0

A line without seconds and event, beginning with the arrow, goes on with the commands of the line above; nothing after
the arrow means no command, `!` that the event must be refused (InvalidTransition). What the machine writes down itself
(`note …`) is fed back at once. `played` is the end of what the leg hears now, `timer max` a timer's expiry, `dtmf 5` a
key. Nodes: ring, menu, announce, queue, voicemail, mailbox, conference, join, change, hangup, followed by what is
most important in them and by key=value for the rest; as=102: in whose name it goes on. Numbers outside are
`+49…@trunk/second-trunk`. The timer `life`, which every call has, is not shown.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pbx_core.domain import nodes
from pbx_core.domain.calls import commands as do
from pbx_core.domain.calls.events import CallEvent, EventType
from pbx_core.domain.calls.machine import new, step
from pbx_core.domain.calls.nodes_json import routed_detail
from pbx_core.domain.calls.state import Call
from pbx_core.domain.calls.turn import LIFE
from pbx_core.domain.records import to_json
from pbx_core.errors import InvalidTransition

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CALL_ID = "c" * 32
LEG = re.compile(r"(caller|callee|supervisor)(-\d+)?")
OPENED: dict[str, Any] = {
    "tenant_id": "a" * 32,
    "domain": "acme.test",
    "direction": "internal",
    "caller_number": "101",
    "caller_name": "Alice",
    "callee_number": "102",
    "sip_call_id": "alice@phone",
    "source": "udp:192.0.2.7:5060",
    "worker": "worker-0",
}
DEFAULTS: dict[EventType, dict[str, Any]] = {
    EventType.OPENED: OPENED,
    EventType.DIALED: {"sip_call_id": "bob@worker"},
    EventType.RINGING: {"status": 180, "media": False},
    EventType.ENDED: {"status": 200, "reason": "OK"},
    EventType.DTMF: {"method": "rfc2833"},
    EventType.RECORDING_STARTED: {"recording_id": "f" * 32, "segment": 1, "kind": "conversation"},
    EventType.QUALITY: {
        "stream": 1,
        "codec": "PCMA",
        "ptime_ms": 20,
        "span_s": 10.0,
        "rx_packets": 500,
        "lost": 0,
        "discarded": 0,
        "jb_lost": 0,
        "jb_empty": 0,
        "jitter_ms_mean": 1.0,
        "jitter_ms_max": 3.0,
        "buffer_ms": 20.0,
        "rtt_ms_mean": None,
        "cpu_wait_s": 0.002,
    },
}
TEXTS = frozenset(  # fields that are never numbers to us
    {
        *("by", "number", "name", "target", "callee_number", "caller_number"),
        *("pin", "exit_key", "callback_key", "slot", "as", "visited"),
    }
)
RINGS = nodes.RecordPolicy(nodes.RecordMode.ALWAYS)


@dataclass(frozen=True)
class Row:
    """One event line: when, whose, what, and the commands that it must lead to (None: refusal)."""

    mono_s: float
    leg: str | None
    type: EventType
    detail: dict[str, Any]
    digit: str
    clock_jump_s: float
    expected: str | None


@dataclass(frozen=True)
class Table:
    """A parsed scenario."""

    rows: list[Row]
    record: dict[str, str]


def read(path: Path) -> Table:
    """Parse a file; AssertionError for one without events or record."""
    lines: list[str] = []
    record: dict[str, str] = {}
    in_record = False
    for raw in path.read_text().splitlines():
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line == "cdr":
            in_record = True
        elif in_record:
            name, _, value = line.partition(" ")
            record[name] = value.strip()
        elif line.startswith("->"):
            lines[-1] += "; " + line.removeprefix("->").strip()
        else:
            lines.append(line)
    assert lines and record, f"{path}: a table needs events and a record"
    return Table([row(line) for line in lines], record)


def row(line: str) -> Row:
    """One event line with all its commands."""
    left, arrow, right = line.partition("->")
    assert arrow, f"no arrow in {line!r}"
    when, *words = shlex.split(left)
    leg = words.pop(0) if LEG.fullmatch(words[0]) else None
    kind = EventType(words.pop(0))
    detail, digit = _detail(kind, words)
    jump = float(detail.pop("clock_jump_s", 0))
    expected = right.strip().strip(";").strip()
    return Row(float(when), leg, kind, detail, digit, jump, None if expected == "!" else expected)


def _detail(kind: EventType, words: list[str]) -> tuple[dict[str, Any], str]:
    plain = [w for w in words if not re.match(r"\w+=", w)]
    pairs = dict(_pair(w) for w in words if re.match(r"\w+=", w))
    if kind is EventType.ROUTED:
        return _routed(plain, pairs), ""
    if kind is EventType.TIMER:
        return {"name": plain[0]}, ""
    if kind is EventType.DTMF:
        return {**DEFAULTS[kind], **pairs}, plain[0]
    if kind is EventType.QUEUE_OFFER:
        return {"offer_id": plain[0], "agents": [to_json(target(w)) for w in plain[1:]]}, ""
    if kind is EventType.OPENED and plain:
        pairs["originate"] = {"target": to_json(target(plain[0])), "then": plain[1], "shown": "+4930555"}
    if kind is EventType.OPENED and "from" in pairs:
        pairs |= _from_outside(str(pairs.pop("from")))
    return {**DEFAULTS.get(kind, {}), **pairs}, ""


def _pair(word: str) -> tuple[str, Any]:
    key, _, value = word.partition("=")
    if key == "offers":
        return key, {n: int(status) for n, _, status in (o.partition(":") for o in value.split(","))}
    return key, value if key in TEXTS else scalar(value)


def _from_outside(number: str) -> dict[str, Any]:
    origin = nodes.Origin("trunk", number, did="+4930555", trunk_id="main")
    call = {"direction": "inbound", "caller_number": number, "caller_name": "", "callee_number": "+4930555"}
    return {**call, "did": "+4930555", "trunk_id": "main", "origin": to_json(origin)}


def _routed(plain: list[str], pairs: dict[str, Any]) -> dict[str, Any]:
    visited = tuple(str(pairs.pop("visited", "")).split(",")) if "visited" in pairs else ()
    as_ = str(pairs.pop("as", ""))
    origin = nodes.Origin("extension", as_, extension=as_)
    detail = routed_detail("", nodes.Routed(node(plain, pairs), (nodes.Step("test", "said so"),), visited, origin))
    return detail if as_ else {**detail, "origin": None}


def node(words: list[str], pairs: dict[str, Any]) -> nodes.Node:
    """A node in the words of a table."""
    kind, *main = words
    if "record" in pairs:
        mode = nodes.RecordMode(pairs.pop("record"))
        basis = {"rule": pairs.pop("rule", ""), "announcement": sounds(pairs.pop("notice", ""))}
        pairs["record"] = nodes.RecordPolicy(mode, **basis)
    for name in ("greeting", "welcome", "sorry", "sounds", "alone", "on_none", "ask_pin"):
        if name in pairs:
            pairs[name] = sounds(pairs[name])
    match kind:
        case "ring":
            targets = tuple(target(w) for w in main)
            return nodes.Ring(targets, **{"ring_s": 30.0, "record": RINGS, "call_s_max": 14400.0, **pairs})
        case "menu":
            keys = tuple((k, v) for k, _, v in (w.partition(":") for w in main[1:]))
            direct = tuple(str(pairs.pop("direct", "")).split(",")) if "direct" in pairs else ()
            usual = {"greeting": ("prompt:main",), "timeout_s": 5.0, "tries_max": 2}
            ends = {"on_timeout": "hangup:no_choice", "on_invalid": "hangup:no_choice"}
            return nodes.Menu(main[0], keys=keys, direct=direct, **{**usual, **ends, **pairs})
        case "announce":
            return nodes.Announce(tuple(main), **pairs)
        case "queue":
            usual = {"language": "en", "music": "music:default", "welcome": (), "agent_ring_s": 15.0, "exit_key": ""}
            usual |= {"wait_s_max": 300.0, "announce_s": 0.0, "say_position": True, "say_wait": True, "record": RINGS}
            ends = {"on_exit": "", "on_overflow": "", "on_empty": "", "callback_key": ""}
            return nodes.Queue(main[0], **{**usual, **ends, **pairs})
        case "voicemail":
            return nodes.Voicemail(main[0], **{"greeting": ("prompt:greeting",), **pairs})
        case "mailbox":
            kept = tuple((name, (f"recording:{name}:caller",)) for name in main[1:])
            return nodes.Mailbox(main[0], kept, ("prompt:empty",), ("prompt:help",))
        case "conference":
            return nodes.Conference(main[0], **{**pairs, "pin": str(pairs.get("pin", ""))})
        case "join":
            call_id = main[2] if len(main) > 2 else ""
            return nodes.Join(nodes.JoinHow(main[0]), call_id, "", main[1], **pairs)
        case "change":
            return nodes.Change(main[0], main[1], tuple(main[2:]))
        case "hangup":
            return nodes.Hangup(int(main[0]), main[1], main[2], **pairs)
    raise AssertionError(f"no node {kind!r}")


def sounds(text: Any) -> tuple[str, ...]:
    """`a,b` as sounds."""
    return tuple(s for s in str(text).split(",") if s)


def target(word: str) -> nodes.Target:
    """`102`, or `+4930…@trunk/other` for a number outside."""
    number, at, trunks = word.partition("@")
    emergency = number in ("112", "911")
    routes = tuple(
        nodes.TrunkRoute(t, number.lstrip("+"), "+4930555", "DE", emergency=emergency) for t in trunks.split("/")
    )
    return nodes.Target(number, routes=routes if at else ())


def scalar(text: str) -> Any:
    """JSON where it is; the text itself otherwise."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def agrees(found: Any, text: str) -> bool:
    """Whether a field of the record is what the table says."""
    if isinstance(found, str):
        return found == text.strip('"')
    value = scalar(text)
    return bool(abs(found - value) <= 0.0005) if isinstance(found, float) else found == value


# running


@dataclass
class Run:
    """A call driven by a table: events fed, what they led to."""

    call: Call = field(default_factory=new)
    events: list[CallEvent] = field(default_factory=list)
    dialed: dict[str, do.Dial] = field(default_factory=dict)
    closed: int = 0

    def feed(self, r: Row) -> list[do.Command]:
        """Feed one row and, after it, what the machine wrote down itself; all commands in order."""
        detail = dict(r.detail)
        if r.type is EventType.PLAYED and "token" not in detail:
            leg = self.call.legs.get(r.leg or "")
            detail["token"] = leg.playing if leg else ""
        elif r.type is EventType.ROUTED and detail["origin"] is None:
            detail["origin"] = to_json(self.call.origin)
        elif r.type is EventType.DIALED and (asked := self.dialed.get(r.leg or "")):
            detail["targets"] = [t.number for t in asked.targets]
            detail["trunk_id"] = asked.route.trunk_id if asked.route else ""
        commands = self._one(r, r.leg, r.type, detail, r.digit)
        commands = [c for c in commands if not (isinstance(c, do.StartTimer | do.CancelTimer) and c.name == LIFE)]
        for command in list(commands):
            if isinstance(command, do.Note):
                self_made = Row(r.mono_s, command.leg, command.type, command.detail, "", r.clock_jump_s, "")
                commands += self.feed(self_made)
        return commands

    def _one(self, r: Row, leg: str | None, kind: EventType, detail: dict[str, Any], digit: str) -> list[do.Command]:
        wall = START + timedelta(seconds=r.mono_s + r.clock_jump_s)
        event = CallEvent(wall, r.mono_s, CALL_ID, len(self.events), leg, kind, detail, digit)
        self.call, commands = step(self.call, event)
        self.events.append(event)
        self.dialed |= {c.leg: c for c in commands if isinstance(c, do.Dial)}
        self.closed += sum(isinstance(c, do.Close) for c in commands)
        return list(commands)

    def refuses(self, r: Row) -> bool:
        """Whether the event is refused."""
        try:
            self.feed(r)
        except InvalidTransition:
            return True
        return False


def say(command: do.Command) -> str:
    """A command as the tables write it."""
    match command:
        case do.Route(destination, dialled, origin):
            return f"route {destination or dialled} as {origin.extension or origin.kind}"
        case do.Dial(leg, targets, route, shown):
            by = f" by {route.trunk_id} as {shown}" if route else ""
            return f"dial {leg} {','.join(t.number for t in targets)}{by}"
        case do.RingBack(leg, status):
            return f"ring {leg} {status}"
        case do.Answer(leg):
            return f"answer {leg}"
        case do.Mix(pairs):
            return f"mix {_pairs(pairs)}" if pairs else "silence"
        case do.Play(leg, heard, _, loop):
            return f"play {leg} {' + '.join(heard)}{' on and on' if loop else ''}"
        case do.StopPlay(leg):
            return f"hush {leg}"
        case do.StartRecording(caller, callee, segment, _, _, paused):
            return f"record {segment} {caller} {callee or 'alone'}{' paused' if paused else ''}"
        case do.SendDtmf(leg, method):
            return f"dtmf {leg} {method} {command.digit}"
        case do.Hangup(leg, status, reason, elsewhere):
            how = " elsewhere" if elsewhere else "" if status == 200 else f" {status} {reason}"
            return f"hang up {leg}{how}"
        case do.Note(kind, leg, detail):
            return _note(kind, leg, detail)
        case do.QueueOfferEnded(offer_id, by, results):
            return f"offer {offer_id} ended {by or 'nobody'} {','.join(f'{n}={r}' for n, r in results)}".strip()
        case do.StartTimer(name, after_s):
            return f"timer {name} {after_s:g}"
        case do.CancelTimer(name):
            return f"no timer {name}"
        case _:
            words = [re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(command).__name__).lower()]
            words += [str(getattr(command, f.name)) for f in dataclasses.fields(command)]
            return " ".join(w for w in words if w)


def _pairs(pairs: frozenset[tuple[str, str]]) -> str:
    both = sorted(f"{a}={b}" for a, b in pairs if (b, a) in pairs and a < b)
    one = sorted(f"{a}>{b}" for a, b in pairs if (b, a) not in pairs)
    return " ".join([*(f"{p.split('=')[1]}={p.split('=')[0]}" for p in both), *one])


def _note(kind: EventType, leg: str | None, detail: dict[str, Any]) -> str:
    match kind:
        case EventType.CLOSED:
            return f"note closed {detail['disposition']}"
        case EventType.OFFER_ENDED:
            return "note offer_ended"  # its results stand in the command beside it
        case _:
            return " ".join(["note", str(kind), *(str(v) for v in detail.values() if v not in ("", None))])
