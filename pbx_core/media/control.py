"""The worker's end of the control socket: reads requests without ever waiting, hands them on, sends the replies."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pbx_core import log
from pbx_core.control import LINE_BYTES_MAX, short, socket_path
from pbx_core.settings import Settings

_log = log.get(__name__)

CONNECTIONS_MAX = 32  # at once; each asker closes his after one reply
Reply = Callable[[dict[str, Any]], None]
Handler = Callable[[dict[str, Any], Reply], None]


@dataclass
class _Link:
    """One asker."""

    socket: socket.socket
    read: bytes = b""
    gone: bool = False


class ControlSocket:
    """Serves `<data>/run/<worker>.sock`. `handle(request, reply)` answers now or later."""

    def __init__(self, settings: Settings, worker: str, handle: Handler) -> None:
        self._handle = handle
        self._path = socket_path(settings, worker)
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path.unlink(missing_ok=True)  # of a predecessor that was killed; the worker's SIP port is ours already
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.setblocking(False)
        with short(self._path) as address:
            self._server.bind(address)
        self._path.chmod(0o600)
        self._server.listen(CONNECTIONS_MAX)
        self._links: list[_Link] = []

    def poll(self) -> None:
        """Take what has come."""
        while len(self._links) < CONNECTIONS_MAX:
            try:
                link, _ = self._server.accept()
            except OSError:
                break  # nobody else waits
            link.setblocking(False)
            self._links.append(_Link(link))
        for asker in list(self._links):
            self._read(asker)
            if asker.gone:
                self._links.remove(asker)
                asker.socket.close()

    def close(self) -> None:
        """Nobody can ask any more."""
        for asker in self._links:
            asker.socket.close()
        self._server.close()
        self._path.unlink(missing_ok=True)

    def _read(self, asker: _Link) -> None:
        try:
            part = asker.socket.recv(LINE_BYTES_MAX)
        except BlockingIOError:
            return
        except OSError:
            part = b""
        asker.read += part
        if not part or len(asker.read) > LINE_BYTES_MAX:
            asker.gone = True
            return
        *lines, asker.read = asker.read.split(b"\n")
        for line in lines:
            self._ask(asker, line)

    def _ask(self, asker: _Link, line: bytes) -> None:
        def reply(answer: dict[str, Any]) -> None:
            with contextlib.suppress(OSError):  # who does not read his reply does without
                asker.socket.send(json.dumps(answer).encode() + b"\n")

        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise ValueError("not an object")
            self._handle(request, reply)
        except (ValueError, KeyError, TypeError) as error:
            _log.warning("control request refused", extra={"reason": str(error)})
            reply({"error": "bad_request", "reason": str(error)[:200]})
