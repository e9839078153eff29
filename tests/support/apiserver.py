"""`callbench api` as a process of its own, spoken to over real TLS."""

from __future__ import annotations

import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from pbx_core.settings import Settings
from tests.support.edge import environment
from tests.support.waiting import until

_HASTY = """
from pbx_core.api import doorstep
from pbx_core.cli import callbench
doorstep.REQUEST_S = {request_s}
callbench()
"""


class ApiServer:
    """Serves one data directory on `settings.api_port` of loopback."""

    def __init__(self, settings: Settings, request_s: float | None = None) -> None:
        """request_s: a shorter time than in the field for a request to arrive in."""
        self.settings = settings
        self.base = f"https://127.0.0.1:{settings.api_port}"
        self.log = Path(settings.data) / "api-test.log"
        program = ("-m", "pbx_core.cli") if request_s is None else ("-c", _HASTY.format(request_s=request_s))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *program, "--data", str(settings.data), "api"],
                env=environment(settings),
                stdout=log,
                stderr=log,
            )
        until(self._answers, 60, 0.2, what=f"API on {self.base}; see {self.log}")

    def client(self, token: str = "") -> httpx.Client:
        """A program that checks our certificate as one of its authorities."""
        context = ssl.create_default_context(cafile=str(self.settings.data / "tls" / "edge.crt"))
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.base, verify=context, headers=headers, timeout=60)

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            with self.client() as client:
                return client.get("/openapi.json").status_code == 200
        except (httpx.TransportError, OSError):
            return False

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextmanager
def running_api(settings: Settings, request_s: float | None = None) -> Iterator[ApiServer]:
    """The API for the duration of a test."""
    server = ApiServer(settings, request_s)
    try:
        yield server
    finally:
        server.stop()
