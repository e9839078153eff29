"""Waiting for the world: polls a condition instead of sleeping a guessed time.

Limits are said for a machine that has nothing else to do; on a slow or busy one more is waited. A wait that succeeds
costs nothing, and no test measures by a limit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 4.0  # times the limit that is said
PATIENT_S_MAX = 120.0  # no longer than this for it: pytest ends a test that hangs, without a word of what was awaited


def patient(timeout_s: float) -> float:
    """The time to wait for what takes no longer than `timeout_s` on an idle machine."""
    return max(timeout_s, min(PATIENCE * timeout_s, PATIENT_S_MAX))


def until(condition: Callable[[], T], timeout_s: float = 10.0, every_s: float = 0.05, what: str = "") -> T:
    """Return the first truthy value of `condition`; AssertionError after patient(timeout_s), naming `what`."""
    limit_s = patient(timeout_s)
    deadline = time.monotonic() + limit_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {limit_s:g} s: {what or condition}"
        time.sleep(every_s)


async def until_async(condition: Callable[[], T], timeout_s: float = 10.0, every_s: float = 0.02, what: str = "") -> T:
    """The same for coroutines."""
    limit_s = patient(timeout_s)
    deadline = time.monotonic() + limit_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {limit_s:g} s: {what or condition}"
        await asyncio.sleep(every_s)
