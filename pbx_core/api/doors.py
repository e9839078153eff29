"""What stands before every route: how large a request may be, what every answer carries, where faults are logged."""

from __future__ import annotations

import json

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send

from pbx_core import log
from pbx_core.serving import refused_body, with_headers

_log = log.get(__name__)

HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Strict-Transport-Security": "max-age=31536000",
}
MODEL_PATH = "/v1/model"  # whose requests may be large
BODY_BYTES_MAX = 64 * 1024  # of all others
TOO_LARGE = "The request is larger than {limit} bytes; nothing of it was read or done. Send less."
NO_LENGTH = "The request does not say how long it is; nothing was done. Send it with Content-Length."


class Doors:
    """413 for what is too large, 411 for a body of unknown length; headers on all that is answered."""

    def __init__(self, app: ASGIApp, model_bytes_max: int) -> None:
        self.app = app
        self.model_bytes_max = model_bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        send = with_headers(send, _add)
        limit = self.model_bytes_max if scope["path"].startswith(MODEL_PATH) else BODY_BYTES_MAX
        refusal = _refusal(Headers(scope=scope), limit)
        if refusal is not None:
            await _answer(send, *refusal)
            return
        try:
            await self.app(scope, receive, send)
        except Exception:  # noqa: BLE001 the outer loop of a request: it has been answered, and the server goes on
            _log.exception("request failed", extra={"method": scope["method"]})  # the path may hold a secret


def _add(headers: MutableHeaders) -> None:
    for name, value in HEADERS.items():
        headers.setdefault(name, value)


def _refusal(headers: Headers, bytes_max: int) -> tuple[int, str, str] | None:
    match refused_body(headers, bytes_max):
        case None:
            return None
        case 411:
            return 411, "no_length", NO_LENGTH
        case status:
            return status, "too_large", TOO_LARGE.format(limit=bytes_max)


async def _answer(send: Send, status: int, error_id: str, message: str) -> None:
    body = json.dumps({"error_id": error_id, "message": message}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
