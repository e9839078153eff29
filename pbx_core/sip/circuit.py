"""The circuit breaker of a trunk: after failures in a row it is not tried any more until a probe is answered.

Time is an argument, monotonic seconds. closed → (FAILURES_MAX failures) → open → (PROBE_S) → half_open, while the
probe is out → closed when it is answered, open again when not. A carrier that never answered a probe may simply not
know OPTIONS: for it one call per round is let through as the probe.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

FAILURES_MAX = 3  # in a row: no reply, or 5xx
PROBE_S = 30.0


class State(StrEnum):
    """Whether calls may go there."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass
class Circuit:
    """One trunk's. `reason`: what happened last, for people."""

    state: State = State.CLOSED
    failures: int = 0
    reason: str = ""
    probe_at: float = 0.0  # when the next probe is due, while open
    answers_probes: bool = False
    trial: bool = False  # one call may go through although the circuit is open

    def allows(self) -> bool:
        """Whether a call may be tried now; an open circuit's trial is used up by asking."""
        if self.state is State.CLOSED:
            return True
        allowed, self.trial = self.trial, False
        return allowed

    def succeeded(self) -> None:
        """A call was answered, or refused by whoever was called: the trunk works."""
        self.state, self.failures, self.reason, self.trial = State.CLOSED, 0, "", False

    def failed(self, reason: str, now: float) -> None:
        """No reply, or 5xx."""
        self.failures += 1
        self.reason = reason
        if self.failures >= FAILURES_MAX and self.state is State.CLOSED:
            self.state, self.probe_at = State.OPEN, now + PROBE_S

    def probe_due(self, now: float) -> bool:
        """Whether a probe must be sent now; it is out from then on."""
        if self.state is not State.OPEN or now < self.probe_at:
            return False
        self.state, self.probe_at = State.HALF_OPEN, now + PROBE_S
        return True

    def probed(self, answered: bool) -> None:
        """The probe's end."""
        if answered:
            self.answers_probes = True
            self.succeeded()
        elif self.state is State.HALF_OPEN:
            self.state = State.OPEN
            self.trial = not self.answers_probes
