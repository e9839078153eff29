"""HEP v3: what a capture server reads out of our packets, by a decoder written from the specification alone."""

from __future__ import annotations

import ipaddress
import struct

import pytest

from pbx_core.sip.hep import PAYLOAD_BYTES_MAX, Capture, encode

MESSAGE = b"OPTIONS sip:a SIP/2.0\r\n\r\n"


def decode(packet: bytes) -> dict[int, bytes]:
    magic, length = packet[:4], int.from_bytes(packet[4:6], "big")
    assert (magic, length) == (b"HEP3", len(packet))
    rest, found = packet[6:], {}
    while rest:
        vendor, kind, size = struct.unpack("!HHH", rest[:6])
        assert vendor == 0 and kind not in found and 6 <= size <= len(rest)
        found[kind] = rest[6:size]
        rest = rest[size:]
    return found


def test_an_ipv4_message_is_read_back_whole() -> None:
    packet = encode(Capture("udp", ("192.0.2.1", 5060), ("198.51.100.2", 5080), 1_800_000_000.25, MESSAGE), 2001, "id1")
    assert decode(packet) == {
        0x0001: bytes([2]),  # IPv4
        0x0002: bytes([17]),  # UDP
        0x0003: bytes([192, 0, 2, 1]),
        0x0004: bytes([198, 51, 100, 2]),
        0x0007: (5060).to_bytes(2, "big"),
        0x0008: (5080).to_bytes(2, "big"),
        0x0009: (1_800_000_000).to_bytes(4, "big"),
        0x000A: (250_000).to_bytes(4, "big"),
        0x000B: bytes([1]),  # SIP
        0x000C: (2001).to_bytes(4, "big"),
        0x0011: b"id1",
        0x000F: MESSAGE,
    }


@pytest.mark.parametrize(("transport", "number"), [("tcp", 6), ("tls", 6), ("int", 17), ("udp", 17)])
def test_the_transport_is_named_by_its_ip_protocol(transport: str, number: int) -> None:
    packet = encode(Capture(transport, ("192.0.2.1", 1), ("192.0.2.2", 2), 0.0, MESSAGE), 1)
    found = decode(packet)
    assert found[2] == bytes([number]) and 0x0011 not in found


def test_ipv6_and_a_mixture_are_shown_as_ipv6() -> None:
    found = decode(encode(Capture("udp", ("2001:db8::1", 1), ("192.0.2.2", 2), 0.0, MESSAGE), 1))
    assert found[1] == bytes([10])
    assert ipaddress.ip_address(found[5]) == ipaddress.ip_address("2001:db8::1")
    assert ipaddress.ip_address(found[6]) == ipaddress.ip_address("::ffff:192.0.2.2")
    assert 3 not in found and 4 not in found


def test_a_giant_is_cut_to_what_a_datagram_holds() -> None:
    found = decode(encode(Capture("tcp", ("192.0.2.1", 1), ("192.0.2.2", 2), 0.0, b"x" * 100_000), 1, "c" * 999))
    assert len(found[0x000F]) == PAYLOAD_BYTES_MAX and len(found[0x0011]) == 256


def test_microseconds_that_round_up_become_a_second() -> None:
    found = decode(encode(Capture("udp", ("192.0.2.1", 1), ("192.0.2.2", 2), 9.9999999, MESSAGE), 1))
    assert (int.from_bytes(found[9], "big"), int.from_bytes(found[10], "big")) == (10, 0)
