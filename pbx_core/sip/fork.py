"""Forking as a pure state machine: one request out on several branches, one final answer back. RFC 3261 16.7, 16.10.

Events are the methods of `Fork`; each returns the actions the shell must carry out, in order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto


class State(Enum):
    """A branch's life."""

    OPEN = auto()
    CANCELLED = auto()  # we asked it to stop; its final answer is awaited by the transaction only
    ENDED = auto()
    HUNG_UP = auto()  # answered too late, and was sent BYE


@dataclass(frozen=True)
class Relay:
    """Pass the response that just came in on this branch upstream (provisional or 2xx)."""

    branch: int


@dataclass(frozen=True)
class Cancel:
    """Send CANCEL on this branch; `elsewhere`: another phone took the call."""

    branch: int
    elsewhere: bool = False


@dataclass(frozen=True)
class Answer:
    """Send the final answer upstream: the stored response of `branch`, or one of our own when branch is None."""

    status: int
    branch: int | None = None


@dataclass(frozen=True)
class EndCall:
    """A branch answered 2xx after the matter was settled: ACK it and, the first time, send BYE."""

    branch: int
    again: bool = False


Action = Relay | Cancel | Answer | EndCall

_BETTER = {401: 0, 407: 0, 415: 1, 420: 1, 484: 1, 486: 2, 488: 3, 480: 5, 404: 6, 487: 8, 408: 9}


def rank(status: int) -> tuple[int, int, int]:
    """Sort key: the best of several final failures comes first. 6xx, then the lowest class, then what says most."""
    return (0 if status >= 600 else 1, status // 100, _BETTER.get(status, 4))


@dataclass
class Fork:
    """`more_may_come`: branches are added one after another (hunting for a worker), so running out of open
    branches does not settle the matter by itself. `members`: the branches belong to several people, so what one of
    them declines (6xx) does not decide for the others."""

    more_may_come: bool = False
    members: bool = False
    settled: bool = False
    winner: int | None = None
    _states: dict[int, State] = field(default_factory=dict)
    _failures: dict[int, int] = field(default_factory=dict)

    def add(self, branch: int) -> None:
        """A request went out on a new branch."""
        self._states[branch] = State.OPEN

    def provisional(self, branch: int, status: int) -> list[Action]:
        """1xx: 100 stays on its hop, the others go up until the matter is settled."""
        if status == 100 or self.settled or self._states.get(branch) is not State.OPEN:
            return []
        return [Relay(branch)]

    def success(self, branch: int) -> list[Action]:
        """2xx: the first wins and the others are cancelled; a later one is hung up; a repetition passes."""
        if branch == self.winner:
            return [Relay(branch)]
        was = self._states.get(branch)
        if self.settled or was is not State.OPEN:
            self._states[branch] = State.HUNG_UP
            return [EndCall(branch, again=was is State.HUNG_UP)]
        self._states[branch] = State.ENDED
        self.settled, self.winner = True, branch
        return [Relay(branch), *self._cancel_open(elsewhere=True)]

    def failure(self, branch: int, status: int) -> list[Action]:
        """A final 3xx–6xx, or 408 for silence."""
        was = self._states.get(branch)
        self._states[branch] = State.ENDED
        if self.settled or was is not State.OPEN:
            return []
        self._failures[branch] = status
        if (status >= 600 and not self.members) or not (self.more_may_come or self._open()):
            return self.settle()
        return []

    def dropped(self, branch: int) -> list[Action]:
        """Give up a branch without counting its answer (a worker without a slot, or silent)."""
        if self._states.get(branch) is not State.OPEN:
            return []
        self._states[branch] = State.CANCELLED
        return [Cancel(branch)]

    def refused(self, branch: int) -> None:
        """A branch ended with an answer that does not count."""
        self._states[branch] = State.ENDED

    def complete(self) -> list[Action]:
        """All branches there will be are open: the last failure settles the matter from now on."""
        self.more_may_come = False
        return [] if self._open() else self.settle()

    def settle(self, status: int = 480) -> list[Action]:
        """No more branches will come: answer with the best failure, or with `status` when there is none."""
        if self.settled:
            return []
        self.settled = True
        if self._failures:
            best = min(self._failures, key=lambda b: rank(self._failures[b]))
            return [Answer(self._failures[best], best), *self._cancel_open()]
        return [Answer(status), *self._cancel_open()]

    def cancel(self, elsewhere: bool = False) -> list[Action]:
        """The caller gave up: 487 at once, CANCEL on every open branch. `elsewhere`: another phone took his call."""
        if self.settled:
            return []
        self.settled = True
        return [Answer(487), *self._cancel_open(elsewhere)]

    def is_open(self, branch: int) -> bool:
        """Whether the branch may still decide the matter."""
        return self._states.get(branch) is State.OPEN

    def _open(self) -> list[int]:
        return [b for b, s in self._states.items() if s is State.OPEN]

    def _cancel_open(self, elsewhere: bool = False) -> list[Action]:
        out: list[Action] = []
        for branch in self._open():
            self._states[branch] = State.CANCELLED
            out.append(Cancel(branch, elsewhere))
        return out
