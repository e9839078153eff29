"""The health of the data for programs: JSON, and the refused lines as CSV."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

from analytics.health.types import Health
from analytics.queries import Reader, health
from pbx_core.domain import records

REJECTS_MAX = 100_000  # lines in one download, the newest
_FORMULA = re.compile(r"[\x00-\x1f\x7f]|\s*[=+\-@＝＋－＠|]")  # a spreadsheet would begin to compute


def as_json(found: Health) -> dict[str, Any]:
    """`status` is the worst of the checks; `reasons` what is not as it should be."""
    return {
        "status": str(found.level),
        "reasons": list(found.reasons),
        "at": records.iso(found.at),
        "checks": [records.to_json(check) for check in found.checks],
        "sources": [records.to_json(source) for source in found.sources],
    }


def rejects_csv(reader: Reader, tenant_id: str | None) -> str:
    """Every refused line with its file, its number and the reason; of a tenant's imports, or (None) all."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(("source", "file", "line", "byte", "reason", "refused_at", "content"))
    for row in health.rejects(reader, REJECTS_MAX, tenant_id).itertuples(index=False):
        at = row.rejected_at.isoformat()
        cells = (row.source, row.file, row.line, row.position, row.reason, at, row.raw)
        writer.writerow([_harmless(cell) for cell in cells])
    return out.getvalue()


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell
