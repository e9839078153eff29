"""All steps of taking an import back, each of which may be repeated: mark it, see its rows go, remove its sound.

begin(…)    from here on it is undone, whatever is killed; the writer takes its rows out in its next round
finish(…)   when they are out: copies of recordings, jobs, staged files
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlalchemy as sa

from ingest.imports import staging, undone
from ingest.imports.staging import Manifest
from ingest.imports.undone import Undone
from pbx_core.clock import Clock
from pbx_core.domain.records import iso
from pbx_core.errors import InputError
from pbx_core.keeper import keeper
from pbx_core.settings import Settings
from pbx_core.store import audit, jobcontrol, kept, objects

ACTION = "import_undone"  # in the audit
_ID = re.compile(r"[0-9a-f]{32}")


def begin(settings: Settings, clock: Clock, db: sa.Engine, tenant_id: str, import_id: str) -> Undone:
    """Mark it; InputError when there is no such import, or something stands in the way: nothing is changed then."""
    if not _ID.fullmatch(import_id):
        raise _unknown(import_id)
    folder = staging.imports_dir(settings, tenant_id) / import_id
    if not folder.parent.is_dir():
        raise _unknown(import_id)
    with staging.alone(folder.parent):
        try:
            manifest = staging.read_manifest(folder)
        except ValueError as error:
            raise InputError(f"{error}; remove the folder and import again.", error_id="bad_import") from error
        if manifest is None:
            note = undone.read(undone.folder_of(settings, tenant_id, import_id))
            if note is None:
                raise _unknown(import_id)
            return note
        _check(settings, db, folder, manifest)
        audit.note(db, clock, tenant_id, None, ACTION, import_id)
        target = undone.begin(folder, manifest, iso(clock.now()))
        note = undone.read(target)
        assert note is not None
        return note


def listed(settings: Settings, tenant_id: str) -> list[tuple[str, ...]]:
    """Imports and undone ones, the oldest first: id, time, source, formats, calls, recordings, state."""
    found = [
        (m.imported_at, m.import_id, m.root_name, ", ".join(sorted({r.format for r in m.raw})), str(m.calls),
         str(m.recordings), "")
        for _, m in staging.finished(settings, tenant_id)
    ]  # fmt: skip
    found += [
        (note.imported_at, note.import_id, note.root_name, "", "", "",
         f"undone {shown_at(note.undone_at)}" if note.done else "being undone: run `import undo` again")
        for _, note in undone.every(settings, tenant_id)
    ]  # fmt: skip
    return [(import_id, shown_at(at), *rest) for at, import_id, *rest in sorted(found)]


def finish(settings: Settings, db: sa.Engine, note: Undone) -> int:
    """After the writer: remove what only this import brought; how many recordings were."""
    folder = undone.folder_of(settings, note.tenant_id, note.import_id)
    with staging.alone(folder.parent):
        if note.done:
            return 0
        others = [path / "recording.parquet" for path, _ in staging.finished(settings, note.tenant_id)]
        ids = _column(folder / "recording.parquet", "recording_id")
        ids -= {one for path in others for one in _column(path, "recording_id")} if ids else set()
        count = 0
        every = sorted(ids)
        for some in (every[n : n + kept.BATCH_MAX] for n in range(0, len(every), kept.BATCH_MAX)):
            jobcontrol.forget(db, "transcribe", note.tenant_id, some)
            count += _remove(settings, db, note.tenant_id, some)
        undone.finish(folder, note)
        return count


def _remove(settings: Settings, db: sa.Engine, tenant_id: str, ids: Sequence[str]) -> int:
    found = kept.among(db, tenant_id, ids)
    store = objects.configured(settings)
    for item in found:
        keeper.remove_files(settings, store, item)
        kept.forget(db, item)
    return len(found)


def _check(settings: Settings, db: sa.Engine, folder: Path, manifest: Manifest) -> None:
    """InputError when an import is damaged, a later one was joined with this one, or a call of it is under legal
    hold."""
    if (fault := staging.damaged(settings, manifest.tenant_id)) is not None:
        raise InputError(f"An import is damaged ({fault}). Nothing was changed.", error_id="bad_import")
    calls = folder / "call.parquet"
    for path, other in _later(settings, manifest):
        same = len(_shared(calls, path / "call.parquet"))
        if same:
            raise InputError(
                f"The import {other.import_id} of {shown_at(other.imported_at)} came after it and tells of {same} of "
                "the same calls; undo that one first. Nothing was changed.",
                error_id="later_import",
            )
    under_hold = pa.array(sorted(kept.held(db, manifest.tenant_id)), pa.string())
    held = under_hold.filter(
        pc.is_in(under_hold, pq.read_table(calls, columns=["call_id"])["call_id"].combine_chunks())
    )
    if len(held):
        raise InputError(
            f"{len(held)} of its calls are under legal hold, {held[0]} for one; nothing was changed. See "
            "`callbench hold`.",
            error_id="under_hold",
        )


def _shared(one: Path, other: Path) -> pa.Array:
    """Ids of the calls of which both tell."""
    mine, theirs = (pq.read_table(path, columns=["call_id"])["call_id"].combine_chunks() for path in (one, other))
    return mine.filter(pc.is_in(mine, theirs))


def _later(settings: Settings, manifest: Manifest) -> Iterator[tuple[Path, Manifest]]:
    for path, other in staging.finished(settings, manifest.tenant_id):
        if other.imported_at >= manifest.imported_at and other.import_id != manifest.import_id:
            yield path, other


def _column(path: Path, name: str) -> set[str]:
    """The values of a staged file's column; none where it is gone."""
    if not path.is_file():
        return set()
    return set(pc.unique(pq.read_table(path, columns=[name])[name]).to_pylist())


def _unknown(import_id: str) -> InputError:
    return InputError(
        f"The tenant has no import {import_id[:40]!r}; nothing was changed. `callbench import list` shows them.",
        error_id="no_import",
        status=404,
    )


def shown_at(at: str) -> str:
    """An ISO time for people."""
    return f"{at[:10]} {at[11:16]} UTC"
