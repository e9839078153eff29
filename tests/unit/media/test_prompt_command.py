"""`callbench prompt` from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pbx_core.cli import callbench
from pbx_core.media import wav
from tests.support.tones import tone


@pytest.fixture
def data(tmp_path: Path) -> Path:
    assert run(tmp_path / "data", "tenant", "add", "Acme", "acme.test").exit_code == 0
    return tmp_path / "data"


def run(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(callbench, ["--data", str(data), *arguments])


def test_a_sound_is_uploaded_listed_and_removed(data: Path, tmp_path: Path) -> None:
    file = tone(tmp_path / "in.wav", 700, 1.0)
    assert "Nothing was uploaded" in run(data, "prompt", "list", "acme.test").output
    done = run(data, "prompt", "upload", "acme.test", "welcome", str(file))
    assert done.exit_code == 0, done.output
    assert "welcome" in run(data, "prompt", "list", "acme.test").output
    assert run(data, "prompt", "delete", "acme.test", "welcome").exit_code == 0
    assert "Nothing was uploaded" in run(data, "prompt", "list", "acme.test").output


def test_a_sound_is_written_as_callers_hear_it(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    done = run(data, "prompt", "save", "acme.test", "say:ru:Добрый день", str(out))
    assert done.exit_code == 0, done.output
    assert wav.probe(out).sample_rate == 8000


@pytest.mark.parametrize(
    "arguments",
    [
        ("upload", "acme.test", "../evil", "x.wav"),
        ("upload", "acme.test", "name", "/etc/passwd"),
        ("upload", "nobody.test", "name", "x.wav"),
        ("save", "acme.test", "prompt:none", "out.wav"),
        ("save", "acme.test", "tone:beep", "/proc/nowhere/out.wav"),
    ],
)
def test_what_cannot_be_is_refused_in_words(data: Path, arguments: tuple[str, ...]) -> None:
    done = run(data, "prompt", *arguments)
    assert done.exit_code != 0
    assert "Traceback" not in done.output
