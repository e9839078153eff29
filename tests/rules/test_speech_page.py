"""The figures that we publish about speech are those that were measured."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_says_what_the_benchmark_found() -> None:
    spec = importlib.util.spec_from_file_location("speech_page", ROOT / "tools" / "speech_page.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    page = tool.PAGE.read_text()
    assert tool.filled(page, json.loads(tool.FIGURES.read_text())) == page, "run: python tools/speech_page.py"
