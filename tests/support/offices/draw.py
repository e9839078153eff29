"""Random days of an office: people call, are heard or not, try again, are called back. The same seed, the same days.

A *person* outside has a number of his own (or hides it) and a life of contacts with the office; between two contacts
lies more than the window of repeat calls unless they are meant as one story. So the stories are known when they are
drawn: `Plan.stories` lists the calls of each.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from tests.support.offices import inbound, people, shifts
from tests.support.offices.building import Line, later
from tests.support.offices.calls import WITHHELD, Call

REPEAT_WINDOW_S = 300.0  # the contract's: a repeat call within it belongs to the attempt before
# In the zones of the tests the clocks change within these days (Europe/Berlin 29 March and 25 October, New York 8
# March and 1 November); the year's end is there for its midnight.
BEGINNINGS = ((2026, 3, 27), (2026, 3, 6), (2026, 10, 23), (2026, 10, 30), (2026, 12, 30), (2026, 12, 24))
DAYS = 4
NAMES = ("", "Ann", 'O\'Hara "Bob"; DROP', "Zoë, Ünïcode", "=1+1", "a|b", "line\ntwo", "-")


@dataclass
class Plan:
    """What was drawn. stories: the calls of each conversation, in order of time; asked_back: the queue that was left by
    key, by the id of the call."""

    office: people.Office
    since: datetime
    until: datetime
    stories: list[list[Call]] = field(default_factory=list)
    shifts: list[shifts.Told] = field(default_factory=list)  # of the agents

    @property
    def calls(self) -> list[Call]:
        """All calls in the order in which they began."""
        return sorted((c for story in self.stories for c in story), key=lambda c: (c.started_at, c.call_id))


def plan(
    office: people.Office, seed: int, *, people_outside: int = 40, grain_s: float = 0.001, plain: bool = False
) -> Plan:
    """Some days of an office. plain: only what every exchange has: no call-backs out of queues, no calls placed by
    programs, no lists of blocked numbers, no full queues."""
    rng = Random(f"{seed}/{office.zone}")
    year, month, day = rng.choice(BEGINNINGS)
    since = datetime(year, month, day, tzinfo=ZoneInfo(office.zone)).astimezone(UTC)
    made = Plan(office, since, since + timedelta(days=DAYS))
    for number in range(people_outside):
        who = WITHHELD if rng.random() < 0.08 else f"+49151{seed % 100:02d}{number:06d}"
        who = people.BLOCKED if number == 0 and not plain else who
        _Life(made, rng, who, grain_s, plain).live()
    for _ in range(people_outside // 4):
        _among_ourselves(made, rng, grain_s)
    if not plain:
        made.shifts = shifts.drawn(made.calls, made.since, made.until, Random(f"shifts/{seed}/{office.zone}"))
    return made


class _Life:
    """The contacts of one person outside with the office."""

    def __init__(self, made: Plan, rng: Random, number: str, grain_s: float, plain: bool) -> None:
        self.made, self.rng, self.number, self.grain_s, self.plain = made, rng, number, grain_s, plain
        self.at = self._start()
        self.answered = False  # at his last call, which was the first of its story

    def live(self) -> None:
        for _ in range(self.rng.choice((1, 1, 1, 2, 3, 5))):
            self._contact()
            # more than the window after the end of the last call, perhaps days; who was heard may call again at once
            pause = self.rng.choice((REPEAT_WINDOW_S + 1.0, 420.0, 3600.0, 5 * 3600.0, 26 * 3600.0))
            pause = 5.0 if self.answered and self.rng.random() < 0.3 else pause
            self.at = later(self.at, pause + self._grain(self.rng.uniform(0.0, 600.0)))
            if self.at >= self.made.until:
                return

    def _contact(self) -> None:
        if self.number == WITHHELD or self.rng.random() < 0.75:
            self._calls_us()
        else:
            self._we_call()

    def _calls_us(self) -> None:
        """He calls; whoever reached nobody may try again at once, up to three times."""
        story: list[Call] = []
        did = self.rng.choice((people.FRONT, people.FRONT, people.DIRECT, people.LINE, people.HELP, people.BILLS))
        for _ in range(self.rng.choice((1, 2, 3))):
            call = inbound.some(self._line("inbound", self.number, did), self.made.office)
            story.append(call)
            if self.number == WITHHELD:  # nobody can know that it is the same person
                self.made.stories.append(story)
                story = []
            self.at = call.ended_at
            if call.ours_talked or _asks_back(call) or self.rng.random() < 0.4:
                break
            # exactly the window still counts; within the same second too
            gap = self.rng.choice((0.0, REPEAT_WINDOW_S, self.rng.uniform(1.0, 120.0), self.rng.uniform(0, 299)))
            self.at = later(self.at, max(self._grain(gap), 0.0 if call.ended_s else self.grain_s))
        if story and _asks_back(story[-1]):
            self._is_called_back(story)
        if story:
            self.made.stories.append(story)
        self.answered = len(story) == 1 and bool(story[0].ours_talked)

    def _is_called_back(self, story: list[Call]) -> None:
        """Out of the queue, perhaps on the next day; up to three times. All belongs to the story of the first call."""
        asked = story[-1]
        for _ in range(3):
            pause = self.rng.choice((30.0, 200.0, 600.0, 9 * 3600.0))
            self.at = later(self.at, self._grain(pause))
            line = replace(self._line("callback", self.number, "queue:support"), callback_of=asked.call_id)
            call = inbound.call_back(line)
            story.append(call)
            self.at = call.ended_at
            if call.steps[0].taken_by:  # type: ignore[union-attr]  # the first step is the ring at his phone
                return

    def _we_call(self) -> None:
        """Somebody of ours calls him, or a program rings one of ours first."""
        ours = self.rng.choice(people.EXTENSIONS)
        direction = "click" if not self.plain and self.rng.random() < 0.2 else "outbound"
        call = inbound.to_outside(self._line(direction, ours, self.number), self.number)
        self.made.stories.append([call])
        self.at, self.answered = call.ended_at, False

    def _line(self, direction: str, caller: str, dialled: str) -> Line:
        name = self.rng.choice(NAMES)
        return Line(self.rng, self.grain_s, self.at, direction, caller, dialled, name=name, plain=self.plain)

    def _start(self) -> datetime:
        """Any moment; every third within a minute of midnight or of the hour in which clocks change."""
        span = (self.made.until - self.made.since).total_seconds()
        at = later(self.made.since, self._grain(self.rng.uniform(0, span * 0.8)))
        if self.rng.random() < 0.33:
            local = at.astimezone(ZoneInfo(self.made.office.zone))
            midnight = local.replace(hour=self.rng.choice((0, 2, 3)), minute=0, second=0, microsecond=0)
            at = later(midnight.astimezone(UTC), self._grain(self.rng.uniform(-40, 40)))
        return max(at, self.made.since)

    def _grain(self, seconds: float) -> float:
        return round(round(seconds / self.grain_s) * self.grain_s, 3)


def _among_ourselves(made: Plan, rng: Random, grain_s: float) -> None:
    span = (made.until - made.since).total_seconds()
    at = later(made.since, round(round(rng.uniform(0, span * 0.9) / grain_s) * grain_s, 3))
    caller, callee = rng.sample(people.EXTENSIONS, 2)
    made.stories.append([inbound.internal(Line(rng, grain_s, at, "internal", caller, callee))])


def _asks_back(call: Call) -> bool:
    return any(getattr(s, "how", "") == "callback" for s in call.steps)
