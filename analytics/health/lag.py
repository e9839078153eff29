"""How far behind each source is: what is written and not loaded yet, and how old the oldest of it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from ingest.sources.changed import segment
from pbx_core import feed
from pbx_core.domain import records
from pbx_core.settings import Settings
from pbx_core.store.schema import comment, transcript_edit

Positions = Mapping[tuple[str, str], int]
TABLES = {"comments": ("comment", comment), "edits": ("transcript_edit", transcript_edit)}  # source → kind, table


@dataclass(frozen=True)
class Waiting:
    """amount: bytes or changes that are not loaded; lag_s: age of the oldest."""

    amount: int = 0
    lag_s: float = 0.0


def journals(settings: Settings, positions: Positions, now: datetime) -> dict[str, Waiting]:
    """By process."""
    found: dict[str, Waiting] = defaultdict(Waiting)
    for path in settings.journal_dir.glob("*/*.jsonl"):
        producer, segment = path.parent.name, f"{path.parent.name}/{path.name}"
        position = positions.get(("feed", segment), 0)
        rest = path.stat().st_size - position
        before = found[producer]
        if rest > 0:
            lag_s = _age_s(settings, segment, position, now)
            found[producer] = Waiting(before.amount + rest, max(before.lag_s, lag_s))
    return dict(found)


def tables(db: sa.Engine, positions: Positions, origin: str, now: datetime) -> dict[tuple[str, str], Waiting]:
    """By source and segment; origin: of this database (ingest.origin)."""
    found = {}
    for source, (kind, table) in TABLES.items():
        key = (source, segment(kind, origin))
        after = table.c.changed_seq > positions.get(key, 0)
        statement = sa.select(sa.func.count(), sa.func.min(table.c.created_at)).where(after)
        with db.connect() as connection:
            amount, oldest = connection.execute(statement).one()
        found[key] = Waiting(amount, max(0.0, now.timestamp() - oldest) if oldest else 0.0)
    return found


def _age_s(settings: Settings, segment: str, position: int, now: datetime) -> float:
    """Of the first complete line from there; 0.0 while it is being written or cannot be read (a reject to be)."""
    for line in feed.read(settings.journal_dir, segment, position, bytes_max=1):
        try:
            at = records.parse_iso(feed.decode(line.raw).at)
        except ValueError:
            break
        return max(0.0, (now - at).total_seconds())
    return 0.0
