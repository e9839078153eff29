"""What docs/threats.md names as proof exists, and every promise and threat has its line."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "threats.md").read_text()
PROMISES, THREATS = range(1, 17), range(1, 18)


def _tests(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def test_every_test_that_is_named_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)
    assert len(named) == TEXT.count("::") > 40
    assert [f"{file}::{name}" for file, name in named if name not in _tests(ROOT / file)] == []


def test_every_promise_and_threat_has_its_line_and_a_proof_or_a_reason() -> None:
    _, promises, threats = re.split(r"^## .*$", TEXT, flags=re.MULTILINE)
    for part, numbers in ((promises, PROMISES), (threats, THREATS)):
        rows = re.findall(r"^\| (\d+) \| [^|]+ \| (.+) \|$", part, flags=re.MULTILINE)
        assert [int(number) for number, _ in rows] == list(numbers)
        assert all("::" in proof or proof.startswith("not proven") for _, proof in rows)
