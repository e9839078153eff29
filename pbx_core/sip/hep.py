"""HEP version 3 (EEP, the encapsulation that HOMER and sngrep read): one captured SIP message as a datagram of chunks.

A packet is "HEP3", its length (16 bits) and chunks; a chunk is vendor (16), type (16), length with these six bytes
(16), value. All numbers big-endian; vendor 0 is the generic table of the specification.
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass

_FAMILY, _PROTOCOL = 0x0001, 0x0002
_SOURCE_4, _TARGET_4, _SOURCE_6, _TARGET_6 = 0x0003, 0x0004, 0x0005, 0x0006
_SOURCE_PORT, _TARGET_PORT = 0x0007, 0x0008
_SECONDS, _MICROSECONDS = 0x0009, 0x000A
_KIND, _NODE, _PAYLOAD = 0x000B, 0x000C, 0x000F
_CORRELATION = 0x0011
_SIP = 1
_IP_PROTOCOLS = {"udp": 17, "int": 17, "tcp": 6, "tls": 6}
PAYLOAD_BYTES_MAX = 60_000  # a datagram holds 65 507


@dataclass(frozen=True)
class Capture:
    """One message as it passed. `at`: UTC epoch seconds; addresses are literal."""

    transport: str  # udp, tcp, tls, int
    source: tuple[str, int]
    target: tuple[str, int]
    at: float
    data: bytes


def encode(capture: Capture, node_id: int, correlation: str = "") -> bytes:
    """The datagram. `node_id`: 32 bits, which capturing node we are; `correlation`: what belongs together, Call-ID."""
    source, target = (ipaddress.ip_address(host) for host in (capture.source[0], capture.target[0]))
    both_4 = source.version == target.version == 4
    micros = round(capture.at * 1_000_000)
    chunks = [
        _chunk(_FAMILY, struct.pack("!B", 2 if both_4 else 10)),  # AF_INET, AF_INET6 as Linux numbers them
        _chunk(_PROTOCOL, struct.pack("!B", _IP_PROTOCOLS[capture.transport])),
        _chunk(_SOURCE_4 if both_4 else _SOURCE_6, _packed(source, both_4)),
        _chunk(_TARGET_4 if both_4 else _TARGET_6, _packed(target, both_4)),
        _chunk(_SOURCE_PORT, struct.pack("!H", capture.source[1])),
        _chunk(_TARGET_PORT, struct.pack("!H", capture.target[1])),
        _chunk(_SECONDS, struct.pack("!I", micros // 1_000_000 & 0xFFFFFFFF)),
        _chunk(_MICROSECONDS, struct.pack("!I", micros % 1_000_000)),
        _chunk(_KIND, struct.pack("!B", _SIP)),
        _chunk(_NODE, struct.pack("!I", node_id)),
    ]
    if correlation:
        chunks.append(_chunk(_CORRELATION, correlation.encode()[:256]))
    chunks.append(_chunk(_PAYLOAD, capture.data[:PAYLOAD_BYTES_MAX]))
    body = b"".join(chunks)
    return b"HEP3" + struct.pack("!H", len(body) + 6) + body


def _packed(address: ipaddress.IPv4Address | ipaddress.IPv6Address, as_4: bool) -> bytes:
    """An IPv4 address in a packet of the other family is mapped, ::ffff:a.b.c.d."""
    if as_4 or address.version == 6:
        return address.packed
    return bytes(10) + b"\xff\xff" + address.packed


def _chunk(kind: int, value: bytes) -> bytes:
    return struct.pack("!HHH", 0, kind, len(value) + 6) + value
