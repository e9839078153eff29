"""What an import would do, found without writing anything where it lasts."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest import tables, warehouse
from ingest.imports import joining, recordings, staging
from ingest.imports.plan import Plan
from ingest.imports.staging import Progress
from pbx_core.errors import Unavailable
from pbx_core.settings import Settings

REJECTS_SHOWN = 10


@dataclass(frozen=True)
class Preview:
    """Counts of an import that was only tried. same, changed: calls that the warehouse has already; None: no warehouse
    that can be asked."""

    rows: int
    calls: int
    duplicates: int
    rejects: int
    first_at: str
    last_at: str
    dispositions: tuple[tuple[str, int], ...]
    directions: tuple[tuple[str, int], ...]
    sounds: int
    matched: int
    orphans: tuple[tuple[str, int], ...]
    shown_rejects: tuple[tuple[str, int, str], ...]
    same: int | None
    changed: int | None


def preview(plan: Plan, settings: Settings, progress: Progress, *, sounds: bool) -> Preview:
    """Read and join everything in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="callbench-import-") as name:
        part = Path(name)
        raw = staging.write_raw(plan, part, progress)
        with joining.scratch(part) as con:
            progress("joining what belongs to one call", 0, 1)
            earlier = staging.finished(settings, plan.tenant_id)
            seen = [*plan.sounds, *staging.unpacked(plan, part)] if sounds else []
            told = (plan.tenant_id, plan.import_id, "")
            duplicates = joining.join(con, part, raw, earlier, told, sounds=bool(seen))
            matched = recordings.match(con, seen)
            lost: dict[str, int] = {}
            for orphan in recordings.orphans(con, seen):
                lost[orphan.kind] = lost.get(orphan.kind, 0) + 1
            span = con.execute("SELECT count(*), min(started_at), max(started_at) FROM all_call").fetchone()
            calls, first, last = span or (0, None, None)
            ways = con.execute("SELECT disposition, count(*) FROM all_call GROUP BY 1 ORDER BY 2 DESC").fetchall()
            sides = con.execute("SELECT direction, count(*) FROM all_call GROUP BY 1 ORDER BY 2 DESC").fetchall()
            wrong = [str(part / r.file.replace(".parquet", ".bad.parquet")) for r in raw if r.bad]
            limit = {"files": wrong, "shown": REJECTS_SHOWN}
            bad = con.execute(_BAD, limit).fetchall() if wrong else []
        same, changed = _compared(settings, plan.tenant_id, part / "call.parquet")
    return Preview(
        rows=sum(r.rows for r in raw),
        calls=calls,
        duplicates=duplicates,
        rejects=sum(r.bad for r in raw),
        first_at=f"{first:%Y-%m-%d %H:%M} UTC" if first else "",
        last_at=f"{last:%Y-%m-%d %H:%M} UTC" if last else "",
        dispositions=tuple(ways),
        directions=tuple(sides),
        sounds=len(seen),
        matched=len(matched),
        orphans=tuple(lost.items()),
        shown_rejects=tuple(bad),
        same=same,
        changed=changed,
    )


_BAD = "SELECT file, line, reason FROM read_parquet($files) ORDER BY file, line LIMIT $shown"
_COMPARE = """
    SELECT count(*) FILTER (WHERE {same}), count(*) FILTER (WHERE NOT ({same}))
    FROM lk.main.call AS known JOIN read_parquet($path) AS fresh USING (tenant_id, call_id)
    WHERE known.tenant_id = $tenant
"""
_NOT_COMPARED = ("source", "stamp", "tenant_id", "call_id", "recording_id", "recording_reason", "segments")


def _compared(settings: Settings, tenant_id: str, calls: Path) -> tuple[int | None, int | None]:
    """How many of the calls the warehouse has, saying the same and saying something else."""
    names: Sequence[str] = [c.name for c in tables.CALL.columns if c.name not in _NOT_COMPARED]
    same = " AND ".join(f"known.{n} IS NOT DISTINCT FROM fresh.{n}" for n in names)
    try:
        con = warehouse.open_reader(settings)
    except Unavailable:
        return None, None
    try:
        told = {"path": str(calls), "tenant": tenant_id}
        found = con.execute(_COMPARE.replace("{same}", same), told).fetchone()
    finally:
        con.close()
    return (found[0], found[1]) if found else (0, 0)
