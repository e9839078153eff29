"""Waiting for the world: polls a condition instead of sleeping a guessed time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], timeout_s: float = 10.0, every_s: float = 0.05, what: str = "") -> T:
    """Return the first truthy value of `condition`; AssertionError after timeout_s, naming `what`."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what or condition}"
        time.sleep(every_s)


async def until_async(condition: Callable[[], T], timeout_s: float = 10.0, every_s: float = 0.02, what: str = "") -> T:
    """The same for coroutines."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what or condition}"
        await asyncio.sleep(every_s)
