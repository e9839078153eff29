"""One step in the making: the call as it becomes and the commands so far. Lives only inside `machine.step`.

Stages change the call through it. They never end a call or enter a node themselves: they ask for it (`end`, `route`,
`entering`), and the machine does it when they have returned.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeVar

from pbx_core.domain.calls.commands import (
    Answer,
    CancelTimer,
    Command,
    Hangup,
    Mix,
    Note,
    Play,
    Route,
    StartTimer,
    StopPlay,
)
from pbx_core.domain.calls.events import CallEvent, EventType, side_of
from pbx_core.domain.calls.state import Call, Leg, LegState, Outcome, Routing, Stage
from pbx_core.domain.nodes import Node, Origin
from pbx_core.domain.records import Disposition, Party
from pbx_core.errors import InvalidTransition

NORMAL = "Normal Clearing"
RING, MAX, LIFE, LINGER = "ring", "max", "life", "linger"  # timers that more than one stage knows
SYSTEM = "system"
S = TypeVar("S", bound=Stage)


class Turn:
    """`call` and `commands` are what the step will give back; `event` is what happened; `gone` the leg that an
    `ended`, `dial_failed` or `given` took away; `played` the purpose of the Play whose end was reported; `entering` a
    node to enter when the stage has returned."""

    def __init__(self, call: Call, event: CallEvent) -> None:
        self.call = call
        self.event = event
        self.commands: list[Command] = []
        self.outcome: Outcome | None = None
        self.entering: Node | None = None
        self.gone: Leg | None = None
        self.played = ""

    # the call

    def set(self, **changes: Any) -> None:
        """Replace fields of the call."""
        self.call = replace(self.call, **changes)

    def stage(self, kind: type[S]) -> S:
        """The stage, which must be of this kind."""
        if not isinstance(self.call.stage, kind):
            raise InvalidTransition(f"{self.event.type} in {self.call.doing} ({self.event.call_id})")
        return self.call.stage

    def do(self, *commands: Command) -> None:
        """Ask the shell."""
        self.commands.extend(commands)

    def note(self, kind: EventType, leg: str | None = None, **detail: Any) -> None:
        """Write a fact that only this machine knows."""
        self.do(Note(kind, leg, detail))

    def route(self, destination: str, dialled: str = "") -> None:
        """Ask where to go next; the way there replaces the stage."""
        self.set(stage=Routing(), asking="way")
        self.do(Route(destination, dialled, self.call.origin, self.call.visited))

    def ask(self, purpose: str, dialled: str, origin: Origin, visited: tuple[str, ...]) -> None:
        """Ask for a side way, the stage remaining."""
        self.set(asking=purpose)
        self.do(Route("", dialled, origin, visited))

    # legs

    @property
    def subject(self) -> Leg | None:
        """The leg on whom menus, queues and announcements run; None when it is gone."""
        return self.call.legs.get(self.call.subject)

    def leg(self, name: str) -> Leg | None:
        """An open leg."""
        return self.call.legs.get(name)

    def up(self, name: str) -> bool:
        """Whether the leg is connected."""
        leg = self.leg(name)
        return leg is not None and leg.state is LegState.UP

    def change(self, name: str, **changes: Any) -> None:
        """Replace fields of an open leg; nothing when it is gone."""
        leg = self.leg(name)
        if leg is not None:
            self.set(legs={**self.call.legs, name: replace(leg, **changes)})

    def add(self, leg: Leg) -> None:
        """A new leg under a free name."""
        side, _, number = leg.name.partition("-")
        names = dict(self.call.names)
        names[side] = max(names.get(side, 0), int(number or 1))
        self.set(legs={**self.call.legs, leg.name: leg}, names=names)

    def remove(self, name: str) -> Leg | None:
        """The leg's dialog is over."""
        legs = dict(self.call.legs)
        leg = legs.pop(name, None)
        self.set(legs=legs, music=self.call.music - {name})
        for timer in (f"code:{name}", f"dial:{name}"):
            self.cancel(timer)
        return leg

    def free_name(self, side: str) -> str:
        """A name that no leg of this call ever had."""
        return free_name(self.call, side)

    def answer(self, name: str) -> None:
        """Answer a leg that called us, once."""
        leg = self.leg(name)
        if leg is not None and leg.state is LegState.CALLING:
            self.change(name, state=LegState.UP)
            self.do(Answer(name))

    def hang_up(self, name: str, status: int = 200, reason: str = NORMAL, elsewhere: bool = False) -> None:
        """End a leg that is still open; `status` matters to one that called us and is not answered."""
        leg = self.leg(name)
        if leg is None or leg.state is LegState.LEAVING:
            return
        if leg.state is not LegState.CALLING:
            status, reason = 200, NORMAL
        self.set(music=self.call.music - {name})
        self.change(name, state=LegState.LEAVING, playing="", typing="", typed="")
        self.do(Hangup(name, status, reason, elsewhere))

    # sound

    def play(self, name: str, sounds: Iterable[str], purpose: str, loop: bool = False) -> bool:
        """Play into a leg; False when there is nothing to play or nobody to hear it: then no `played` comes."""
        sounds = tuple(s for s in sounds if s)
        leg = self.leg(name)
        if not sounds or leg is None or leg.state is LegState.LEAVING:
            return False
        token = f"{purpose}-{self.call.plays + 1}"
        self.set(plays=self.call.plays + 1, music=self.call.music - {name})
        self.change(name, playing=token)
        self.do(Play(name, sounds, token, loop))
        return True

    def hush(self, name: str) -> None:
        """Stop what plays into a leg."""
        leg = self.leg(name)
        if leg is not None and leg.playing:
            self.set(music=self.call.music - {name})
            self.change(name, playing="")
            self.do(StopPlay(name))

    def mix(self, pairs: Iterable[tuple[str, str]]) -> None:
        """These hear each other from now on, and nobody else."""
        wanted = frozenset(pairs)
        if wanted != self.call.pairs:
            self.set(pairs=wanted)
            self.do(Mix(wanted))

    # timers

    def timer(self, name: str, after_s: float) -> None:
        """Start a timer, or start it anew."""
        self.set(timers=self.call.timers | {name})
        self.do(StartTimer(name, after_s))

    def cancel(self, *names: str) -> None:
        """Stop timers that run."""
        for name in names:
            if name in self.call.timers:
                self.set(timers=self.call.timers - {name})
                self.do(CancelTimer(name))

    # the end

    def end(
        self,
        disposition: Disposition,
        cause: str,
        party: str = SYSTEM,
        mono_s: float | None = None,
        status: int = 480,
        reason: str = "Temporarily Unavailable",
    ) -> None:
        """Ask for the end. Once a person has answered the call counts as answered, however it ends."""
        if self.call.person_mono_s is not None:
            disposition = Disposition.ANSWERED
        at = self.event.mono_s if mono_s is None else min(mono_s, self.event.mono_s)
        self.outcome = Outcome(disposition, cause, party, at, rejection_of(status), reason)

    def connected(self, number: str) -> None:
        """A person answered; the first time counts."""
        if self.call.person_mono_s is None:
            self.set(person_mono_s=self.event.mono_s, person=number)


def free_name(call: Call, side: str) -> str:
    """The next name of a side (caller, callee, supervisor) that no leg of the call ever had."""
    used = call.names.get(side, 0)
    return side if used == 0 else f"{side}-{used + 1}"


def rejection_of(status: int) -> int:
    """The final status for the caller when the way failed with `status`: the same where it is a failure."""
    return status if 400 <= status <= 699 else 480


def party_of(leg: str) -> str:
    """caller, callee or (a supervisor's leg) system."""
    return str(side_of(leg) or SYSTEM)


def opposite(leg: str) -> str:
    """The other side than the leg's."""
    return str(Party.CALLER if side_of(leg) is Party.CALLEE else Party.CALLEE)


def cause_of(event: CallEvent) -> str:
    """Status and reason of an `ended`, for people."""
    return f"{event.detail.get('status', 0)} {event.detail.get('reason', '')}".strip()
