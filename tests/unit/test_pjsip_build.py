"""What `make pjsip` says and leaves alone before it would compile anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools/pjsip/build.sh"


def build(*arguments: str, path: str = "/usr/bin:/bin", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(SCRIPT), *arguments], capture_output=True, text=True, env={"PATH": path, **environment}
    )


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """The interpreter of an environment of its own."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    return tmp_path / "venv/bin/python"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of commands for PATH in which the machine is Debian, its user nobody special, and no package there."""
    folder = tmp_path / "machine"
    folder.mkdir()
    for name, script in {"apt-get": "exit 99", "dpkg-query": "exit 1", "id": "echo 1000"}.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return folder


def site(python: Path) -> Path:
    return next((python.parent.parent / "lib").glob("python*/site-packages"))


def test_it_says_how_it_is_called() -> None:
    done = build()
    assert done.returncode == 2
    assert "install|remove" in done.stderr
    assert "make setup" in build("install", "/nowhere/python").stderr


@pytest.mark.skipif(not Path("/usr/lib/apt/apt-helper").exists(), reason="needs apt")
def test_without_root_it_names_the_packages_and_installs_nothing(tmp_path: Path, python: Path, machine: Path) -> None:
    done = build("install", str(python), path=f"{machine}:/usr/bin:/bin", PJSIP_WORK=str(tmp_path / "work"))
    assert done.returncode == 1
    assert "As root:\n  apt-get install --no-install-recommends gcc g++ make" in done.stderr
    assert "the engine that was there goes on" in done.stderr
    assert list(site(python).glob("pjsip_own*")) == []


@pytest.mark.skipif(not Path("/usr/lib/apt/apt-helper").exists(), reason="needs apt")
def test_a_tarball_with_another_content_is_refused(tmp_path: Path, python: Path, machine: Path) -> None:
    (machine / "dpkg-query").write_text("#!/bin/sh\necho installed\n")
    (tmp_path / "other.tar.xz").write_bytes(b"not it")
    done = build(
        "install",
        str(python),
        path=f"{machine}:/usr/bin:/bin",
        PJSIP_WORK=str(tmp_path / "work"),
        PJPROJECT_TARBALL=str(tmp_path / "other.tar.xz"),
    )
    assert done.returncode == 1
    assert "does not have the SHA-256" in done.stderr


def built(tmp_path: Path, python: Path) -> Path:
    """A work folder with an engine that looks built: one module that tells its version like the real one."""
    text = "class Endpoint:\n    def libVersion(self):\n        return type('V', (), {'full': '9.9'})()\n"
    mark = subprocess.run(
        ["/bin/sh", str(SCRIPT), "fingerprint", str(python)], capture_output=True, text=True, check=True
    ).stdout.strip()
    folder = tmp_path / "work" / mark
    folder.mkdir(parents=True)
    (folder / "pjsua2.py").write_text(text)
    return tmp_path / "work"


def test_what_is_built_goes_before_the_wheel_and_comes_off_again(tmp_path: Path, python: Path) -> None:
    (site(python) / "pjsua2.py").write_text("who = 'wheel'\n")
    which = [str(python), "-c", "import pjsua2; print(pjsua2.__file__)"]
    work = built(tmp_path, python)
    for word in ("is installed into", "nothing to do"):
        done = build("install", str(python), PJSIP_WORK=str(work))
        assert done.returncode == 0, done.stderr
        assert word in done.stdout
        assert "pjsip_own" in subprocess.run(which, capture_output=True, text=True).stdout
    assert (site(python) / "pjsip_own/BUILD").read_text().startswith("pjproject 9.9 of asterisk 1:22")
    build("remove", str(python))
    assert "pjsip_own" not in subprocess.run(which, capture_output=True, text=True).stdout
    assert [p.name for p in site(python).glob("pjsip_own*")] == []


def test_the_script_is_one_that_any_shell_understands() -> None:
    assert subprocess.run(["/bin/sh", "-n", str(SCRIPT)]).returncode == 0
    assert os.access(SCRIPT, os.X_OK)
