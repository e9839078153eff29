"""Counts how many dialogs the engine takes at once, in a process of its own: what that costs (INVITEs without an
answer, an engine that aborts) dies with it. `python -m pbx_core.media.probe` prints 1, 2, 3 … up to the limit."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

from pbx_core import log
from pbx_core.clock import SystemClock
from pbx_core.errors import Unavailable

_log = log.get(__name__)

LEGS_MAX = 512  # not counted further
FALLBACK = 4  # what the packaged engine takes
PROBE_S_MAX = 20.0


def legs() -> int:
    """The engine's limit; FALLBACK with a warning when it cannot be found."""
    command = [sys.executable, "-m", "pbx_core.media.probe"]
    try:
        out = subprocess.run(command, capture_output=True, timeout=PROBE_S_MAX, check=False).stdout
    except subprocess.TimeoutExpired as error:
        out = error.stdout or b""
    counted = [int(line) for line in out.splitlines() if line.isdigit()]
    if not counted:
        _log.warning("the engine's capacity could not be counted", extra={"assumed": FALLBACK})
        return FALLBACK
    return counted[-1]


def main() -> None:
    """Invite nobody again and again until the engine refuses, then end at once."""
    from pbx_core.media.options import AccountOptions, EngineOptions
    from pbx_core.media.pjsip import Engine
    from pbx_core.media.port import DialTarget

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        engine = Engine(EngineOptions("127.0.0.1", 0, "127.0.0.1", 0, 0), SystemClock())
        engine.add_account("probe", AccountOptions("sip:probe@127.0.0.1"))
        target = DialTarget(f"sip:nobody@127.0.0.1:{mute.getsockname()[1]}", "")
        try:
            for count in range(1, LEGS_MAX + 1):
                engine.dial(target)
                print(count, flush=True)
        except Unavailable:
            pass
        os._exit(0)


if __name__ == "__main__":
    main()
