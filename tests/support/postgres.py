"""A real PostgreSQL of its own in a temporary folder: one server for a test process, a database for each who asks."""

from __future__ import annotations

import atexit
import functools
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import ports

_numbers = itertools.count(1)


def programs() -> Path | None:
    """Where its programs are: Debian keeps them off PATH, a folder for each version."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    other = shutil.which("initdb")
    return found[-1].parent if found else Path(other).parent if other else None


def database(model: str = "") -> str:
    """The URL of a new database, empty or as the one named has it now; the test is skipped where there is no
    PostgreSQL."""
    if programs() is None:
        pytest.skip("PostgreSQL is not installed (tests/support/install-tools.sh does it)")
    name, port = f"test_{next(_numbers)}", server().port
    copied = ["-T", model] if model else []
    _run("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "callbench", *copied, name)
    return f"postgresql+psycopg://callbench@127.0.0.1:{port}/{name}"


@dataclass(frozen=True)
class Server:
    """It listens on loopback only and lets everybody in."""

    folder: Path
    port: int

    def start(self) -> None:
        """Start it, also after a crash."""
        options = f"-p {self.port} -h 127.0.0.1 -k {self.folder}"
        _run("pg_ctl", "-D", self._data, "-o", options, "-l", str(self.folder / "log"), "-w", "start")

    def kill(self) -> None:
        """As a power cut does: nothing is written any more."""
        _run("pg_ctl", "-D", self._data, "-m", "immediate", "-w", "stop")

    @property
    def _data(self) -> str:
        return str(self.folder / "data")


@functools.cache
def server() -> Server:
    """That of this test process; it ends with it."""
    folder = Path(tempfile.mkdtemp(prefix="callbench-postgres-"))
    if os.getuid() == 0:  # it refuses to run as root
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    own = Server(folder, ports.free_port())
    _run(
        "initdb", "-D", str(folder / "data"), "-U", "callbench", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"
    )
    own.start()

    def stop() -> None:
        own.kill()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    return own


def _run(program: str, *arguments: str) -> None:
    """One of its programs, as the user that may; what it says is shown when it fails."""
    where = programs()
    assert where is not None
    as_user: dict[str, Any] = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
    with tempfile.TemporaryFile() as said:  # a pipe would stay open as long as the server runs
        done = subprocess.run([str(where / program), *arguments], stdout=said, stderr=said, cwd="/", **as_user)
        said.seek(0)
        assert done.returncode == 0, f"{program}: {said.read().decode('utf-8', 'replace')}"
