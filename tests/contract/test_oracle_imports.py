"""The same days of one office as Asterisk (records, channel events), FreePBX, FreeSWITCH and MikoPBX log them:
imported, they are the same conversations, as far as each log can know.

What no log keeps is taken out of the truth (tests/support/offices/seen.py); what a single format lacks stands beside it
here. ORACLE_SEED=n asks other days.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pbx_core.clock import SystemClock
from pbx_core.errors import InputError
from tests.support import importing, lake
from tests.support.offices import asterisk, cel, draw, freepbx, freeswitch, loading, mikopbx, people, seen, truth
from tests.support.offices.calls import Wait
from tests.support.offices.truth import Truth

SEED = int(os.environ.get("ORACLE_SEED", "7"))
ZONE = "Europe/Berlin"
CLASSED = ("class", "direction", "outside_number", "attempts")
FULL = (*CLASSED, "answered_by", "voicemail", "queue", "queue_result")
HUNDREDTHS = 0.011
Key = tuple[datetime, str, str]


def _asterisk(columns: int, zone: str) -> Callable[[Path, draw.Plan], None]:
    return lambda folder, plan: asterisk.write(folder, plan.calls, columns, zone) and None


def _freepbx(folder: Path, plan: draw.Plan) -> None:
    found = asterisk.logged(plan.calls)
    (folder / "cdr.csv").write_text(freepbx.report(found, plan.office.zone))
    (folder / "queue_log").write_text(asterisk.queue_log(found))


def _freepbx_alone(folder: Path, plan: draw.Plan) -> None:
    (folder / "cdr.csv").write_text(freepbx.report(asterisk.logged(plan.calls), plan.office.zone))


def _events(folder: Path, plan: draw.Plan) -> None:
    (folder / "Master.csv").write_text(cel.master(cel.events(plan.calls)))


def _events_beside_records(folder: Path, plan: draw.Plan) -> None:
    """The table of FreePBX, whose seconds are whole, with Asterisk's own files."""
    asterisk.write(folder, plan.calls, 21, ZONE)
    cel.table(folder / "cel.sqlite", cel.events(plan.calls), ZONE)


def _mikopbx(folder: Path, plan: draw.Plan) -> None:
    mikopbx.write(folder / "cdr.db", plan.calls, plan.office.zone)


def _sent_away(wanted: Truth) -> bool:
    """Whether the exchange hung up on somebody who had waited too long: as good as his own hanging up."""
    last = [c.steps[-1] for c in wanted.calls]
    return any(isinstance(step, Wait) and step.how == "overflow" for step in last)


def _freeswitch_csv(folder: Path, plan: draw.Plan) -> None:
    (folder / "Master.csv").write_text(freeswitch.master(plan.calls, plan.office.zone))


def _freeswitch_json(folder: Path, plan: draw.Plan) -> None:
    freeswitch.write_json(folder, plan.calls)


@dataclass(frozen=True)
class Log:
    """A way to log. fields: what must be equal; timed: whether waits are; merged: classes that it cannot tell apart;
    strays: whether calls that serve another one (consultations) stand alone; menus: whether passed menus are seen;
    hours: whether closed hours are;
    results: what it calls a queue, and how a visit to one ended, otherwise than we; blind: of which
    conversations it does not say how they ended."""

    write: Callable[[Path, draw.Plan], None]
    fields: tuple[str, ...] = FULL
    timed: Callable[[Truth], bool] = seen.answer_is_dated
    merged: dict[str, str] = field(default_factory=dict)
    strays: bool = False
    menus: bool = False
    hours: bool = False
    results: dict[str, str] = field(default_factory=dict)
    blind: Callable[[Truth], bool] = lambda _: False


LOGS = {
    "asterisk-21": Log(_asterisk(21, "UTC")),
    "asterisk-18": Log(_asterisk(18, ZONE), strays=True),
    "freepbx": Log(_freepbx),
    "freepbx-alone": Log(_freepbx_alone, (*CLASSED, "answered_by", "voicemail"), blind=_sent_away),
    # events alone do not tell why a queue was left, but by hanging up
    "cel": Log(_events, timed=lambda _: True, menus=True, results={"key": "overflow"}),
    "cel-beside-all": Log(_events_beside_records, timed=lambda _: True, menus=True),
    "mikopbx": Log(
        _mikopbx,
        timed=lambda _: True,
        menus=True,
        hours=True,
        results={**people.QUEUE_NUMBERS, "key": "overflow"},  # it knows queues by number, and no keys within them
        blind=_sent_away,
    ),
    "freeswitch-json": Log(_freeswitch_json, timed=lambda _: True),
    "freeswitch-csv": Log(
        _freeswitch_csv,
        CLASSED,
        merged={"answered_elsewhere": "answered", "voicemail": "missed", "abandoned": "missed"},
    ),
}


@dataclass(frozen=True)
class World:
    """One plan, and what each log of it became, by the key of the conversations' beginnings."""

    plan: draw.Plan
    true: dict[str, dict[Key, Truth]]  # what happened, as far as each log shows it
    found: dict[str, dict[Key, dict[str, Any]]]


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    folder = tmp_path_factory.mktemp("imports")
    settings, offices = loading.tenants(folder, [ZONE] * len(LOGS))
    plan = seen.with_messages(draw.plan(offices[0], SEED, people_outside=16, grain_s=1.0, plain=True))
    for (name, log), office in zip(LOGS.items(), offices, strict=True):
        (folder / name).mkdir()
        log.write(folder / name, plan)
        importing.staged(settings, office.tenant_id, folder / name, zone=office.zone, ask=_zone, sounds=False)
    lake.ingest_once(settings, SystemClock())
    rows = loading.tables(settings, "conversation", "call")
    callers = {row["call_id"]: row["caller_number"] for row in rows["call"]}
    found = {}
    for name, office in zip(LOGS, offices, strict=True):
        mine = loading.of(rows["conversation"], office)
        keyed = {(r["started_at"], r["direction"], callers[r["conversation_id"]]): r for r in mine}
        assert len(keyed) == len(mine)
        found[name] = keyed
    return World(plan, {name: keyed_truth(plan, log) for name, log in LOGS.items()}, found)


def keyed_truth(plan: draw.Plan, log: Log) -> dict[Key, Truth]:
    """What happened, as far as a log shows it."""
    told = truth.conversations(seen.from_outside(plan, menus=log.menus, hours=log.hours))
    return {(t.started_at, t.direction, t.calls[0].caller): t for t in told}


def _zone(found: Any, question: str, answers: Any) -> str:
    """Only FreeSWITCH's text has nothing by which its zone could be told."""
    if found.format != "freeswitch-csv":
        raise InputError(f"{found.format}: {question}", error_id="unsure")
    return ZONE


@pytest.mark.parametrize("name", LOGS)
def test_an_imported_office_had_the_same_conversations(world, name):
    log, found = LOGS[name], world.found[name]
    true = world.true[name]
    assert true.keys() <= found.keys(), sorted(true.keys() - found.keys())[:5]
    strays = found.keys() - true.keys()
    assert not strays or log.strays, sorted(strays)[:5]
    assert all(direction == "internal" for _, direction, _ in strays)
    wrong = [f"{key}: {wrong}\n    {wanted.calls}" for key, wanted in true.items() if not log.blind(wanted)
             if (wrong := differences(log, found[key], wanted))]  # fmt: skip
    assert not wrong, f"{len(wrong)} of {len(true)} differ; the first:\n" + "\n".join(wrong[:4])


def differences(log: Log, row: dict[str, Any], wanted: Truth) -> dict[str, Any]:
    """Name → (found, true)."""
    true = {name: getattr(wanted, name, None) for name in log.fields}
    true |= {"class": log.merged.get(wanted.klass, wanted.klass), "outside_number": wanted.outside}
    true |= {name: log.results.get(true[name], true[name]) for name in ("queue", "queue_result") if name in true}
    out = {name: (row[name], true[name]) for name in log.fields if row[name] != true[name]}
    if log.merged.get(row["class"], row["class"]) == true["class"]:
        out.pop("class", None)
    if log.timed(wanted) and log.fields is FULL:
        for name in ("wait_s", "talk_s", "queue_wait_s"):
            is_, should = row[name] or 0.0, getattr(wanted, name) or 0.0
            if abs(is_ - should) > HUNDREDTHS:
                out[name] = (is_, should)
        if json.loads(row["agents"]) != wanted.agents:
            out["agents"] = (row["agents"], wanted.agents)
    return out


@pytest.mark.parametrize("name", LOGS)
def test_an_imported_missed_caller_was_made_good_by_the_same_conversation(world, name):
    found, true = world.found[name], world.true[name]
    key_of = {row["conversation_id"]: key for key, row in found.items()}
    true_of = {t.conversation_id: key for key, t in true.items()}
    for key, wanted in true.items():
        for link in ("repeat_of", "repeated_by", "recovered_by"):
            assert key_of.get(found[key][link]) == true_of.get(getattr(wanted, link)), (link, key, wanted.calls)
