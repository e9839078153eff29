"""The whole system as its user starts it: `callbench up` on a data directory of its own, on free ports."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pbx_core.settings import Settings, load
from pbx_core.store import services
from tests.support.ports import free_port, free_range
from tests.support.waiting import until

ESSENTIAL = ("edge", "worker-0", "worker-1", "recorder", "ingest", "transcribe-0", "web", "api")
RTP_PORTS = 2500  # 24 workers with 100 each


@dataclass(frozen=True)
class System:
    """A running system. `environment` holds its CALLBENCH_ variables."""

    settings: Settings
    db: sa.Engine
    process: subprocess.Popen[bytes]
    environment: dict[str, str]

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self.settings.web_port}"

    def board(self) -> dict[str, services.Service]:
        """The rows of live processes by name."""
        from time import time

        return {s.name: s for s in services.all_services(self.db) if s.alive(time())}

    def kill(self, name: str) -> int:
        """kill -9 one process by its name on the board; returns the pid it had."""
        pid = self.board()[name].pid
        os.kill(pid, signal.SIGKILL)
        return pid

    def status(self) -> dict[str, Any]:
        """What `callbench status --json` says."""
        done = subprocess.run(
            [sys.executable, "-m", "pbx_core.cli", "--data", str(self.settings.data), "status", "--json"],
            capture_output=True,
            text=True,
            env={**os.environ, **self.environment},
        )
        return json.loads(done.stdout)  # type: ignore[no-any-return]

    def log(self, name: str) -> str:
        """The log of one process."""
        return (self.settings.logs_dir / f"{name}.log").read_text()


def free_settings(data: Path, **more: object) -> dict[str, str]:
    """CALLBENCH_ variables with free ports for a system on loopback."""
    values = {
        "sip_host": "127.0.0.1",
        "sip_port": free_port(),
        "sip_tls_port": free_port(),
        "sip_internal_port": free_port(),
        "worker_port_base": free_range(30, 9000, 10000),
        "rtp_port_base": free_range(RTP_PORTS),
        "web_port": free_port(),
        "api_port": free_port(),
        **more,
    }
    return {f"CALLBENCH_{k.upper()}": str(v) for k, v in values.items()}


@contextmanager
def running(data: Path, db: sa.Engine, *, ready_s: float = 60.0, **more: object) -> Iterator[System]:
    """`callbench up` on an already migrated data directory; stopped with SIGTERM at the end."""
    environment = free_settings(data, **more)
    with _environment(environment):
        settings = load(data)
    log = (data / "up.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "pbx_core.cli", "--data", str(data), "up"],
        stdout=log,
        stderr=log,
        env={**os.environ, **environment},
    )
    system = System(settings, db, process, environment)
    expected = {name for name in ESSENTIAL if settings.transcribers or not name.startswith("transcribe")}
    if settings.spare_calls_min <= 2:  # one packaged worker is enough
        expected.discard("worker-1")
    try:
        until(
            lambda: expected <= system.board().keys(), ready_s, what=f"{sorted(expected)} on the board; see {log.name}"
        )
        yield system
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {k: os.environ.get(k) for k in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value
