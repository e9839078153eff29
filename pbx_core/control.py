"""Asks a worker to do something: one JSON object per line over its Unix socket `<data>/run/<worker>.sock`, one reply
each. Only this user may open it.

Requests: {"do": "originate", "tenant_id", "call_id", "direction", "target" (nodes.Target), "then" (destination),
"shown", "from_name"} · {"do": "hangup" | "pause_recording" | "resume_recording" | "start_recording" |
"stop_recording", "tenant_id", "call_id", "who"} · {"do": "transfer", …, "target", "leg"} · {"do": "calls"}.
Replies: {"ok": true, …} or {"error": "no_slot" | "no_call" | "bad_request" | "no_model" | "busy", "reason"}.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pbx_core.errors import Unavailable
from pbx_core.settings import Settings

LINE_BYTES_MAX = 65_536  # a request with a target of many routes has about 2 KiB
TIMEOUT_S = 5.0


def socket_path(settings: Settings, worker: str) -> Path:
    """Where a worker listens."""
    return settings.run_dir / f"{worker}.sock"


@contextmanager
def short(path: Path) -> Iterator[str]:
    """A name for a socket that is short enough for the system (108 bytes), however deep its directory lies."""
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}" if Path("/proc/self/fd").exists() else str(path)
    finally:
        os.close(directory)


def ask(settings: Settings, worker: str, request: dict[str, Any], timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
    """The worker's reply. Unavailable when it is not there or does not answer in time."""
    path = socket_path(settings, worker)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link, short(path) as address:
            link.settimeout(timeout_s)
            link.connect(address)
            link.sendall(json.dumps(request).encode() + b"\n")
            reply = _line(link)
    except OSError as error:
        raise Unavailable(f"The worker {worker} does not answer ({error}).") from error
    try:
        found = json.loads(reply)
    except ValueError:
        raise Unavailable(f"The worker {worker} broke off.") from None
    if not isinstance(found, dict):
        raise Unavailable(f"The worker {worker} answered nonsense.")
    return found


def _line(link: socket.socket) -> bytes:
    got = b""
    while not got.endswith(b"\n") and (part := link.recv(LINE_BYTES_MAX)):
        got += part
    return got
