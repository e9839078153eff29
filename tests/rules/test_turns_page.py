"""docs/turns.md says what the benchmark measured."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_holds_the_tables_of_the_figures() -> None:
    spec = importlib.util.spec_from_file_location("turns_page", ROOT / "tools" / "turns_page.py")
    assert spec and spec.loader
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    page = tool.PAGE.read_text()
    assert tool.filled(page, json.loads(tool.FIGURES.read_text())) == page, "run: python tools/turns_page.py"
