"""Free ports on loopback; several suites may run at once on one machine."""

from __future__ import annotations

import random
import socket


def free_port() -> int:
    """A port that is free now for UDP and TCP on 127.0.0.1."""
    while True:
        port = random.randint(21000, 31999)
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
                udp.bind(("127.0.0.1", port))
                tcp.bind(("127.0.0.1", port))
                return port
        except OSError:
            continue


def free_range(size: int, low: int = 10000, high: int = 20000) -> int:
    """The first of `size` consecutive ports between low and high, all even ones free for UDP now."""
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
