"""`callbench web` as a process of its own, to be killed and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from pbx_core.settings import Settings
from tests.support.ports import free_port
from tests.support.waiting import until


class WebServer:
    """Serves one data directory on a free port of loopback; the port stays the same over restarts."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.log = Path(settings.data) / "web-test.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [sys.executable, "-m", "pbx_core.cli", "--data", str(self.settings.data)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([*command, "web", "--port", str(self.port)], stderr=log, stdout=log)
        until(self.answers, timeout_s=90, every_s=0.2, what=f"dashboard on {self.base}")

    def answers(self) -> bool:
        """Whether it serves."""
        assert self.process and self.process.poll() is None, self.log.read_text()
        try:
            return httpx.get(f"{self.base}/healthz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """End it as a crash does."""
        assert self.process
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        """End it in order; its exit code."""
        assert self.process
        self.process.terminate()
        return self.process.wait(60)
