"""What is said about the health of the data."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Level(StrEnum):
    """Ordered from good to bad."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


_ORDER = (Level.OK, Level.WARN, Level.BAD)


@dataclass(frozen=True)
class Check:
    """One thing looked at: its state in a sentence, what to do about it ("" when nothing), and the figures behind."""

    name: str
    title: str
    level: Level
    says: str
    remedy: str = ""
    figures: dict[str, float | str | None] = field(default_factory=dict)
    examples: tuple[str, ...] = ()  # of what is wrong, some of all


@dataclass(frozen=True)
class Source:
    """One source of rows. lag_s: age of the oldest thing that is not loaded yet, 0.0 when everything is."""

    source: str  # feed: the journals; comments, edits: tables; import
    part: str  # which of them: the process that writes the journal, the table, the import
    loaded: int
    lines: int | None = None
    rejected: int | None = None
    repeated: int | None = None
    waiting: int | None = None  # bytes of journals, changes of tables
    lag_s: float | None = None
    newest_at: datetime | None = None


@dataclass(frozen=True)
class Health:
    """All of it, for the operator (tenant_id None) or for one tenant."""

    tenant_id: str | None
    at: datetime
    checks: tuple[Check, ...]
    sources: tuple[Source, ...]

    @property
    def level(self) -> Level:
        """The worst of the checks."""
        return max((c.level for c in self.checks), key=_ORDER.index, default=Level.OK)

    @property
    def reasons(self) -> tuple[str, ...]:
        """What is not as it should be, the worst first."""
        wrong = sorted((c for c in self.checks if c.level is not Level.OK), key=lambda c: -_ORDER.index(c.level))
        return tuple(f"{c.title}: {c.says}" for c in wrong)
