"""Runs the scenario tables: the events of a call, the commands expected of each, and below the record that comes out.

A table is a text file whose path is a sentence. An event line is `seconds  [leg]  event  [key=value …]  ->  commands`;
nothing after the arrow means no command, `!` that the event must be refused (InvalidTransition). After a line `cdr`,
each line names a field of the record (`caller.` and `callee.` go into the legs) and its value. `#` begins a comment.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pbx_core.domain import commands as do
from pbx_core.domain import records
from pbx_core.domain.call import Call, step
from pbx_core.domain.cdr import fold
from pbx_core.domain.events import CallEvent, EventType
from pbx_core.domain.records import Party
from pbx_core.errors import InvalidTransition

FOLDER = Path(__file__).parent
TABLES = sorted(p for p in FOLDER.glob("*/*.txt"))
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
OPENED = {
    "tenant_id": "a" * 32,
    "domain": "acme.test",
    "direction": "internal",
    "caller_number": "101",
    "caller_name": "Alice",
    "callee_number": "102",
    "sip_call_id": "alice@phone",
    "source": "udp:192.0.2.7:5060",
    "worker": "worker-0",
    "ring_s": 30,
    "call_s_max": 14400,
}
DEFAULTS: dict[EventType, dict[str, Any]] = {
    EventType.OPENED: OPENED,
    EventType.DIALED: {"sip_call_id": "bob@worker"},
    EventType.RINGING: {"status": 180, "media": False},
    EventType.ENDED: {"status": 200, "reason": "OK"},
    EventType.DTMF: {"method": "rfc2833"},
    EventType.RECORDING_STARTED: {"recording_id": "f" * 32},
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


@dataclass(frozen=True)
class Row:
    """One event line: the event, and what it must lead to (None: refusal)."""

    event: CallEvent
    expected: str | None


@dataclass(frozen=True)
class Table:
    """A parsed scenario."""

    rows: list[Row]
    record: dict[str, Any]


def read(path: Path) -> Table:
    rows: list[Row] = []
    record: dict[str, Any] = {}
    in_record = False
    for raw in path.read_text().splitlines():
        line = raw.split("#", 1)[0].strip()
        if not line:
            continue
        if line == "cdr":
            in_record = True
        elif in_record:
            name, _, value = line.partition(" ")
            record[name] = _scalar(value.strip())
        else:
            rows.append(_row(line, sum(r.expected is not None for r in rows)))
    assert rows and record, f"{path}: a table needs events and a record"
    return Table(rows, record)


def _row(line: str, seq: int) -> Row:
    left, arrow, right = line.partition("->")
    assert arrow, f"no arrow in {line!r}"
    when, *words = shlex.split(left)
    leg = Party(words.pop(0)) if words[0] in ("caller", "callee") else None
    kind = EventType(words.pop(0))
    detail = dict(DEFAULTS.get(kind, {}))
    detail.update({key: _scalar(value) for key, _, value in (w.partition("=") for w in words)})
    digit = str(detail.pop("digit", ""))
    mono_s = float(when)
    wall = START + timedelta(seconds=mono_s + float(detail.pop("clock_jump_s", 0)))
    expected = right.strip()
    return Row(CallEvent(wall, mono_s, "c" * 32, seq, leg, kind, detail, digit), None if expected == "!" else expected)


def _scalar(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def say(command: do.Command) -> str:
    """A command as the tables write it."""
    match command:
        case do.Ring(status):
            return f"ring {status}"
        case do.SendDtmf(leg, method):
            return f"dtmf {leg} {method} {command.digit}"
        case do.Hangup(leg, 200, _):
            return f"hang up {leg}"
        case do.Hangup(leg, status, reason):
            return f"hang up {leg} {status} {reason}"
        case do.StartTimer(name, after_s):
            return f"timer {name} {after_s:g}"
        case do.CancelTimer(name):
            return f"no timer {name}"
        case do.StartRecording():
            return "record"
        case do.StopRecording():
            return "stop recording"
        case _:
            return type(command).__name__.lower()


@pytest.mark.parametrize("path", TABLES, ids=[f"{p.parent.name}/{p.stem}" for p in TABLES])
def test_a_call_goes_as_its_table_says(path: Path) -> None:
    table = read(path)
    call, events = Call(), []
    for row in table.rows:
        if row.expected is None:
            with pytest.raises(InvalidTransition):
                step(call, row.event)
            continue
        call, commands = step(call, row.event)
        events.append(row.event)
        assert "; ".join(map(say, commands)) == row.expected, f"{row.event.mono_s:g} {row.event.type}"
    record = records.to_json(fold(events))
    legs = {leg["party"]: leg for leg in record["legs"]}
    for name, value in table.record.items():
        party, dot, field = name.partition(".")
        found = legs[party][field] if dot else record[name]
        assert found == (pytest.approx(value, abs=0.0005) if isinstance(value, float) else value), name


def test_there_is_a_table_for_every_event() -> None:
    used = {row.event.type for path in TABLES for row in read(path).rows}
    assert used == set(EventType)
