"""The only source of now() and of new ids."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the shells ask for time and ids; tests hand in their own."""

    def now(self) -> datetime:
        """Wall clock, timezone-aware UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary origin that never jump; durations are differences of these."""
        ...

    def new_id(self) -> str:
        """A fresh id, 32 lower-case hex digits, sortable by time (UUIDv7 layout, RFC 9562)."""
        ...


@dataclass(frozen=True)
class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def new_id(self) -> str:
        return uuid7_hex(int(time.time() * 1000), secrets.token_bytes(10))


def uuid7_hex(unix_ms: int, random_10: bytes) -> str:
    """UUIDv7 as 32 hex digits from milliseconds since 1970 and ten random bytes. RFC 9562 section 5.7."""
    value = (unix_ms & ((1 << 48) - 1)) << 80 | int.from_bytes(random_10, "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return f"{value:032x}"


def random_id() -> str:
    """An unguessable id, 32 hex digits, that says nothing about time: file names of recordings, tokens' ids."""
    return secrets.token_hex(16)
