"""One try: a POST to one address, over TLS checked for the name, within a hard limit of time. No redirect is followed,
and of the answer only its head is read: what a receiver says reaches nobody."""

from __future__ import annotations

import asyncio
import ssl
from datetime import datetime

import h11

from pbx_core import __version__
from pbx_core.webhooks.address import Target
from pbx_core.webhooks.retry import Answer, retry_after_s

TOTAL_S = 10.0  # from connecting to the answer's head
HEAD_BYTES_MAX = 16 * 1024  # of the answer
REASON_CHARS_MAX = 200


def send(
    target: Target, address: str, headers: dict[str, str], body: bytes, tls: ssl.SSLContext, now: datetime
) -> Answer:
    """What the receiver answered, or why there was no answer."""
    try:
        status, retry_after = asyncio.run(_within(target, address, headers, body, tls))
    except TimeoutError:
        return Answer(None, f"no answer within {TOTAL_S:g} s")
    except ssl.SSLCertVerificationError as error:
        return Answer(None, f"its certificate is not trusted: {error.verify_message}"[:REASON_CHARS_MAX])
    except ssl.SSLError as error:
        return Answer(None, f"TLS failed: {error.reason}"[:REASON_CHARS_MAX])
    except OSError as error:
        return Answer(None, f"not reached: {error.strerror or type(error).__name__}"[:REASON_CHARS_MAX])
    except h11.RemoteProtocolError:
        return Answer(None, "what it answered is not HTTP")
    return Answer(status, retry_after_s=retry_after_s(retry_after, now))


async def _within(
    target: Target, address: str, headers: dict[str, str], body: bytes, tls: ssl.SSLContext
) -> tuple[int, str | None]:
    async with asyncio.timeout(TOTAL_S):
        return await _exchange(target, address, headers, body, tls)


async def _exchange(
    target: Target, address: str, headers: dict[str, str], body: bytes, tls: ssl.SSLContext
) -> tuple[int, str | None]:
    secure, name = (tls, target.host) if target.https else (None, None)
    reader, writer = await asyncio.open_connection(
        address, target.port, limit=HEAD_BYTES_MAX, ssl=secure, server_hostname=name
    )
    try:
        wire = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_BYTES_MAX)
        writer.write(_request(wire, target, headers, body))
        await writer.drain()
        while True:
            event = wire.next_event()
            if event is h11.NEED_DATA:
                wire.receive_data(await reader.read(HEAD_BYTES_MAX))
            elif isinstance(event, h11.Response):
                told = dict(event.headers)
                return event.status_code, told.get(b"retry-after", b"").decode("latin-1") or None
            elif not isinstance(event, h11.InformationalResponse):
                raise h11.RemoteProtocolError("the connection was closed without an answer")
    finally:
        writer.transport.abort()  # nothing of what follows is wanted


def _request(wire: h11.Connection, target: Target, headers: dict[str, str], body: bytes) -> bytes:
    default = target.port == (443 if target.https else 80)
    host = f"[{target.host}]" if ":" in target.host else target.host
    all_headers = {
        "Host": host if default else f"{host}:{target.port}",
        "User-Agent": f"Callbench/{__version__}",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **headers,
    }
    head = wire.send(h11.Request(method="POST", target=target.path, headers=list(all_headers.items())))
    return b"".join(filter(None, (head, wire.send(h11.Data(data=body)), wire.send(h11.EndOfMessage()))))
