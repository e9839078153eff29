"""Puts the steps of one call one after another; all times are multiples of a grain, so that a log of whole seconds
can tell the same story."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from pbx_core.clock import uuid7_hex
from tests.support.offices import people
from tests.support.offices.calls import (
    Announcement,
    Call,
    Hours,
    Menu,
    Message,
    Offer,
    Ring,
    Step,
    Talk,
    Transfer,
    Wait,
)

RING_S_MAX = 20.0


@dataclass
class Line:
    """A call under construction. t: where it stands, in seconds from its start."""

    rng: Random
    grain_s: float
    started_at: datetime
    direction: str
    caller: str
    dialled: str
    did: str = ""
    name: str = ""
    t: float = 0.0
    steps: list[Step] = field(default_factory=list)
    callback_of: str = ""
    blocked: bool = False
    plain: bool = False  # see draw.plan

    def some(self, low_s: float, high_s: float) -> float:
        """A length between the two, on the grain."""
        return self.round(self.rng.uniform(low_s, high_s))

    def round(self, seconds: float) -> float:
        """On the grain, not under 0."""
        return round(max(0.0, round(seconds / self.grain_s) * self.grain_s), 3)

    def _over(self, length_s: float) -> tuple[float, float]:
        begin, self.t = self.t, round(self.t + length_s, 3)
        return begin, self.t

    def hours(self, opened: bool) -> None:
        self.steps.append(Hours(self.t, "office", opened))

    def menu(self, key: str, length_s: float) -> None:
        self.steps.append(Menu(*self._over(length_s), "main", key))

    def announcement(self, length_s: float) -> None:
        self.steps.append(Announcement(*self._over(length_s), "closed"))

    def ring(self, asked: str, results: dict[str, str], length_s: float, forwarded_by: str = "") -> None:
        taken = next((n for n, how in results.items() if how == "answered"), "")
        self.steps.append(Ring(*self._over(length_s), asked, tuple(results.items()), taken, False, forwarded_by))

    def picked_up(self, asked: str, rang: tuple[str, ...], by: str, length_s: float) -> None:
        results = tuple((n, "cancelled") for n in rang)
        self.steps.append(Ring(*self._over(length_s), asked, results, by, pickup=True))

    def wait(self, queue: str, how: str, offers: list[tuple[float, float, dict[str, str]]], length_s: float) -> None:
        """offers: (after the joining, length, results)."""
        begin, end = self._over(length_s)
        made = tuple(Offer(round(begin + a, 3), round(begin + a + n, 3), tuple(r.items())) for a, n, r in offers)
        taken = next((n for o in made for n, r in o.results if r == "answered"), "")
        self.steps.append(Wait(begin, end, queue, how, made, taken))

    def message(self, mailbox: str, left: bool, length_s: float) -> None:
        self.steps.append(Message(*self._over(length_s), mailbox, left))

    def talk(self, number: str, length_s: float, *, ours: bool = True, hold: bool = False) -> None:
        begin, end = self._over(length_s)
        holds: tuple[tuple[float, float], ...] = ()
        if hold and length_s >= 4 * max(1.0, self.grain_s):
            a, b = sorted((self.round(self.rng.uniform(0.1, 0.5) * length_s), self.round(0.9 * length_s)))
            holds = ((round(begin + a, 3), round(begin + b, 3)),)
        self.steps.append(Talk(begin, end, number, ours, holds))

    def transfer(self, by: str, to: str, how: str, ring_s: float) -> None:
        """`by` stays until `to` has answered: the caller waits ring_s."""
        begin, end = self._over(ring_s)
        self.steps.append(Transfer(end, begin, by, to, how))

    def end(self, hung_up: str) -> Call:
        """The call as it was."""
        random_10 = self.rng.randbytes(10)
        talked = any(isinstance(s, Talk) for s in self.steps)
        return Call(
            call_id=uuid7_hex(int(self.started_at.timestamp() * 1000), random_10),
            started_at=self.started_at,
            direction=self.direction,
            caller=self.caller,
            name=self.name,
            dialled=self.dialled,
            steps=tuple(self.steps),
            ended_s=self.t,
            hung_up=hung_up,
            did=self.did,
            trunk=people.TRUNK if self.outside else "",
            blocked=self.blocked,
            callback_of=self.callback_of,
            recorded=talked and self.rng.random() < 0.9,
            loss_share=self.rng.choice((0.0, 0.0, 0.0, 0.01, 0.04, 0.12)),
        )

    @property
    def outside(self) -> bool:
        return self.direction in ("inbound", "callback") or self.dialled.startswith("+")


def later(at: datetime, seconds: float) -> datetime:
    """A moment so much later."""
    return at + timedelta(seconds=round(seconds, 3))
