"""What lies on the disk: recordings and calls without each other, sound files without sound, room left and its use."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from analytics.queries import Reader, health
from ingest import upgrade
from pbx_core.settings import Settings
from pbx_core.store.schema import kept_recording as kept

HEADER_BYTES = 44  # a WAV of that size or less is a header without sound
LOOKED_AT_MAX = 20_000  # recordings and files, the newest: some hundred milliseconds of stat
YOUNG_S = 600.0  # a younger file may still be waiting for its line, a younger call for its recording
SOUND = frozenset({".webm", ".wav", ".mp3", ".opus", ".ogg", ".m4a", ".flac", ".gsm"})


@dataclass(frozen=True)
class Orphans:
    """missing: recordings that should lie here and do not; empty: without sound; unknown: files of no recording;
    unrecorded: calls whose recording never came. looked_at: how many recordings were compared, all when less than
    LOOKED_AT_MAX."""

    missing: tuple[str, ...]
    empty: tuple[str, ...]
    unknown: tuple[str, ...]
    unrecorded: tuple[str, ...]
    looked_at: int


@dataclass(frozen=True)
class Disk:
    """Bytes; days_left: until no recording is started any more, None when nothing grows."""

    total: int
    free: int
    per_day: float
    days_left: float | None
    old_copies: tuple[tuple[str, int], ...]  # of the warehouse, which nothing reads: path, bytes


def orphans(settings: Settings, db: sa.Engine, reader: Reader, tenant_id: str | None, now: datetime) -> Orphans:
    """Of one tenant, or of all."""
    missing, empty = [], []
    recordings = _kept(db, tenant_id)
    for path in recordings:
        try:
            size = (settings.recordings_dir / path).stat().st_size
        except FileNotFoundError:
            missing.append(path)
        else:
            if size <= HEADER_BYTES:
                empty.append(path)
    files = list(_files(settings.recordings_dir, tenant_id, now.timestamp() - YOUNG_S))
    strange = sorted(set(files) - set(recordings))
    strange = sorted(set(strange) - health.known_paths(reader, strange) - _registered(db, strange))
    calls = health.calls_without_recording(reader, tenant_id, now - timedelta(seconds=YOUNG_S), LOOKED_AT_MAX)
    unrecorded = tuple(c["call_id"] for c in calls)
    return Orphans(tuple(missing), tuple(empty), tuple(strange), unrecorded, len(recordings))


def disk(settings: Settings, reader: Reader, now: datetime) -> Disk:
    """Of the volume with the data directory. Growth: recordings and journals of the last days."""
    usage = shutil.disk_usage(settings.data)
    per_day = health.recorded_bytes_per_day(reader, None, now) + _journal_bytes_per_day(settings, now)
    usable = usage.free - settings.disk_stop_share * usage.total
    days_left = max(0.0, usable) / per_day if per_day else None
    copies = tuple((str(path), upgrade.size(path)) for path in upgrade.old_copies(settings))
    return Disk(usage.total, usage.free, per_day, days_left, copies)


def _kept(db: sa.Engine, tenant_id: str | None) -> list[str]:
    """Paths of the newest recordings that should lie here."""
    statement = sa.select(kept.c.path).where(kept.c.deleted_at.is_(None), kept.c.local.is_(True))
    if tenant_id is not None:
        statement = statement.where(kept.c.tenant_id == tenant_id)
    with db.connect() as connection:
        return list(connection.scalars(statement.order_by(kept.c.started_at.desc()).limit(LOOKED_AT_MAX)))


def _registered(db: sa.Engine, paths: list[str], at_once: int = 500) -> set[str]:
    """Those that belong to any recording, a deleted one too: the keeper removes its file in a moment."""
    found: set[str] = set()
    with db.connect() as connection:
        for i in range(0, len(paths), at_once):
            found |= set(connection.scalars(sa.select(kept.c.path).where(kept.c.path.in_(paths[i : i + at_once]))))
    return found


def _files(root: Path, tenant_id: str | None, before: float) -> Iterator[str]:
    """Sound files, newest months first, as paths relative to the recordings directory."""
    count = 0
    for tenant in [root / tenant_id] if tenant_id else sorted(root.glob("*/")):
        for folder, subfolders, names in os.walk(tenant):
            subfolders.sort(reverse=True)
            for name in names:
                path = Path(folder, name)
                if path.suffix not in SOUND or name.startswith(".") or path.stat().st_mtime > before:
                    continue
                count += 1
                if count > LOOKED_AT_MAX:
                    return
                yield str(path.relative_to(root))


def _journal_bytes_per_day(settings: Settings, now: datetime) -> float:
    since = now.timestamp() - health.GROWTH_DAYS * 86_400
    stats = [path.stat() for path in settings.journal_dir.glob("*/*.jsonl")]
    recent = [s for s in stats if s.st_mtime >= since]
    if not recent:
        return 0.0
    first = min(max(since, s.st_ctime) for s in recent)
    return sum(s.st_size for s in recent) / max(1.0, (now.timestamp() - first) / 86_400)
