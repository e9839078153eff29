"""Free ports on loopback; several suites, and several processes of one suite, may run at once on one machine."""

from __future__ import annotations

import os
import random
import socket


def _part(low: int, high: int) -> tuple[int, int]:
    """This test process's own part of a range: what one finds free the other could be about to take."""
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    width = (high - low) // count // 20 * 20
    return low + number * width, low + (number + 1) * width


_given: set[int] = set()  # one program may need several, and opens them later than it asks


def free_port() -> int:
    """A port that is free now for UDP and TCP on 127.0.0.1, and that nobody here was given lately."""
    low, high = _part(24000, 32000)
    if len(_given) > (high - low) // 2:
        _given.clear()
    while True:
        port = random.randrange(low, high)
        if port in _given:
            continue
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
                udp.bind(("127.0.0.1", port))
                tcp.bind(("127.0.0.1", port))
                _given.add(port)
                return port
        except OSError:
            continue


def free_range(size: int, low: int = 10000, high: int = 24000) -> int:
    """The first of `size` consecutive ports between low and high, all even ones free for UDP now."""
    low, high = _part(low, high)
    while True:
        first = random.randrange(low, high - size, 20)
        try:
            sockets = []
            for port in range(first, first + size, 2):
                udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                sockets.append(udp)
                udp.bind(("127.0.0.1", port))
            return first
        except OSError:
            continue
        finally:
            for udp in sockets:
                udp.close()
