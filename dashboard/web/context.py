"""What every route and page of the web process needs, opened once: settings, operational database, clock, warehouse."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import sqlalchemy as sa

from analytics import queries
from dashboard.web.exporting import Exports
from pbx_core.clock import Clock
from pbx_core.settings import Settings


@dataclass(frozen=True)
class Context:
    """Shared by all threads of the process."""

    settings: Settings
    db: sa.Engine
    clock: Clock
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _readers: list[queries.Reader] = field(default_factory=list)
    exports: Exports = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "exports", Exports(self.settings))

    def reader(self) -> queries.Reader:
        """The read-only view of the warehouse, opened at the first need; Unavailable until ingest has made it."""
        with self._lock:
            if not self._readers:
                self._readers.append(queries.open_reader(self.settings))
            return self._readers[0]


_installed: list[Context] = []


def install(context: Context) -> None:
    """Make a context the one that Streamlit pages find; called once by the command (and by tests)."""
    _installed[:] = [context]


def current() -> Context:
    """The installed context. RuntimeError when a page runs outside the web process."""
    if not _installed:
        raise RuntimeError("The dashboard runs inside `callbench web` only; start that command.")
    return _installed[0]
