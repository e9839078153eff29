"""One file alone knows the speech engine."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_only_the_engine_imports_faster_whisper() -> None:
    rule = re.compile(r"^\s*(import|from)\s+(faster_whisper|ctranslate2)\b", re.MULTILINE)
    files = [p for part in ("pbx_core", "ingest", "analytics", "dashboard") for p in (ROOT / part).rglob("*.py")]
    users = {str(p.relative_to(ROOT)) for p in files if rule.search(p.read_text())}
    assert users == {"analytics/engine.py"}
