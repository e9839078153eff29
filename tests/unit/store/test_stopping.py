"""A process that is told to end while it looks whether it is told to end."""

from __future__ import annotations

import subprocess
import sys

_TOLD_WHILE_LOOKING = """
import signal
from pbx_core.store import heartbeat

stop = heartbeat.stop_event()
with stop._cond:  # wait() holds it before it sleeps and after it woke up
    signal.raise_signal(signal.SIGTERM)
print("told" if stop.wait(10) else "not told")
"""


def test_a_signal_at_any_moment_of_waiting_ends_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _TOLD_WHILE_LOOKING], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "told"
