"""After a crash: every call that a dead worker left open gets its one record, every recording its end mark."""

from __future__ import annotations

from pbx_core.clock import Clock
from pbx_core.feed import Journal
from pbx_core.settings import Settings


def recover(settings: Settings, journal: Journal, clock: Clock) -> int:
    """TODO"""
    return 0
