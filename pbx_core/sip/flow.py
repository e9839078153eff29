"""Flows (where a peer is heard from) and the signed tokens that carry them in our Record-Route."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import NamedTuple

TRANSPORTS = ("udp", "tcp", "tls", "int")  # int: UDP on loopback between edge and workers
_MAC_BYTES = 12


class Flow(NamedTuple):
    """A peer as the edge hears it: transport, host and port of the other end."""

    transport: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.transport}:{self.host}:{self.port}"

    @property
    def reliable(self) -> bool:
        """Whether the transport repeats lost messages itself."""
        return self.transport in ("tcp", "tls")

    @classmethod
    def parse(cls, text: str) -> Flow | None:
        """`transport:host:port`, as `str()` writes it; None when it is not one."""
        transport, _, rest = text.partition(":")
        host, _, port = rest.rpartition(":")
        if transport not in TRANSPORTS or not host or not port.isdigit() or int(port) > 65535:
            return None
        return cls(transport, host, int(port))


class Ends(NamedTuple):
    """The two ends of a dialog. Of one with a carrier: `trunk`; of one that we began also who is shown to it and whom
    we dialled there (user@host), and by how much its CSeq of the worker's requests is ahead (its challenge took one
    more INVITE)."""

    flow: Flow
    worker_port: int
    trunk: bool = False
    shown: str = ""
    dialled: str = ""
    cseq_ahead: int = 0


class FlowTokens:
    """Seals the two ends of a dialog, a phone's or carrier's flow and a worker's port, into a URI parameter nobody
    can forge."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, ends: Ends) -> str:
        """A token of URI-safe characters."""
        extra = f"|{ends.shown}|{ends.dialled}|{ends.cseq_ahead}" if ends.trunk else ""
        body = f"{ends.worker_port}:{ends.flow}{extra}".encode()
        return base64.urlsafe_b64encode(self._mac(body) + body).rstrip(b"=").decode()

    def open(self, token: str) -> Ends | None:
        """The ends inside, or None when the token is not ours."""
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (binascii.Error, ValueError):
            return None
        mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(body)):
            return None
        port, _, rest = body.decode().partition(":")
        flow_text, *extra = rest.split("|")
        flow = Flow.parse(flow_text)
        if flow is None:
            return None
        if not extra:
            return Ends(flow, int(port))
        shown, dialled, ahead = extra
        return Ends(flow, int(port), True, shown, dialled, int(ahead))

    def name(self, *parts: str) -> str:
        """A name for those parts that nobody can guess and that stays the same over restarts: a trunk's Contact."""
        return self._mac("|".join(parts).encode()).hex()

    def branch(self, upstream: str, call_id: str, contact: str) -> str:
        """The part of a branch towards a phone that a later process of ours can find again: `upstream` is the branch
        of the request we fork, `contact` the phone's."""
        phone = hashlib.sha256(contact.encode()).hexdigest()[:8]
        return phone + self._mac(f"{phone}|{upstream}|{call_id}".encode()).hex()

    def made(self, branch: str, upstream: str, call_id: str) -> bool:
        """Whether `branch` is such a part of ours for that request."""
        phone, mac = branch[:8], branch[8:]
        return hmac.compare_digest(mac.encode(), self._mac(f"{phone}|{upstream}|{call_id}".encode()).hex().encode())

    def _mac(self, body: bytes) -> bytes:
        return hmac.new(self._key, body, hashlib.sha256).digest()[:_MAC_BYTES]
