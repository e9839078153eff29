"""The command `callbench` as it is typed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
from click.testing import CliRunner

from pbx_core.cli import callbench


def _callbench(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pbx_core.cli", "--data", str(data), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_what_it_writes_is_closed_to_strangers(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert _callbench(data, "tenant", "add", "Acme", "acme.test").returncode == 0
    written = [data, *data.rglob("*")]
    assert len(written) > 1
    assert [str(p) for p in written if p.stat().st_mode & 0o007] == []


def test_an_expected_error_is_one_sentence_and_no_traceback(tmp_path: Path) -> None:
    done = _callbench(tmp_path / "nothing", "status")
    assert done.returncode == 1
    assert done.stderr.startswith("callbench: There is no database")
    assert "Traceback" not in done.stderr


def test_an_unknown_command_is_refused(tmp_path: Path) -> None:
    done = _callbench(tmp_path, "fly")
    assert done.returncode == 2
    assert "No such command" in done.stderr


def test_every_command_is_listed_with_its_own_sentence() -> None:
    shown = CliRunner().invoke(callbench, ["--help"], terminal_width=100).output
    context = click.Context(callbench)
    for name in callbench.list_commands(context):
        command = callbench.get_command(context, name)
        assert command is not None
        line = next(line for line in shown.splitlines() if line.split()[:1] == [name])
        sentence = line.split(maxsplit=1)[1].removesuffix("...").strip()
        assert len(sentence) > 10 and " ".join((command.help or "").split()).startswith(sentence)


def test_to_list_them_none_is_loaded() -> None:
    script = "import sys; from pbx_core.cli import callbench; callbench(['--help'], standalone_mode=False); "
    loaded = [sys.executable, "-c", script + "print('sqlalchemy' in sys.modules)"]
    assert subprocess.run(loaded, capture_output=True, text=True, check=True).stdout.splitlines()[-1] == "False"
