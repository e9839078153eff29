"""Cuts a byte stream (TCP, TLS) into SIP messages and keep-alives. RFC 3261 18.3, RFC 5626 4.4.1."""

from __future__ import annotations

import re

from pbx_core.errors import PeerError

PING = b"\r\n\r\n"  # the phone asks whether we live
_LENGTH = re.compile(rb"^(?:content-length|l)[ \t]*:[ \t]*(\d{1,9})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)


class Framer:
    """Feed it what arrives; it hands out whole messages, and PING for a double CRLF between messages."""

    def __init__(self, message_bytes_max: int) -> None:
        self._max = message_bytes_max
        self._buffer = bytearray()

    @property
    def pending(self) -> int:
        """Bytes of an unfinished message."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Whole messages, in order; PeerError when the stream cannot be cut any more: close the connection."""
        buffer = self._buffer
        buffer += data
        out: list[bytes] = []
        while buffer:
            if buffer[0] in b"\r\n":
                if buffer[:4] == PING:
                    out.append(PING)
                    del buffer[:4]
                elif PING.startswith(bytes(buffer)):
                    break
                else:
                    del buffer[:1]
                continue
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(buffer) > self._max:
                    raise PeerError("headers too long")
                break
            found = _LENGTH.search(buffer, 0, end + 2)
            total = end + 4 + (int(found.group(1)) if found else 0)
            if total > self._max:
                raise PeerError("message too long")
            if len(buffer) < total:
                break
            out.append(bytes(buffer[:total]))
            del buffer[:total]
        return out
