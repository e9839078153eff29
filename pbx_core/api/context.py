"""What every route of the API needs, opened once by the command and handed down."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pbx_core.clock import Clock
from pbx_core.errors import InputError
from pbx_core.settings import Settings
from pbx_core.sip.guard import Guard, GuardLimits

Ask = Callable[[str, dict[str, Any]], dict[str, Any]]  # worker, request → its answer; Unavailable when it is not there


class Doorman:
    """Who guessed wrong too often is not listened to for a while, by address; the edge's rules. An address from which
    a right token came lately (an office behind NAT) is thinned out by token, not shut out as a whole."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        s = settings
        limits = GuardLimits(
            s.flood_requests_max, s.flood_window_s, s.ban_s, s.guess_failures_max, s.guess_window_s, sources_max=10_000
        )
        self._guard = Guard(limits)
        self._clock = clock
        self._ban_s = s.ban_s
        self._lock = threading.Lock()

    def admit(self, address: str, account: str) -> None:
        """InputError 429 while the address, or this account from it, is banned."""
        with self._lock:
            now = self._clock.monotonic()
            banned = self._guard.banned(address, now) or self._guard.account_banned(address, account, now)
        if banned:
            raise InputError(
                f"Too many wrong tokens came from this address; nothing was done. Wait {self._ban_s} s or longer.",
                error_id="too_many_failures",
                status=429,
            )

    def wrong(self, address: str, account: str) -> None:
        """Count a wrong token or secret."""
        with self._lock:
            self._guard.guessed(address, account, self._clock.monotonic())

    def right(self, address: str, account: str) -> None:
        """Somebody known speaks from there."""
        with self._lock:
            self._guard.signed_in(address, account, self._clock.monotonic())

    @property
    def bans(self) -> int:
        """How often somebody was banned since the start."""
        return self._guard.bans


@dataclass(frozen=True)
class Context:
    """Shared by all threads of the process."""

    settings: Settings
    db: sa.Engine
    clock: Clock
    ask: Ask
    doorman: Doorman

    def now(self) -> float:
        """UTC epoch seconds."""
        return self.clock.now().timestamp()
