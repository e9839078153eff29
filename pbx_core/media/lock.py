"""Sound is taken from one host only: once it came, a filter in the kernel drops what others send to a leg's ports.

The engine follows whoever sends ten packets in a row, for the sake of phones behind NAT. A stranger could so take a
phone's place that is silent just now, hear the other side and be recorded.
"""

from __future__ import annotations

import ctypes
import ipaddress
import socket
import struct
from collections.abc import Collection
from pathlib import Path

SO_ATTACH_FILTER = 26  # socket(7); the interpreter's socket module does not name them
SO_DETACH_FILTER = 27
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # classic BPF: ld [k], jeq #k, ret #k
_SOURCE = 0xFFF00000 + 12  # SKF_NET_OFF and the source address within the IP header
_OPEN_FILES = Path("/proc/self/fd")


class Lock:
    """The hosts from which one leg takes sound."""

    def __init__(self) -> None:
        self._told = ""  # the host that the phone's session description names
        self._ports: frozenset[int] = frozenset()  # locked ones

    def moved(self, told: str) -> None:
        """A session description came: when it names another host, everybody is heard until the first sound came. A
        hold of the old kind names none, and opens nothing."""
        if told != self._told and told != "0.0.0.0":
            if self._ports:
                _each(self._ports, None)
            self._told, self._ports = told, frozenset()

    def heard(self, came: str, ports: frozenset[int]) -> None:
        """Sound came from there to these ports of ours: from now on from nowhere else."""
        if self._ports == ports or came == "0.0.0.0" or _address(came) is None:
            return
        self._ports = ports
        _each(self._ports, program({came, self._told}))


def host(name: str) -> str:
    """The host in the engine's `192.0.2.1:4000`; "" none."""
    return name.rpartition(":")[0]


def port(name: str) -> int:
    """The port in it; 0 none."""
    digits = name.rpartition(":")[2]
    return int(digits) if digits.isdecimal() else 0


def program(hosts: Collection[str]) -> bytes:
    """The filter that lets through what comes from these IPv4 hosts; what is no address is passed over."""
    wanted = sorted({int(address) for h in hosts if (address := _address(h)) is not None})
    lines = [(_LOAD, 0, 0, _SOURCE)]
    lines += [(_EQUAL, len(wanted) - n, 0, address) for n, address in enumerate(wanted)]
    lines += [(_RETURN, 0, 0, 0), (_RETURN, 0, 0, 0xFFFFFFFF)]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def _address(text: str) -> ipaddress.IPv4Address | None:
    try:
        return ipaddress.IPv4Address(text)
    except ValueError:
        return None


def _each(ports: Collection[int], filter_: bytes | None) -> None:
    """Put a filter on the UDP sockets that this process has on these ports, or take it off. Where the system has no
    such thing, nothing is locked.

    No descriptor is copied: closing the copy of one that belongs to a database would let go of all locks that this
    process holds on it (POSIX), in the middle of another thread's transaction."""
    names = [entry.name for entry in _OPEN_FILES.iterdir()] if _OPEN_FILES.is_dir() else []
    for name in names:
        try:
            ours = socket.socket(fileno=int(name))
        except OSError:  # no socket, or closed meanwhile
            continue
        try:
            if ours.family == socket.AF_INET and ours.type == socket.SOCK_DGRAM and ours.getsockname()[1] in ports:
                _put(ours, filter_)
        finally:
            ours.detach()  # nothing is ever closed here


def _put(ours: socket.socket, filter_: bytes | None) -> None:
    if filter_ is None:
        ours.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)
        return
    kept = ctypes.create_string_buffer(filter_, len(filter_))
    ours.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", len(filter_) // 8, ctypes.addressof(kept)))
