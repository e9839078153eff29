"""Rules of the house that a machine can check: style, types, import contracts, names, shipped texts."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("pbx_core", "ingest", "analytics", "dashboard")


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / arguments[0]
    return subprocess.run([program, *arguments[1:]], cwd=ROOT, capture_output=True, text=True)


def _modules() -> list[Path]:
    return [p for package in PACKAGES for p in (ROOT / package).rglob("*.py")]


@pytest.mark.parametrize(
    "command", [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",), ("lint-imports",)]
)
def test_the_checkers_have_nothing_to_say(command: tuple[str, ...]) -> None:
    done = _run(*command)
    assert done.returncode == 0, done.stdout + done.stderr


def _importers(module: str) -> set[str]:
    found = set()
    for path in _modules():
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] == module for name in names):
                found.add(str(path.relative_to(ROOT)))
    return found


def test_only_one_package_imports_the_engine() -> None:
    assert {str(Path(name).parent) for name in _importers("pjsua2")} == {"pbx_core/media/pjsip"}


def test_no_module_is_without_its_first_sentence() -> None:
    silent = [
        str(p.relative_to(ROOT))
        for p in _modules()
        if "migrations/versions" not in str(p) and not ast.get_docstring(ast.parse(p.read_text()))
    ]
    assert silent == []


def test_our_top_level_names_belong_to_us_alone() -> None:
    owners = importlib.metadata.packages_distributions()
    for package in PACKAGES:
        assert set(owners.get(package, ["callbench"])) == {"callbench"}


def test_no_module_of_the_dashboard_is_named_like_the_standard_library() -> None:
    names = {p.stem for p in (ROOT / "dashboard").rglob("*.py")} - {"__init__"}
    assert names & set(sys.stdlib_module_names) == set()


def test_there_is_no_folder_that_streamlit_would_serve_without_a_login() -> None:
    assert not list((ROOT / "dashboard").rglob("pages"))
    assert not list((ROOT / "dashboard").rglob("static/*.webm"))


def test_every_command_of_the_documentation_exists_and_every_command_is_documented() -> None:
    commands = set(
        tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["callbench.commands"]
    )
    text = "\n".join((ROOT / name).read_text() for name in ("README.md", "docs/operations.md"))
    named = set(re.findall(r"`callbench\s+(?:--data \S+ )?([a-z][a-z-]*)", text))
    assert named - commands == set()
    assert commands - named == set()


def test_every_setting_is_documented() -> None:
    from pbx_core.settings import Settings

    text = (ROOT / "docs/operations.md").read_text()
    assert [name for name in Settings.model_fields if f"`{name}`" not in text] == []


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    pinned = {
        line.split("==")[0].lower().replace("_", "-") for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    names = [re.split(r"[\[;]", w)[0].strip().lower().replace("_", "-") for w in wanted]
    assert [name for name in names if name not in pinned] == []


def test_the_readme_begins_with_the_two_commands() -> None:
    top = (ROOT / "README.md").read_text()[:1500]
    assert "make demo" in top
    assert "make test" in top
