"""Calls as they come: people who answer, are busy, cancel, transfer, hold, vanish — played against the call machine in
virtual time by an outside that does what the machine asks, some milliseconds later, and knows the truth.

`play(rng)` plays one call and gives its events with what really happened.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from pbx_core.domain import nodes
from pbx_core.domain.calls import commands as do
from pbx_core.domain.calls.events import CallEvent, EventType
from pbx_core.domain.calls.machine import adopted_name, new, step
from pbx_core.domain.calls.nodes_json import routed_detail
from pbx_core.domain.calls.state import Queueing
from pbx_core.domain.records import Disposition, to_json
from pbx_core.errors import InvalidTransition
from tests.support.calltable import OPENED

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CALLER = "caller"
SILENCE_S = 55.0  # after which the engine says that a phone fell silent
END_S = 40_000.0  # no call of ours is that long


@dataclass(frozen=True)
class Person:
    """Somebody with a phone: answers after so long (None: never), or refuses with a status at once."""

    answers_s: float | None = None
    refuses: int = 0


@dataclass(frozen=True)
class Truth:
    """What really happened. None: it depends on a race."""

    dispositions: frozenset[Disposition]
    talk_s: float | None = None
    hold_s: float | None = None
    voicemail: bool = False


@dataclass
class Plan:
    """One call to be played. `way`: the dialplan's answers in turn. `at`: what the caller does when, from the start;
    `after`: who does what how long after the first answer."""

    kind: str
    truth: Truth
    way: list[nodes.Node]
    people: dict[str, Person] = field(default_factory=dict)
    at: list[tuple[float, str]] = field(default_factory=list)
    after: list[tuple[float, str, str]] = field(default_factory=list)
    dead_trunks: dict[str, int] = field(default_factory=dict)
    offers: list[tuple[float, list[str]]] = field(default_factory=list)
    deaf: bool = False  # phones that do not confirm our BYE


@dataclass
class Played:
    """One call that was played. closes: how often it was closed."""

    kind: str
    truth: Truth
    events: list[CallEvent]
    closes: int
    open: bool
    commands: list[do.Command]


def play(rng: Random) -> Played:
    """One call."""
    plan = draw(rng)
    outside = Outside(plan, rng)
    outside.run()
    call = outside.call
    return Played(plan.kind, plan.truth, outside.events, outside.closes, not call.closed, outside.done)


class Outside:
    """The shell, the network, the phones and the people of one call."""

    def __init__(self, plan: Plan, rng: Random) -> None:
        self.plan, self.rng = plan, rng
        self.now = 100.0
        self.jump = timedelta(0)  # where somebody sets the wall clock
        self.call = new()
        self.events: list[CallEvent] = []
        self.done: list[do.Command] = []
        self.closes = 0
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._timers: dict[str, int] = {}
        self._over: set[str] = set()
        self._up: list[str] = []  # legs in the order in which their people answered
        self._ringing: set[str] = set()

    def run(self) -> None:
        """Until nothing more can happen."""
        self.at(0.0, lambda: self.feed(EventType.OPENED, CALLER, dict(OPENED)))
        for after_s, what in self.plan.at:
            self.at(after_s, self._acting(CALLER, what))
        while self._later and not self.call.closed:
            self.now, _, what = heapq.heappop(self._later)
            if self.now > END_S:
                return
            what()

    def at(self, after_s: float, what: Callable[[], None]) -> None:
        """Do it then."""
        self._count += 1
        heapq.heappush(self._later, (self.now + after_s, self._count, what))

    def feed(self, kind: EventType, leg: str | None, detail: dict[str, Any], digit: str = "") -> None:
        """A fact reaches the machine, and what it asks for is done."""
        if self.call.closed:
            return
        if self.rng.random() < 0.01:
            self.jump = timedelta(hours=self.rng.choice((-24, -1, 1, 24)))
        wall = START + timedelta(seconds=self.now) + self.jump
        event = CallEvent(wall, round(self.now, 3), "c" * 32, len(self.events), leg, kind, detail, digit)
        try:
            self.call, commands = step(self.call, event)
        except InvalidTransition:
            if kind is EventType.ROUTED:  # the answer crossed the end of the call
                return
            raise
        self.events.append(event)
        for command in commands:
            self.done.append(command)
            self._obey(command)

    def _soon(self, kind: EventType, leg: str | None, detail: dict[str, Any], digit: str = "") -> None:
        """It reaches us over the network."""
        self.at(self.rng.uniform(0.001, 0.02), lambda: self.feed(kind, leg, detail, digit))

    # what the machine asks

    def _obey(self, command: do.Command) -> None:
        match command:
            case do.Note(kind, leg, detail):
                self.at(0.0, lambda: self.feed(kind, leg, detail))
            case do.Route(_, _, origin, visited):
                node = self.plan.way.pop(0) if self.plan.way else nodes.Hangup(404, "Not Found", "wrong number")
                answer = nodes.Routed(node, (), (*visited, node.kind), origin)
                self._soon(EventType.ROUTED, None, routed_detail("", answer))
            case do.Dial():
                self._dialled(command)
            case do.Hangup(leg, status, reason):
                self._hung_up(leg, status, reason)
            case do.Play(leg, _, token, False):
                length = self.rng.uniform(0.5, 3.0)
                self.at(length, lambda: self.feed(EventType.PLAYED, leg, {"token": token}))
            case do.StartRecording(_, _, segment, kind):
                started = {"recording_id": f"{segment:032x}", "segment": segment, "kind": kind}
                self.at(0.0, lambda: self.feed(EventType.RECORDING_STARTED, None, started))
            case do.StartTimer(name, after_s):
                self._timers[name] = number = self._count + 1
                self.at(after_s, lambda: self._fire(name, number))
            case do.CancelTimer(name):
                self._timers.pop(name, None)
            case do.Park(by):
                self._soon(EventType.PARKED, None, {"slot": "701", "by": by})
                self.at(20.0, lambda: self._adopt(adopted_name(self.call, "retrieve"), "retrieve", answered=False))
            case do.AdoptConsultation(_, _, as_leg):
                self.at(0.01, lambda: self._adopt(as_leg, "transfer", answered=True))
            case do.QueueJoin(queue):
                self._soon(EventType.QUEUE_JOINED, None, {"queue": queue, "position": 1})
                for number, (after_s, agents) in enumerate(self.plan.offers):
                    targets = [to_json(nodes.Target(agent)) for agent in agents]
                    self.at(after_s, self._offering({"offer_id": f"o{number}", "agents": targets}))
            case do.Close():
                self.closes += 1

    def _fire(self, name: str, number: int) -> None:
        if self._timers.get(name) == number:
            del self._timers[name]
            self.feed(EventType.TIMER, None, {"name": name})

    def _offering(self, detail: dict[str, Any]) -> Callable[[], None]:
        def offer() -> None:
            if isinstance(self.call.stage, Queueing):
                self.feed(EventType.QUEUE_OFFER, None, detail)

        return offer

    def _adopt(self, leg: str, how: str, *, answered: bool) -> None:
        detail = {"how": how, "number": "103", "answered": answered, "internal": True, "from_call": "x"}
        self.feed(EventType.ADOPTED, leg, {**detail, "sip_call_id": "x", "target": "701"})
        self._up.append(leg)

    # phones and people

    def _dialled(self, wish: do.Dial) -> None:
        leg = wish.leg
        trunk = wish.route.trunk_id if wish.route else ""
        numbers = [t.number for t in wish.targets]
        detail = {"sip_call_id": f"{leg}@worker", "targets": numbers, "trunk_id": trunk}
        self.at(0.0, lambda: self.feed(EventType.DIALED, leg, detail))
        if trunk in self.plan.dead_trunks:
            status = self.plan.dead_trunks[trunk]
            reason = {408: "no_reply", 503: "circuit_open"}.get(status, "Server Error")
            self._refuse(leg, status, reason, {}, 3.0 if status == 408 else 0.05)
            return
        people = {n: self.plan.people.get(n, Person(refuses=404)) for n in numbers}
        willing = [(p.answers_s, n) for n, p in people.items() if p.answers_s is not None]
        offers = {n: p.refuses for n, p in people.items()}
        if all(p.refuses for p in people.values()):
            status = next(iter(offers.values()))
            self._refuse(leg, 480 if status == 430 else status, "Refused", offers, 0.1)
            return
        self._ringing.add(leg)
        self.at(0.15, lambda: self._rings(leg))
        if willing:
            after_s, number = min(willing)
            self.at(after_s, lambda: self._answers(leg, number))

    def _refuse(self, leg: str, status: int, reason: str, offers: dict[str, int], after_s: float) -> None:
        def refuse() -> None:
            if leg not in self._over:
                self._over.add(leg)
                self.feed(EventType.ENDED, leg, {"status": status, "reason": reason, "offers": offers})

        self.at(after_s, refuse)

    def _rings(self, leg: str) -> None:
        if leg in self._ringing and leg not in self._over:
            self.feed(EventType.RINGING, leg, {"status": 180, "media": False})

    def _answers(self, leg: str, number: str) -> None:
        """He picks up, unless it rings no longer; his 200 takes its time."""
        if leg in self._over or leg not in self._ringing:
            return
        self._ringing.discard(leg)
        self._up.append(leg)
        self._soon(EventType.ANSWERED, leg, {"by": number, "offers": {}})
        if len(self._up) == 1:
            self.at(0.03, self._confirm)
            for after_s, who, what in self.plan.after:
                self.at(after_s, self._acting(who, what))

    def _confirm(self) -> None:
        if CALLER not in self._over:
            self.feed(EventType.CONFIRMED, CALLER, {})

    def _hung_up(self, leg: str, status: int, reason: str) -> None:
        if leg in self._over:
            return
        crossing = leg in self._up and not any(
            e.type in (EventType.ANSWERED, EventType.ADOPTED) and e.leg == leg for e in self.events
        )
        final = 487 if leg in self._ringing else status
        self._ringing.discard(leg)
        if crossing or self.plan.deaf:
            return  # a 200 is on its way: it will be hung up again; or nobody is there to confirm
        self._over.add(leg)
        self._soon(EventType.ENDED, leg, {"status": final, "reason": reason})

    def _acting(self, who: str, what: str) -> Callable[[], None]:
        return lambda: self._act(who, what)

    def _act(self, who: str, what: str) -> None:
        """A person does something: with the leg of the caller, of who answered first (agent) or last (target)."""
        known = {CALLER: CALLER, "agent": self._up[0] if self._up else "", "target": self._up[-1] if self._up else ""}
        leg = known[who]
        if not leg or leg in self._over or self.call.closed:
            return
        verb, _, rest = what.partition(" ")
        match verb:
            case "bye":
                self._over.add(leg)
                self._soon(EventType.ENDED, leg, {"status": 200, "reason": "OK"})
            case "cancel":
                self._over.add(leg)
                self._soon(EventType.ENDED, leg, {"status": 487, "reason": "Request Terminated"})
            case "hold":
                self._soon(EventType.HELD, leg, {})
            case "unhold":
                self._soon(EventType.UNHELD, leg, {})
            case "press":
                self._soon(EventType.DTMF, leg, {"method": "rfc2833"}, rest)
            case "refer":
                self._soon(EventType.TRANSFER_ASKED, leg, {"target": rest, "replaces": "", "means": "refer"})
            case "consult":
                self._soon(EventType.TRANSFER_ASKED, leg, {"target": rest, "replaces": "x@y", "means": "refer"})
            case "vanish":
                self._over.add(leg)
                detail = {"last_media_mono_s": self.now, "silence_s": SILENCE_S}
                self.at(SILENCE_S, lambda: self.feed(EventType.MEDIA_LOST, leg, detail))
            case "kill":
                self.feed(EventType.ABORTED, None, {"reason": "worker died"})


# plans


def draw(rng: Random) -> Plan:
    """Some call."""
    return rng.choice(PLANS)(rng)


def _ring(*numbers: str, **rest: Any) -> nodes.Ring:
    policy = nodes.RecordPolicy(nodes.RecordMode.ALWAYS)
    return nodes.Ring(tuple(nodes.Target(n) for n in numbers), **{"ring_s": 30.0, "record": policy, **rest})


def _outside(number: str, *trunks: str) -> nodes.Ring:
    routes = tuple(nodes.TrunkRoute(t, number, "+4930555", "KG") for t in trunks)
    return nodes.Ring((nodes.Target(number, routes=routes),), 30.0)


def _is(*dispositions: Disposition) -> frozenset[Disposition]:
    return frozenset(dispositions)


def _talk(rng: Random) -> float:
    return rng.choice((rng.uniform(0.2, 2.0), rng.uniform(2.0, 300.0)))


def _side(rng: Random) -> str:
    return rng.choice((CALLER, "agent"))


def answered(rng: Random) -> Plan:
    """The simple case, sometimes with an announcement before recording, sometimes with a phone that cannot end."""
    talk = _talk(rng)
    notice = rng.choice(((), ("say:en:recorded",)))
    policy = nodes.RecordPolicy(nodes.RecordMode.ALWAYS, notice)
    people = {"102": Person(rng.uniform(0.2, 25.0))}
    truth = Truth(_is(Disposition.ANSWERED), talk, 0.0)
    after = [(talk, _side(rng), "bye")]
    return Plan("answered", truth, [_ring("102", record=policy)], people, after=after, deaf=rng.random() < 0.1)


def both_hang_up(rng: Random) -> Plan:
    talk = _talk(rng)
    after = [(talk, CALLER, "bye"), (talk, "agent", "bye")]
    return Plan("both", Truth(_is(Disposition.ANSWERED), talk), [_ring("102")], {"102": Person(2.0)}, after=after)


def refused(rng: Random) -> Plan:
    status = rng.choice((486, 600, 603, 430, 404, 500))
    disposition = Disposition.BUSY if status in (486, 600) else Disposition.FAILED
    return Plan("refused", Truth(_is(disposition), 0.0), [_ring("102")], {"102": Person(refuses=status)})


def cancelled(rng: Random) -> Plan:
    when = rng.uniform(0.0, 29.0)
    truth = Truth(_is(Disposition.CANCELLED), 0.0)
    return Plan("cancelled", truth, [_ring("102")], {"102": Person()}, at=[(when, "cancel")])


def raced(rng: Random) -> Plan:
    """The caller gives up within some milliseconds of the answer."""
    when = rng.uniform(1.0, 5.0)
    truth = Truth(_is(Disposition.ANSWERED, Disposition.CANCELLED))
    at = [(when + rng.uniform(-0.03, 0.03), "cancel")]
    return Plan("raced", truth, [_ring("102")], {"102": Person(when)}, at=at)


def unanswered(rng: Random) -> Plan:
    truth = Truth(_is(Disposition.NO_ANSWER), 0.0)
    return Plan("unanswered", truth, [_ring("102", ring_s=rng.uniform(5.0, 60.0))], {"102": Person()})


def forwarded(rng: Random) -> Plan:
    """Busy, absent or silent: to a mobile by whichever trunk works."""
    talk = _talk(rng)
    first = rng.choice((Person(), Person(refuses=486), Person(refuses=430)))
    ways = {"on_busy": "x", "on_no_answer": "x", "on_offline": "x", "on_failed": "x"}
    dead = {t: rng.choice((408, 500, 503)) for t in ("main", "second") if rng.random() < 0.5}
    people = {"102": first, "+996555": Person(rng.uniform(0.5, 20.0))}
    way: list[nodes.Node] = [_ring("102", **ways), _outside("+996555", "main", "second", "third")]
    truth = Truth(_is(Disposition.ANSWERED), talk, 0.0)
    return Plan("forwarded", truth, way, people, after=[(talk, _side(rng), "bye")], dead_trunks=dead)


def group(rng: Random) -> Plan:
    talk = _talk(rng)
    people = {"101": Person(rng.uniform(1, 9)), "102": Person(refuses=486), "103": Person(rng.uniform(1, 9))}
    truth = Truth(_is(Disposition.ANSWERED), talk, 0.0)
    one_by_one = rng.random() < 0.5
    way: list[nodes.Node] = [_ring("101", "102", "103", one_by_one=one_by_one)]
    return Plan("group", truth, way, people, after=[(talk, _side(rng), "bye")])


def held(rng: Random) -> Plan:
    """Both hold, overlapping or not; the time counts once."""
    a, b, c, d = sorted(rng.uniform(1.0, 60.0) for _ in range(4))
    spans = rng.choice((((a, b), (c, d)), ((a, c), (b, d)), ((a, d), (b, c))))
    talk = d + rng.uniform(1.0, 20.0)
    hold_s = (b - a) + (d - c) if spans[0] == (a, b) else d - a
    after: list[tuple[float, str, str]] = [(talk, _side(rng), "bye")]
    for who, (begin, end) in zip((CALLER, "agent"), spans, strict=True):
        after += [(begin, who, "hold"), (end, who, "unhold")]
    truth = Truth(_is(Disposition.ANSWERED), talk, hold_s)
    return Plan("held", truth, [_ring("102")], {"102": Person(3.0)}, after=after)


def transferred(rng: Random) -> Plan:
    """To somebody who answers, is busy, or does not answer; the transferor stays or leaves at once."""
    asked = rng.uniform(2.0, 30.0)
    target = rng.choice((Person(rng.uniform(0.5, 10.0)), Person(refuses=486), Person()))
    stays = rng.random() < 0.6
    asker = _side(rng)
    other = CALLER if asker == "agent" else "agent"
    comes = target.answers_s is not None
    talk = asked + 60.0 + rng.uniform(0.0, 60.0)
    after = [(asked, asker, "refer 103"), (talk, other, "bye")]
    if not stays:
        after.append((asked + 0.2, asker, "bye"))
    people = {"102": Person(2.0), "103": target}
    truth = Truth(_is(Disposition.ANSWERED), talk if comes or stays else None)
    return Plan("transferred", truth, [_ring("102"), _ring("103")], people, after=after)


def attended(rng: Random) -> Plan:
    asked = rng.uniform(5.0, 30.0)
    talk = asked + rng.uniform(1.0, 60.0)
    after = [(1.0, "agent", "hold"), (asked, "agent", "consult 103"), (talk, rng.choice((CALLER, "target")), "bye")]
    truth = Truth(_is(Disposition.ANSWERED), talk, asked - 1.0)
    return Plan("attended", truth, [_ring("102")], {"102": Person(2.0)}, after=after)


def parked(rng: Random) -> Plan:
    asked = rng.uniform(1.0, 30.0)
    talk = asked + 20.0 + rng.uniform(1.0, 60.0)
    keys = [(asked, "agent", "press *"), (asked + 0.3, "agent", "press 7")]
    truth = Truth(_is(Disposition.ANSWERED), talk, 0.0)
    return Plan("parked", truth, [_ring("102")], {"102": Person(2.0)}, after=[*keys, (talk, CALLER, "bye")])


def vanished(rng: Random) -> Plan:
    last = rng.uniform(1.0, 300.0)
    truth = Truth(_is(Disposition.ANSWERED), last)
    after = [(last, _side(rng), "vanish")]
    return Plan("vanished", truth, [_ring("102")], {"102": Person(2.0)}, after=after, deaf=rng.random() < 0.5)


def limited(rng: Random) -> Plan:
    limit = rng.uniform(60.0, 7200.0)
    truth = Truth(_is(Disposition.ANSWERED), limit, 0.0)
    return Plan("limited", truth, [_ring("102", call_s_max=limit)], {"102": Person(2.0)})


def _queue(**rest: Any) -> nodes.Queue:
    usual: dict[str, Any] = {"language": "en", "music": "music:default", "welcome": ("say:en:hello",)}
    usual |= {"agent_ring_s": 15.0, "wait_s_max": 120.0, "announce_s": 20.0, "say_position": True, "say_wait": True}
    usual |= {"exit_key": "0", "on_exit": "x", "on_overflow": "x", "on_empty": "", "callback_key": ""}
    return nodes.Queue("sales", **{**usual, **rest})


def queued(rng: Random) -> Plan:
    """The first offer fails, the second agent takes it."""
    talk = _talk(rng)
    first = rng.choice((Person(), Person(refuses=486), Person(refuses=430)))
    people = {"101": first, "102": Person(rng.uniform(0.5, 10.0))}
    offers = [(rng.uniform(0.1, 10.0), ["101"]), (rng.uniform(30.0, 60.0), ["101", "102"])]
    truth = Truth(_is(Disposition.ANSWERED), talk, 0.0)
    return Plan("queued", truth, [_queue()], people, after=[(talk, _side(rng), "bye")], offers=offers)


def abandoned(rng: Random) -> Plan:
    when = rng.uniform(0.1, 100.0)
    offers = [(rng.uniform(0.1, 10.0), ["101"]), (40.0, ["101"])]
    truth = Truth(_is(Disposition.CANCELLED), 0.0)
    return Plan("abandoned", truth, [_queue()], {"101": Person()}, at=[(when, "bye")], offers=offers)


def overflowed(rng: Random) -> Plan:
    """Too long in the queue, or out by key: a message is left."""
    way: list[nodes.Node] = [_queue(), nodes.Voicemail("sales", ("say:en:hello",))]
    at = [(rng.uniform(1.0, 100.0), "press 0")] if rng.random() < 0.5 else []
    truth = Truth(_is(Disposition.NO_ANSWER), 0.0, voicemail=True)
    return Plan("overflowed", truth, way, at=[*at, (200.0, "bye")])


def chosen(rng: Random) -> Plan:
    """By the menu's key to a phone, perhaps after a wrong one."""
    talk = _talk(rng)
    menu = nodes.Menu("main", ("say:en:menu",), (("1", "x"),), 5.0, 3, "x", "x", direct=("200",))
    wrong = [(rng.uniform(0.1, 3.0), "press 7")] if rng.random() < 0.5 else []
    at = [*wrong, (rng.uniform(3.5, 5.0), "press 1")]
    truth = Truth(_is(Disposition.ANSWERED), talk, 0.0)
    return Plan("chosen", truth, [menu, _ring("102")], {"102": Person(3.0)}, at, [(talk, _side(rng), "bye")])


def undecided(rng: Random) -> Plan:
    menu = nodes.Menu("main", ("say:en:menu",), (("1", "x"),), 5.0, 2, "x", "x")
    gives_up = rng.random() < 0.5
    disposition = Disposition.CANCELLED if gives_up else Disposition.NO_ANSWER
    way: list[nodes.Node] = [menu, nodes.Hangup(480, "No Choice", "no choice in the menu")]
    at = [(rng.uniform(0.1, 8.0), "bye")] if gives_up else []
    return Plan("undecided", Truth(_is(disposition), 0.0), way, at=at)


def killed(rng: Random) -> Plan:
    """The worker dies at any moment."""
    any_end = Truth(frozenset(Disposition))
    at = [(rng.uniform(0.0, 20.0), "kill")]
    return Plan("killed", any_end, [_ring("102")], {"102": Person(5.0)}, at, [(10.0, CALLER, "bye")])


PLANS: tuple[Callable[[Random], Plan], ...] = (
    *(answered, answered, answered, both_hang_up, refused, cancelled, raced, unanswered, forwarded, group, held),
    *(transferred, transferred, attended, parked, vanished, limited, queued, abandoned, overflowed, chosen, undecided),
    killed,
)
