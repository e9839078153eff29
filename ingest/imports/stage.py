"""All steps of one import up to its manifest, each of which may be repeated: read, join, match the sound, write."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import sqlalchemy as sa

from ingest import convert, tables
from ingest.imports import joining, recordings, staging, undone, words
from ingest.imports.plan import Plan
from ingest.imports.recordings import Orphan
from ingest.imports.staging import Manifest, Progress, quoted
from pbx_core.clock import Clock
from pbx_core.domain.records import RecordingRecord, iso
from pbx_core.settings import Settings


@dataclass(frozen=True)
class Wish:
    """What is to be done with the sound."""

    sounds: bool = True
    transcribe: bool = False


def stage(plan: Plan, settings: Settings, clock: Clock, db: sa.Engine, wish: Wish, progress: Progress) -> Manifest:
    """Make <data>/imports/<tenant>/<import_id>/, or go on with what an interrupted run left; what is there already is
    taken as it is."""
    folder = staging.imports_dir(settings, plan.tenant_id) / plan.import_id
    with staging.alone(folder.parent):
        done = staging.read_manifest(folder) or _stage(plan, folder, settings, clock, db, wish, progress)
        if wish.transcribe:
            recordings.transcribe(db, clock, folder / "recording.parquet")
        return done


def _stage(
    plan: Plan, folder: Path, settings: Settings, clock: Clock, db: sa.Engine, wish: Wish, progress: Progress
) -> Manifest:
    undone.check(settings, plan.tenant_id, plan.import_id)
    part = folder.with_name(f"{folder.name}.part")
    raw = staging.write_raw(plan, part, progress)
    stamp = iso(clock.now())
    with joining.scratch(part) as con:
        progress("joining what belongs to one call", 0, 1)
        earlier = staging.finished(settings, plan.tenant_id)
        seen = [*plan.sounds, *staging.unpacked(plan, part)] if wish.sounds else []
        told = (plan.tenant_id, plan.import_id, stamp)
        duplicates = joining.join(con, part, raw, earlier, told, sounds=bool(seen))
        matched = recordings.match(con, seen)
        keeper = recordings.Keeper(settings, clock, db, plan.tenant_id, part)
        made, broken = keeper.keep(
            matched,
            seen,
            progress=lambda count, total: progress("taking the recordings over", count, total),
        )
        words.keep(plan, settings, clock, keeper.names() if wish.sounds else {})
        progress("writing", 0, 1)
        orphans = [*recordings.orphans(con, seen), *broken]
        manifest = _write(con, plan, part, raw, made, orphans, stamp, duplicates)
    staging.write_json(part / staging.MANIFEST, asdict(manifest))
    if folder.exists():  # a damaged one, without a manifest
        shutil.rmtree(folder)
    undone.forget(settings, plan.tenant_id, plan.import_id)
    part.rename(folder)
    staging.fsync_folder(folder.parent)
    return manifest


def _write(
    con: duckdb.DuckDBPyConnection,
    plan: Plan,
    part: Path,
    raw: Sequence[staging.RawFile],
    made: Sequence[RecordingRecord],
    orphans: Sequence[Orphan],
    stamp: str,
    duplicates: int,
) -> Manifest:
    rows = [convert.row("recording", record, stamp) for record in made]
    con.register("made_recording", convert.to_arrow(tables.RECORDING, rows))
    pq.write_table(convert.to_arrow(tables.RECORDING, rows), part / "recording.parquet")
    lost = {(o.name, o.kind): (plan.tenant_id, plan.import_id, o.name, o.kind, o.call_id, o.reason) for o in orphans}
    pq.write_table(convert.to_arrow(tables.IMPORT_ORPHAN, list(lost.values())), part / "import_orphan.parquet")
    if made:
        _copy(con, part, "heard", _CALLS)
        (part / "heard.parquet").rename(part / "call.parquet")
    (part / "wanted.parquet").unlink()
    rejects = _write_rejects(con, plan, part, raw, stamp)
    counts = con.execute("SELECT count(*), min(started_at), max(started_at) FROM all_call").fetchone() or (
        0,
        None,
        None,
    )
    return Manifest(
        tenant_id=plan.tenant_id,
        import_id=plan.import_id,
        imported_at=stamp,
        root_name=plan.root_name,
        raw=tuple(raw),
        calls=counts[0],
        recordings=len(made),
        duplicates=duplicates,
        rejects=rejects,
        orphans=len(lost),
        first_at=iso(counts[1]) if counts[1] else None,
        last_at=iso(counts[2]) if counts[2] else None,
        bytes={p.name: p.stat().st_size for p in sorted(part.glob("*.parquet"))},
    )


_CALLS = """
    WITH sound AS (
        SELECT call_id, arg_min(recording_id, segment) AS first, count(*) AS parts FROM made_recording GROUP BY call_id
    )
    SELECT c.* REPLACE (sound.first AS recording_id, coalesce(sound.parts, 0)::BIGINT AS segments,
                        CASE WHEN sound.first IS NULL THEN c.recording_reason END AS recording_reason)
    FROM all_call AS c LEFT JOIN sound USING (call_id) ORDER BY c.started_at
"""


def _copy(con: duckdb.DuckDBPyConnection, part: Path, name: str, query: str) -> None:
    target = quoted(str(part / f"{name}.parquet"))
    con.execute(f"COPY ({query}) TO {target} (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)")


def _write_rejects(
    con: duckdb.DuckDBPyConnection, plan: Plan, part: Path, raw: Sequence[staging.RawFile], stamp: str
) -> int:
    """Rows put aside, as the warehouse's table of rejects has them; how many."""
    wrong = [str(part / r.file.replace(".parquet", ".bad.parquet")) for r in raw if r.bad]
    told = {"head": f"{plan.tenant_id}/{plan.import_id}/", "at": stamp, "files": wrong}
    con.execute(_REJECTS if wrong else _NO_REJECTS, told if wrong else {})
    _copy(con, part, "reject", "FROM all_reject ORDER BY segment, position")
    found = con.execute("SELECT count(*) FROM all_reject").fetchone()
    return int(found[0]) if found else 0


_REJECTS = """
    CREATE OR REPLACE TEMP TABLE all_reject AS
    SELECT 'import' AS source, $head || file AS segment, line::BIGINT AS position, line::BIGINT AS line,
           any_value(reason) AS reason, any_value(raw) AS raw, $at::TIMESTAMPTZ AS rejected_at, '-' AS stamp
    FROM read_parquet($files) GROUP BY file, line
"""
_NO_REJECTS = """
    CREATE OR REPLACE TEMP TABLE all_reject (source VARCHAR, segment VARCHAR, position BIGINT, line BIGINT,
        reason VARCHAR, raw VARCHAR, rejected_at TIMESTAMPTZ, stamp VARCHAR)
"""
