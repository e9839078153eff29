"""Scenes: what can become of one call. Each ends it; together they are what an office meets in a week."""

from __future__ import annotations

from tests.support.offices import people
from tests.support.offices.building import Line
from tests.support.offices.calls import WITHHELD, Call
from tests.support.offices.people import Office


def some(line: Line, office: Office) -> Call:
    """A call from outside to one of the public numbers."""
    line.did = line.dialled
    if line.caller == people.BLOCKED:
        line.blocked = True  # on the list of those who are not heard
        return line.end("system")
    match line.did:
        case people.FRONT:
            return _front(line, office)
        case people.DIRECT:
            return _person(line, "102")
        case people.LINE:
            return _group(line)
        case people.HELP:
            return _queue(line, "support")
        case _:
            return _queue(line, "billing")


def _front(line: Line, office: Office) -> Call:
    opened = office.opened(line.started_at)
    line.hours(opened)
    rng = line.rng
    if not opened:
        line.announcement(line.some(1, 6))
        if rng.random() < 0.5:
            return line.end("caller")  # he hung up while it was said
        return _voicemail(line, "101")
    if rng.random() < 0.15:
        line.menu("", line.some(0, 8))  # nothing was pressed
        return line.end("caller")
    key = rng.choice(tuple(people.KEYS))
    line.menu(key, line.some(1, 8))
    match people.KEYS[key]:
        case "group:sales":
            return _group(line)
        case "queue:support":
            return _queue(line, "support")
        case _:
            return _person(line, "102")


def _person(line: Line, number: str) -> Call:
    rng = line.rng
    match rng.choice(
        ("answers", "answers", "answers", "declines", "busy", "silent", "gives up", "picked up", "forwarded")
    ):
        case "answers":
            line.ring(f"extension:{number}", {number: "answered"}, line.some(0, 19))
            return _conversation(line, number)
        case "declines":
            line.ring(f"extension:{number}", {number: "declined"}, line.some(0, 9))
            return _voicemail(line, number)
        case "busy":
            line.ring(f"extension:{number}", {number: "busy"}, 0.0)  # a leg that ends in the second in which it began
            return _voicemail(line, number)
        case "silent":
            line.ring(f"extension:{number}", {number: "no_answer"}, 20.0)
            return _voicemail(line, number)
        case "gives up":
            line.ring(f"extension:{number}", {number: "cancelled"}, line.some(0, 19))
            return line.end("caller")
        case "picked up":
            line.picked_up(f"extension:{number}", (number,), "106", line.some(1, 19))
            return _conversation(line, "106")
        case _:
            line.ring(f"extension:{number}", {number: "no_answer"}, 20.0)
            line.ring("extension:103", {"103": "answered"}, line.some(0, 15), forwarded_by=number)
            return _conversation(line, "103")


def _group(line: Line) -> Call:
    members = people.GROUPS["sales"]
    rng = line.rng
    match rng.choice(("answers", "one declines", "silent", "all decline", "gives up")):
        case "answers":
            takes = rng.choice(members)
            line.ring("group:sales", _taken(members, takes), line.some(0, 19))
            return _conversation(line, takes)
        case "one declines":
            no, takes = rng.sample(members, 2)
            line.ring("group:sales", {**_taken(members, takes), no: "declined"}, line.some(1, 19))
            return _conversation(line, takes)
        case "silent":
            line.ring("group:sales", dict.fromkeys(members, "no_answer"), 20.0)
            return _voicemail(line, "101")
        case "all decline":
            line.ring("group:sales", dict.fromkeys(members, "declined"), line.some(0, 10))
            return _voicemail(line, "101")
        case _:
            line.ring("group:sales", dict.fromkeys(members, "cancelled"), line.some(0, 19))
            return line.end("caller")


def _queue(line: Line, queue: str) -> Call:
    agents, rng = people.QUEUES[queue], line.rng
    ways = ["answers", "answers", "answers", "abandons", "abandons", "too long"]
    ways += ["key"] if queue == "support" else []
    ways += [] if line.plain else ["full"]
    ways += ["asks back"] if queue == "support" and line.caller != WITHHELD and not line.plain else []
    offers: list[tuple[float, float, dict[str, str]]] = []
    t = line.some(0, 2)
    for _ in range(rng.choice((0, 0, 1, 2))):  # agents who do not take it
        agent, ring_s = rng.choice(agents), line.some(1, 15)
        offers.append((t, ring_s, {agent: rng.choice(("no_answer", "no_answer", "declined"))}))
        t = round(t + ring_s + line.some(1, 5), 3)
    match rng.choice(ways):
        case "answers":
            agent, ring_s = rng.choice(agents), line.some(0, 12)
            line.wait(queue, "answered", [*offers, (t, ring_s, {agent: "answered"})], round(t + ring_s, 3))
            return _conversation(line, agent)
        case "abandons":
            if rng.random() < 0.4:  # while an agent's phone rings
                ring_s = line.some(0, 5)
                offers.append((t, ring_s, {rng.choice(agents): "cancelled"}))
                t = round(t + ring_s, 3)
            line.wait(queue, "abandoned", offers, t)
            return line.end("caller")
        case "too long":
            line.wait(queue, "overflow", offers, round(t + line.some(1, 60), 3))
            return _voicemail(line, "104") if queue == "support" else line.end("system")
        case "full":
            line.wait(queue, "full", [], 0.0)
            return _voicemail(line, "104") if queue == "support" else line.end("system")
        case "key":
            line.wait(queue, "key", offers, round(t + line.some(1, 9), 3))
            line.ring("extension:101", {"101": "answered"}, line.some(0, 15))
            return _conversation(line, "101")
        case _:
            line.wait(queue, "callback", offers, round(t + line.some(1, 9), 3))
            line.announcement(line.some(1, 4))
            return line.end("system")


def call_back(line: Line) -> Call:
    """Out of the queue: the customer's phone rings first, then an agent is sought."""
    rng, customer = line.rng, line.caller
    match rng.choice(("both", "both", "customer away", "customer leaves")):
        case "customer away":
            line.ring(f"outside:{customer}", {customer: "no_answer"}, 40.0)
            return line.end("system")
        case "customer leaves":
            line.ring(f"outside:{customer}", {customer: "answered"}, line.some(1, 30))
            line.wait("support", "abandoned", [], line.some(1, 30))
            return line.end("caller")
        case _:
            agent = rng.choice(people.QUEUES["support"])
            line.ring(f"outside:{customer}", {customer: "answered"}, line.some(1, 30))
            t, ring_s = line.some(0, 5), line.some(0, 10)
            line.wait("support", "answered", [(t, ring_s, {agent: "answered"})], round(t + ring_s, 3))
            return _conversation(line, agent)


def to_outside(line: Line, number: str) -> Call:
    """We call somebody outside."""
    rng = line.rng
    if line.direction == "click":
        mine = rng.random() < 0.8  # the program rings our own phone first
        line.ring(
            f"extension:{line.caller}",
            {line.caller: "answered" if mine else "no_answer"},
            line.some(1, 15) if mine else 40.0,
        )
        if not mine:
            return line.end("system")
    match rng.choice(("answers", "answers", "busy", "silent", "gives up")):
        case "answers":
            line.ring(f"outside:{number}", {number: "answered"}, line.some(0, 25))
            line.talk(number, line.some(0, 200), hold=rng.random() < 0.2)
            return line.end(rng.choice(("caller", "callee")))
        case "busy":
            line.ring(f"outside:{number}", {number: "busy"}, line.some(0, 3))
            return line.end("callee")
        case "silent":
            line.ring(f"outside:{number}", {number: "no_answer"}, 30.0)
            return line.end("system")
        case _:
            line.ring(f"outside:{number}", {number: "cancelled"}, line.some(0, 25))
            return line.end("caller")


def internal(line: Line) -> Call:
    """Between two extensions."""
    rng, callee = line.rng, line.dialled
    match rng.choice(("answers", "answers", "gives up", "voicemail")):
        case "answers":
            line.ring(f"extension:{callee}", {callee: "answered"}, line.some(0, 15))
            line.talk(callee, line.some(0, 100))
            return line.end(rng.choice(("caller", "callee")))
        case "gives up":
            line.ring(f"extension:{callee}", {callee: "cancelled"}, line.some(0, 15))
            return line.end("caller")
        case _:
            line.ring(f"extension:{callee}", {callee: "no_answer"}, 25.0)
            return _voicemail(line, callee)


def _taken(members: tuple[str, ...], by: str) -> dict[str, str]:
    return {m: "answered" if m == by else "cancelled" for m in members}


def _voicemail(line: Line, mailbox: str) -> Call:
    """A message, or the hang-up before the tone."""
    left = line.rng.random() < 0.5
    line.message(mailbox, left, line.some(8, 40) if left else line.some(0, 5))
    return line.end("caller")


def _conversation(line: Line, number: str) -> Call:
    """They talk: perhaps within one second, perhaps on hold, perhaps with a colleague afterwards."""
    rng = line.rng
    length = rng.choice((line.some(0, 0.9), line.some(1, 20), line.some(20, 400), line.some(20, 400)))
    line.talk(number, length, hold=rng.random() < 0.25)
    if length > 5 and rng.random() < 0.25:
        to = rng.choice([n for n in people.EXTENSIONS if n != number])
        how = rng.choice(("blind", "attended"))
        line.transfer(number, to, how, line.some(1, 12) if how == "blind" else 0.0)
        line.talk(to, line.some(1, 120))
    return line.end(rng.choice(("caller", "callee")))
