"""What the warehouse knows of its own making: how much of each source is in it, and the lines that are not."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from analytics.queries.reader import Reader
from ingest import convert

GROWTH_DAYS = 7  # over which the growth of the disk is measured

_SOURCES = """
    SELECT source, CASE WHEN source = 'feed' THEN split_part(segment, '/', 1) ELSE segment END AS part,
           sum(lines)::BIGINT AS lines, sum(loaded)::BIGINT AS loaded, sum(rejected)::BIGINT AS rejected,
           sum(repeated)::BIGINT AS repeated, max(read_at) AS read_at
    FROM lk.main.ingest_offset GROUP BY ALL ORDER BY ALL
"""
_POSITIONS = "SELECT source, segment, position FROM lk.main.ingest_offset"
_REJECTS = """
    SELECT source, segment AS file, line, position, reason, raw, rejected_at FROM lk.main.reject
    WHERE $own IS NULL OR (source = 'import' AND starts_with(segment, $own))
    ORDER BY rejected_at DESC, source, segment, position LIMIT $limit_
"""
_REFUSED = """
    SELECT count(*) FILTER (rejected_at >= $since) AS recent, count(*) AS ever FROM lk.main.reject
    WHERE $own IS NULL OR (source = 'import' AND starts_with(segment, $own))
"""
_OWN_ROWS = """
    SELECT 'calls' AS part, count(*) AS loaded, max(ended_at) AS newest FROM lk.main.call WHERE tenant_id = $tenant
    UNION ALL SELECT 'recordings', count(*), max(started_at) FROM lk.main.recording WHERE tenant_id = $tenant
    UNION ALL SELECT 'transcripts', count(*), NULL FROM lk.main.transcript WHERE tenant_id = $tenant
    UNION ALL SELECT 'queue events', count(*), max(occurred_at) FROM lk.main.queue_event WHERE tenant_id = $tenant
    UNION ALL SELECT 'comments', count(*), max(created_at) FROM lk.main.comment WHERE tenant_id = $tenant
    UNION ALL SELECT 'corrections', count(*), NULL FROM lk.main.transcript_edit WHERE tenant_id = $tenant
"""
_IMPORTS = """
    SELECT tenant_id, import_id, source_name, imported_at, rows, calls, recordings, duplicates, rejects, orphans
    FROM lk.main.import_run WHERE $tenant IS NULL OR tenant_id = $tenant ORDER BY imported_at DESC LIMIT 100
"""
# A recording's line follows its call's within seconds; a call whose recording was deleted is no orphan.
_NO_RECORDING = """
    SELECT c.tenant_id, c.call_id, c.recording_id FROM lk.main.call AS c
    WHERE ($tenant IS NULL OR c.tenant_id = $tenant) AND c.recording_id IS NOT NULL AND c.ended_at < $before
      AND NOT EXISTS (FROM lk.main.recording AS r
                      WHERE r.tenant_id = c.tenant_id AND r.call_id = c.call_id AND r.recording_id = c.recording_id)
      AND NOT EXISTS (FROM lk.main.recording_gone AS g
                      WHERE g.tenant_id = c.tenant_id AND g.call_id = c.call_id AND g.recording_id = c.recording_id)
    ORDER BY c.call_id DESC LIMIT $limit_
"""
_KNOWN_PATHS = "SELECT DISTINCT path FROM lk.main.recording WHERE path IN (SELECT unnest($paths))"
_RECORDED = """
    SELECT coalesce(sum(bytes), 0)::BIGINT AS bytes, min(started_at) AS first FROM lk.main.recording
    WHERE ($tenant IS NULL OR tenant_id = $tenant) AND started_at >= $since
"""


def sources(reader: Reader) -> list[dict[str, Any]]:
    """Per journal of a process, and per table of the operational database: lines read, rows loaded, lines rejected
    and repeated, and when something was read last (tz-aware UTC). Of all tenants: for the operator."""
    return [{**row, "read_at": convert.utc(row["read_at"])} for row in reader.rows(_SOURCES)]


def positions(reader: Reader) -> dict[tuple[str, str], int]:
    """(source, segment) → how far it is read."""
    return {(r["source"], r["segment"]): r["position"] for r in reader.rows(_POSITIONS)}


def rejects(reader: Reader, limit: int, tenant_id: str | None) -> pd.DataFrame:
    """The lines that could not be loaded, newest first. Of a tenant: those of his imports, because whose a line of a
    journal is that cannot be read is not known. None: all, for the operator."""
    return reader.frame(_REJECTS, {"limit_": limit, "own": _own(tenant_id)})


def refused(reader: Reader, since: datetime, tenant_id: str | None) -> tuple[int, int]:
    """How many lines could not be loaded: since then, and ever; of a tenant as `rejects`."""
    (row,) = reader.rows(_REFUSED, {"since": since, "own": _own(tenant_id)})
    return int(row["recent"]), int(row["ever"])


def own_rows(reader: Reader, tenant_id: str) -> list[dict[str, Any]]:
    """Per table of one tenant: its rows and the newest of them."""
    return [{**r, "newest": r["newest"] and convert.utc(r["newest"])} for r in reader.rows(_OWN_ROWS, _of(tenant_id))]


def imports(reader: Reader, tenant_id: str | None) -> list[dict[str, Any]]:
    """What was brought in from other exchanges, newest first."""
    return [{**r, "imported_at": convert.utc(r["imported_at"])} for r in reader.rows(_IMPORTS, {"tenant": tenant_id})]


def calls_without_recording(
    reader: Reader, tenant_id: str | None, before: datetime, limit: int
) -> list[dict[str, Any]]:
    """Calls that say they were recorded, ended before that time, and have no recording."""
    return reader.rows(_NO_RECORDING, {"tenant": tenant_id, "before": before, "limit_": limit})


def known_paths(reader: Reader, paths: list[str]) -> set[str]:
    """Those of the paths that belong to a recording."""
    return {r["path"] for r in reader.rows(_KNOWN_PATHS, {"paths": paths})} if paths else set()


def recorded_bytes_per_day(reader: Reader, tenant_id: str | None, now: datetime) -> float:
    """Mean of the last GROWTH_DAYS days, or since the first recording when that is less; 0 when nothing was."""
    since = now - timedelta(days=GROWTH_DAYS)
    (row,) = reader.rows(_RECORDED, {"tenant": tenant_id, "since": since})
    if not row["first"]:
        return 0.0
    days = max(1.0, (now - convert.utc(row["first"])).total_seconds() / 86_400)
    return float(row["bytes"] / days)


def _of(tenant_id: str) -> dict[str, Any]:
    return {"tenant": tenant_id}


def _own(tenant_id: str | None) -> str | None:
    """How the files of a tenant's imports begin in the table of rejects."""
    return None if tenant_id is None else f"{tenant_id}/"
