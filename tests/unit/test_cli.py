"""The command `callbench` as it is typed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


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
