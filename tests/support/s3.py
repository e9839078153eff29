"""An S3 server on loopback for tests: moto's, in a virtual environment of its own (tests/support/install-tools.sh),
because its client library pins older packages than ours.

    with s3.server() as endpoint: …       # "http://127.0.0.1:port", bucket "recordings" exists
"""

from __future__ import annotations

import os
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.waiting import until

SERVER = Path(__file__).parents[2] / ".venv-s3" / "bin" / "moto_server"
BUCKET = "recordings"


@contextmanager
def server() -> Iterator[str]:
    """Run it; skips the test, with the reason, where it is not installed."""
    if not SERVER.exists():
        pytest.skip("no S3 server: run `make test-tools`")
    port = free_port()
    process = subprocess.Popen(
        [str(SERVER), "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": ""},
    )
    endpoint = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _put(f"{endpoint}/{BUCKET}"), 30, what="the S3 server answers")
        yield endpoint
    finally:
        process.terminate()
        process.wait(10)


def _put(url: str) -> bool:
    request = urllib.request.Request(url, method="PUT", headers={"Authorization": "AWS test:test"})
    try:
        with urllib.request.urlopen(request, timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False
