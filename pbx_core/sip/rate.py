"""How many per second: a bucket of tokens. Time is an argument, monotonic seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Bucket:
    """`per_s` on average, at most one second's worth at once."""

    per_s: float
    held: float = -1.0  # -1: full, not used yet
    at: float = 0.0

    def take(self, now: float) -> bool:
        """Whether one more is within the rate; it then counts."""
        most = max(1.0, self.per_s)
        self.held = most if self.held < 0 else min(most, self.held + (now - self.at) * self.per_s)
        self.at = now
        if self.held < 1.0:
            return False
        self.held -= 1.0
        return True
