"""Hundreds of calls as people make them, on real workers: exactly one record each, and its times are true."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pbx_core.clock import SystemClock
from pbx_core.domain.records import Cdr, Disposition
from pbx_core.media.phone import Plan
from pbx_core.store import usersettings
from tests.support.exchange import Exchange, exchange
from tests.support.waiting import until

pytestmark = [pytest.mark.peers, pytest.mark.timeout(600)]

CALLS = 500
WORKERS = 6  # with the packaged engine 12 calls, twice as many as are made at once
CALLERS = ("101", "102", "103", "104", "105", "106")
# who answers how; each is called by one at a time, so that nobody is busy by chance
CALLEES = {
    "201": Plan(answer_after_s=0.1),
    "202": Plan(answer_after_s=0.1),
    "203": Plan(answer_after_s=0.1),  # to whom 217 forwards
    "204": Plan(answer_after_s=0.1),  # to whom 216 transfers
    "211": Plan(answer="busy"),
    "212": Plan(answer="decline"),
    "213": Plan(answer="ignore"),
    "214": Plan(answer_after_s=0.1, hangup_after_s=0.5),
    "215": Plan(answer_after_s=0.1, hold=((0.2, 0.5),)),
    "216": Plan(answer_after_s=0.1, transfer=(0.3, "204")),
}
GHOSTS = ("221", "222")  # their phones die in mid-call, with the process that they share
BOXES = ("101,102", "103,104", "105,106", "201,211,214", "202,212,215", "203,213", "204,216", ",".join(GHOSTS))
MODEL = "[extensions]\n" + "".join(
    f"{number} = {{ voicemail = false, ring_s = 5.0 }}\n" for number in (*CALLERS, *CALLEES, *GHOSTS, "217", "218")
)
TALK = {Disposition.ANSWERED}
WITHIN_S = 0.1
SILENCE_S = 5.0  # of a phone that is gone
LAST_SOUND_S = 1.0  # how exactly the end of such a call is known: by the last sound that came
STARVED_S = 1.0  # where real-time priority is not granted, everything waits for everything


@dataclass(frozen=True)
class Kind:
    """A way in which a call can go. to: the number called; busy_with: others who take part."""

    name: str
    to: str
    ends: frozenset[Disposition]
    weight: int = 10
    talk_s: tuple[float, float] = (0.2, 0.8)  # then the caller hangs up
    cancel_s: tuple[float, float] | None = None  # from the first ringing: before, the caller may not be known yet
    busy_with: tuple[str, ...] = ()

    def plan(self, rng: random.Random) -> Plan:
        return Plan(hangup_after_s=rng.uniform(*self.talk_s))


ANSWERED, CANCELLED = frozenset({Disposition.ANSWERED}), frozenset({Disposition.CANCELLED})
KINDS = (
    Kind("talk", "201", ANSWERED, 25),
    Kind("talk", "202", ANSWERED, 25),
    Kind("callee hangs up", "214", ANSWERED, talk_s=(9.0, 9.0)),
    Kind("hold", "215", ANSWERED, talk_s=(0.8, 1.2)),
    Kind("transfer", "216", ANSWERED, talk_s=(1.5, 1.8), busy_with=("204",)),
    Kind("forward", "217", ANSWERED, busy_with=("203",)),
    Kind("busy", "211", frozenset({Disposition.BUSY}), 15),
    Kind("decline", "212", frozenset({Disposition.FAILED})),
    Kind("no answer", "213", frozenset({Disposition.NO_ANSWER}), 1),
    Kind("cancel", "213", CANCELLED, 15, cancel_s=(0.0, 0.8)),
    Kind("cancel races the answer", "202", ANSWERED | CANCELLED, 10, cancel_s=(0.0, 0.2)),
    Kind("offline", "218", frozenset({Disposition.NO_ANSWER, Disposition.FAILED})),
    Kind("unknown", "299", frozenset({Disposition.FAILED})),
)


@dataclass
class Made:
    """A call that was made and what its caller's phone knows of it."""

    caller: str
    kind: Kind
    rang: bool = False
    transferred: bool = False  # says the phone that asked for it; a full worker has no leg for the target
    answered: bool = False
    status: int = 0
    talk_s: float = 0.0
    over: bool = False
    heard_s: float | None = None  # of a ghost: how long there was anybody


@dataclass
class Town:
    """All callers. `free`: who does nothing now."""

    office: Exchange
    rng: random.Random
    made: list[Made] = field(default_factory=list)
    running: dict[str, Made] = field(default_factory=dict)
    cancels: list[tuple[float, str]] = field(default_factory=list)  # (due, name of the call)

    def free(self, kind: Kind) -> bool:
        """Whether nobody calls there now."""
        taken = {n for m in self.running.values() for n in (m.kind.to, *m.kind.busy_with)}
        return not taken & {kind.to, *kind.busy_with}

    def call(self, caller: str) -> None:
        kinds = [k for k in KINDS if self.free(k)]
        kind = self.rng.choices(kinds, [k.weight for k in kinds])[0]
        name = f"{caller}/{len(self.made)}"
        self.running[name] = Made(caller, kind)
        self.made.append(self.running[name])
        self.office.call(caller, name, kind.to, kind.plan(self.rng))

    def listen(self) -> None:
        """Take what the phones tell; callers that are free call again."""
        for box in set(self.office.phones.values()):
            for event in box.events():
                if event["event"] == "transfer" and event["final"]:
                    for made in self.running.values():
                        made.transferred = made.kind.name == "transfer" and event["status"] == 200
                call = self.running.get(str(event.get("call")))
                if call is None:
                    continue
                if event["event"] == "ringing" and call.kind.cancel_s and not call.rang:
                    call.rang = True
                    self.cancels.append((time.monotonic() + self.rng.uniform(*call.kind.cancel_s), event["call"]))
                elif event["event"] == "answered":
                    call.answered = True
                elif event["event"] == "ended":
                    call.status, call.talk_s, call.over = event["status"], event["talk_s"], True
                    del self.running[event["call"]]

    def haunt(self) -> None:
        """The last calls: those who are called die."""
        for caller, ghost in zip(CALLERS, GHOSTS, strict=False):
            name = f"{caller}/{len(self.made)}"
            self.running[name] = Made(caller, Kind("vanish", ghost, ANSWERED))
            self.made.append(self.running[name])
            self.office.call(caller, name, ghost)
        until(lambda: self.listen() or all(m.answered for m in self.running.values()), 60.0, 0.005, "ghosts talk")
        answered = time.monotonic()
        until(lambda: self.listen() or time.monotonic() - answered > 2.0, what="they have talked")
        self.office.phones[GHOSTS[0]].process.kill()
        for made in self.running.values():
            made.heard_s = time.monotonic() - answered
        until(lambda: self.listen() or not self.running, 60.0, what="the end of calls with ghosts")

    def turn(self) -> bool:
        """True when all calls but the last have been made and are over."""
        self.listen()
        for due, name in [c for c in self.cancels if c[0] <= time.monotonic()]:
            self.cancels.remove((due, name))
            if name in self.running:
                self.office.say(self.running[name].caller, do="hangup", call=name)
        busy = {m.caller for m in self.running.values()}
        for caller in CALLERS:
            if caller not in busy and len(self.made) < CALLS - len(GHOSTS):
                self.call(caller)
        return len(self.made) == CALLS - len(GHOSTS) and not self.running


def check(call: Made, cdr: Cdr, within_s: float) -> list[str]:
    """What is wrong with a record, in words."""
    wrong = []
    if cdr.disposition not in call.kind.ends:
        wrong.append(f"{cdr.disposition}")
    if call.answered != (cdr.disposition is Disposition.ANSWERED) and len(call.kind.ends) == 1:
        wrong.append(f"answered {call.answered}")
    talk_s, exactly_s = (call.talk_s, within_s) if call.heard_s is None else (call.heard_s, LAST_SOUND_S)
    if call.answered and cdr.disposition is Disposition.ANSWERED and abs(cdr.talk_s - talk_s) > exactly_s:
        wrong.append(f"talk_s {cdr.talk_s} instead of {talk_s}")
    if cdr.transferred != ("blind" if call.transferred else ""):
        wrong.append(f"transferred {cdr.transferred!r}")
    if call.kind.name == "forward" and cdr.answered_by != "203":
        wrong.append(f"answered by {cdr.answered_by!r}")
    return [f"{call.kind.name} of {call.caller}: {what} ({cdr.cause}, phone {call.status})" for what in wrong]


def test_five_hundred_random_calls_have_one_true_record_each(tmp_path: Path) -> None:
    with exchange(tmp_path, MODEL, BOXES, slots=WORKERS, media_silence_s=SILENCE_S) as office:
        for number in ("217", "218"):
            assert number not in office.phones
        usersettings.change_user(
            office.worker.db, SystemClock(), office.tenant_id, "217", {"forward_always": "203"}, "phone"
        )
        for number, plan in CALLEES.items():
            office.plan(number, plan)
        town = Town(office, random.Random(20260302))
        began = time.monotonic()
        until(town.turn, 400.0, every_s=0.005, what="all calls")
        town.haunt()
        took_s = time.monotonic() - began
        granted = os.sched_getscheduler(office.worker.process.pid) == os.SCHED_RR
        within_s = WITHIN_S if granted else STARVED_S
        turned_away = [m for m in town.made if m.status == 503]
        assert turned_away == [], "there was room for every call"
        print(Counter((m.kind.name, m.status) for m in town.made))  # shown when something is wrong
        cdrs = office.cdrs(CALLS)
        assert len({c.call_id for c in cdrs}) == len(cdrs) == CALLS
        wrong: list[str] = []
        for caller in CALLERS:
            calls = [m for m in town.made if m.caller == caller]
            records = [c for c in cdrs if c.caller_number == caller]
            assert len(calls) == len(records)
            pairs = list(zip(calls, records, strict=True))
            wrong += [line for call, cdr in pairs for line in check(call, cdr, within_s)]
        assert any(m.transferred for m in town.made)
        kinds = Counter(m.kind.name for m in town.made)
        assert wrong == [], f"{len(wrong)} of {CALLS} in {took_s:.0f} s, {dict(kinds)}"
