"""A staged import into the warehouse, by SQL, inside the writer's transaction.

Calls that are there already and say the same are left alone; those that say something else are replaced, with their
legs, and keep their recordings where the new import has none.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from pathlib import Path

import duckdb

from ingest import layout, tables
from ingest.imports.staging import Manifest, quoted

PARTS = ("call", "leg", "call_event", "queue_event", "recording", "import_orphan", "reject")


def load(con: duckdb.DuckDBPyConnection, folder: Path, manifest: Manifest) -> int:
    """Write it, tell what changed into changed_call and changed_queue; how many calls were written."""
    for name in PARTS:
        path = quoted(str(folder / f"{name}.parquet"))
        con.execute(f"CREATE OR REPLACE TEMP VIEW staged_{name} AS FROM read_parquet({path})")
    told = {"tenant": manifest.tenant_id, "import": manifest.import_id}
    low, high = con.execute("SELECT min(call_id), max(call_id) FROM staged_call").fetchone() or (None, None)
    told |= {"low": low or "", "high": high or ""}
    same = " AND ".join(f"known.{c.name} IS NOT DISTINCT FROM fresh.{c.name}" for c in _COMPARED)
    with layout.as_they_come(con):
        for statement in _statements():
            text = statement.replace("{same}", same)
            con.execute(text, {k: v for k, v in told.items() if f"${k}" in text})
    con.execute(_RUN, _run(manifest))
    found = con.execute("SELECT count(*) FROM import_fresh").fetchone()
    return int(found[0]) if found else 0


_COMPARED = tuple(c for c in tables.CALL.columns if c.name not in ("source", "stamp", "tenant_id", "call_id"))
_RUN = """
    INSERT INTO lk.main.import_run BY NAME SELECT $tenant_id AS tenant_id, $import_id AS import_id,
        $imported_at::TIMESTAMPTZ AS imported_at, $system AS system, $formats AS formats, $root_name AS source_name,
        $first_at::TIMESTAMPTZ AS first_at, $last_at::TIMESTAMPTZ AS last_at, $rows AS rows, $calls AS calls,
        $recordings AS recordings, $duplicates AS duplicates, $rejects AS rejects, $orphans AS orphans,
        $imported_at AS stamp
"""


def _run(manifest: Manifest) -> dict[str, object]:
    same = ("tenant_id", "import_id", "imported_at", "root_name", "first_at", "last_at", "rows", "calls", "recordings")
    told = {name: getattr(manifest, name) for name in (*same, "duplicates", "rejects", "orphans")}
    read = [{k: getattr(r, k) for k in ("name", "format", "variant", "zone", "rows")} for r in manifest.raw]
    return {**told, "system": ",".join(manifest.systems), "formats": json.dumps(read, ensure_ascii=False)}


@cache
def _statements() -> tuple[str, ...]:
    text = (files("ingest.imports") / "sql" / "load.sql").read_text()
    return tuple(s for s in (part.strip() for part in text.split(";\n")) if s)
