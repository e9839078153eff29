"""A program that receives webhooks: a real HTTPS server on loopback, which says what it is told to say."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pbx_core.edge.tls import self_signed

Saying = tuple[int, dict[str, str]]
OK: Saying = (200, {})


@dataclass(frozen=True)
class Got:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """The body as the receiver reads it."""
        return dict(json.loads(self.body))

    def signed_with(self, secret: str) -> bool:
        """As the specification of Standard Webhooks says it is to be checked."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.body
        wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        given = [part.partition(",") for part in self.headers["webhook-signature"].split(" ")]
        return any(version == "v1" and hmac.compare_digest(text, wanted) for version, _, text in given)


@dataclass
class Receiver:
    """What came, in its order; `say` gives the answer to a request."""

    port: int
    authority: Path
    host: str
    got: list[Got] = field(default_factory=list)
    connections: int = 0
    say: Callable[[Got], Saying] = lambda _: OK

    def url(self, path: str = "/hook") -> str:
        return f"https://{self.host}:{self.port}{path}"

    def ids(self) -> list[str]:
        return [g.headers["webhook-id"] for g in self.got]


@contextmanager
def receiving(directory: Path, host: str = "127.0.0.1") -> Iterator[Receiver]:
    """A receiver whose certificate is its own authority and names `host`."""
    cert, key = self_signed(directory, host, datetime.now(UTC))
    told = Receiver(0, cert, host)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            got = Got(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            told.got.append(got)
            status, headers = told.say(got)
            self.send_response(status)
            for name, value in {"Content-Length": "0", **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def get_request(self) -> Any:
            accepted = super().get_request()
            told.connections += 1
            return accepted

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # a sender that went away

    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    told.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
