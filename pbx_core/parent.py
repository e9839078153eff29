"""A process that the supervisor started ends with it, so that nothing is left running unsupervised (Linux).

It sees to that by itself, as its first deed: code between fork and exec, in a process with threads, may wait for ever
for a lock that one of them held.
"""

from __future__ import annotations

import ctypes
import os
import signal

from pbx_core.errors import Unavailable

SUPERVISOR = "CALLBENCH_SUPERVISOR"  # the environment's name for its pid
PR_SET_PDEATHSIG = 1


def end_with_supervisor() -> None:
    """From now on SIGTERM comes when the supervisor dies. Unavailable when it is dead already. Nothing happens in a
    process that somebody else started."""
    pid = os.environ.pop(SUPERVISOR, None)  # our own children are not the supervisor's
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if pid is None or prctl is None:
        return
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(pid):
        raise Unavailable("Whoever started this process is gone; it ends, too.")
