"""Retention, legal hold and the object store: rounds over the recordings that exist.

A recording is deleted in this order, so that a crash anywhere leaves nothing unsaid: audit row and journal line
(`recording_gone`), remote copy, local files, then the mark that it is gone. Every step may be repeated.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from pbx_core import log
from pbx_core.clock import Clock
from pbx_core.domain.records import RecordingGone
from pbx_core.errors import Unavailable
from pbx_core.feed import Journal
from pbx_core.settings import Settings
from pbx_core.store import audit, directory, kept, models
from pbx_core.store.kept import Kept
from pbx_core.store.objects import ObjectStore

DAY_S = 86_400.0
PRODUCER = "keeper"

_log = log.get(__name__)


@dataclass
class Tally:
    """What rounds have done so far; for the board."""

    deleted: int = 0
    stored_remotely: int = 0
    local_copies_removed: int = 0
    refusal: str = ""


class Keeper:
    """One process, one owner."""

    def __init__(
        self, settings: Settings, db: sa.Engine, clock: Clock, journal: Journal, store: ObjectStore | None
    ) -> None:
        self._settings = settings
        self._db = db
        self._clock = clock
        self._journal = journal
        self._store = store
        self.tally = Tally()

    def round(self) -> bool:
        """Copy what is new, delete what is due, free what the cache no longer needs; whether more waits."""
        self.tally.refusal = ""
        try:
            more = self._offload() if self._store else False
            more = self._retain() or more
            if self._store:
                self._tidy()
            return more
        except (Unavailable, OSError, sa.exc.OperationalError) as error:
            self.tally.refusal = str(error)[:300]
            _log.warning("keeping waits", extra={"reason": self.tally.refusal})
            return False

    def _offload(self) -> bool:
        assert self._store
        waiting = kept.not_remote(self._db)
        for item in waiting:
            for path in _files(self._settings, item):
                if path.exists():
                    self._store.put(path, str(path.relative_to(self._settings.recordings_dir)))
            kept.mark(self._db, item, remote=True)
            self.tally.stored_remotely += 1
        return len(waiting) >= kept.BATCH_MAX

    def _retain(self) -> bool:
        more = False
        for tenant in directory.tenants(self._db):
            _, model = models.active(self._db, tenant.tenant_id)
            before = self._clock.now().timestamp() - model.recording.retention_days * DAY_S
            due = kept.older_than(self._db, tenant.tenant_id, before)
            for item in due:
                self._delete(item, "retention")
            more = more or len(due) >= kept.BATCH_MAX
        return more

    def _delete(self, item: Kept, reason: str) -> None:
        path = self._settings.recordings_dir / item.path
        record = RecordingGone(
            recording_id=item.recording_id,
            call_id=item.call_id,
            tenant_id=item.tenant_id,
            deleted_at=self._clock.now(),
            reason=reason,
            deleted_by=PRODUCER,
            sha256=_sha256(path),
        )
        audit.note(self._db, self._clock, item.tenant_id, None, f"recording_deleted:{reason}", item.recording_id)
        self._journal.append("recording_gone", item.recording_id, item.tenant_id, record)
        remove_files(self._settings, self._store, item)
        kept.gone(self._db, item, self._clock.now().timestamp())
        self.tally.deleted += 1
        _log.info("recording deleted", extra={"recording_id": item.recording_id, "reason": reason})

    def _tidy(self) -> None:
        """Free the disk of copies that the object store has; the waveform stays, it is small and drawn at once."""
        before = self._clock.now().timestamp() - self._settings.local_copy_days * DAY_S
        spare = kept.local_copies(self._db, before)
        for item in spare:
            path = self._settings.recordings_dir / item.path
            if path.exists() and path.stat().st_mtime > before:
                continue  # fetched again lately: somebody listens
            kept.mark(self._db, item, local=False)
            path.unlink(missing_ok=True)
            for copy in [_m4a(self._settings, item), *_redacted(self._settings, item)]:
                copy.unlink(missing_ok=True)
            self.tally.local_copies_removed += 1


def remove_files(settings: Settings, store: ObjectStore | None, item: Kept) -> None:
    """A recording's files, in the object store and here; repeating it is harmless."""
    files = _files(settings, item)
    if store and item.remote:
        for file in files:
            store.delete(str(file.relative_to(settings.recordings_dir)))
    heard = (settings.prompts_dir / item.tenant_id / "heard").glob(f"{item.recording_id}.*")
    for file in [*files, _m4a(settings, item), *heard]:
        file.unlink(missing_ok=True)
    for file in _redacted(settings, item):  # after the original: one being made now sees that it has gone
        file.unlink(missing_ok=True)


def _files(settings: Settings, item: Kept) -> list[Path]:
    sound = settings.recordings_dir / item.path
    return [sound, sound.with_suffix(".peaks.json")]


def _m4a(settings: Settings, item: Kept) -> Path:
    return settings.m4a_dir / item.tenant_id / f"{item.recording_id}.m4a"


def _redacted(settings: Settings, item: Kept) -> list[Path]:
    """The copies with what is hidden cut out, in every form; they can be made again from the original only."""
    return list((settings.redacted_dir / item.tenant_id).glob(f"{item.recording_id}-*"))


def _sha256(path: Path) -> str:
    """Of the file that is about to go; "" when it is not here."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""
