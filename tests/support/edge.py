"""The real edge as a process of its own, on free ports, for tests with real phones."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pbx_core.settings import Settings, load
from pbx_core.store import services
from tests.support.ports import free_port
from tests.support.waiting import until


def edge_settings(data: Path, **overrides: Any) -> Settings:
    """Settings on loopback with free ports for the edge."""
    values = {
        "sip_host": "127.0.0.1",
        "sip_port": free_port(),
        "sip_tls_port": free_port(),
        "sip_internal_port": free_port(),
        "worker_port_base": free_port(),
        **overrides,
    }
    return load(data, **values)


def environment(settings: Settings) -> dict[str, str]:
    """The environment that gives a child process the settings that differ from the defaults."""
    changed = {n: getattr(settings, n) for n in settings.model_fields_set if n != "data"}
    return {**os.environ, **{f"CALLBENCH_{n.upper()}": str(v) for n, v in changed.items()}}


def refusal(settings: Settings, command: str) -> str:
    """What a command says on standard error that cannot start and ends with status 1, without a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "pbx_core.cli", "--data", str(settings.data), command],
        env={**environment(settings), "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        timeout=120,
        check=False,
    )
    said = done.stderr.decode()
    assert done.returncode == 1 and "Traceback" not in said, said
    return said


class EdgeProcess:
    """`callbench edge` running. `logs` gathers its JSON log lines."""

    def __init__(self, settings: Settings, db: sa.Engine) -> None:
        self.settings, self.db = settings, db
        self.logs: list[dict[str, Any]] = []
        self.process: subprocess.Popen[bytes]
        self.start()

    def start(self) -> None:
        """Start it and wait until it serves; AssertionError with its output when it ends instead."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pbx_core.cli", "--data", str(self.settings.data), "edge"],
            env=environment(self.settings),
            stderr=subprocess.PIPE,
        )
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()
        until(self._serving, 15, what="the edge")

    def _serving(self) -> bool:
        assert self.process.poll() is None, f"the edge ended: {self.logs}"
        rows = [r for r in services.all_services(self.db) if r.name == "edge"]
        return any(r.pid == self.process.pid for r in rows)

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr
        for raw in process.stderr:
            try:
                self.logs.append(json.loads(raw))
            except ValueError:
                self.logs.append({"raw": raw.decode(errors="replace")})

    def errors(self) -> list[dict[str, Any]]:
        """Log lines that tell of a fault."""
        return [line for line in self.logs if line.get("level") in ("error", "critical") or "raw" in line]

    def detail(self) -> dict[str, Any]:
        """Its row on the board."""
        return next(r.detail for r in services.all_services(self.db) if r.name == "edge")

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(40)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)


@contextmanager
def running_edge(settings: Settings, db: sa.Engine) -> Iterator[EdgeProcess]:
    """An edge for the duration of a test; a fault in its log fails the test."""
    edge = EdgeProcess(settings, db)
    try:
        yield edge
    finally:
        edge.stop()
    assert not edge.errors(), edge.errors()
