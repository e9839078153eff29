"""What both web servers, the API's and the dashboard's, need: their socket, and how they stand at their doors."""

from __future__ import annotations

import socket
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Send

from pbx_core.errors import ConfigError


def listener(host: str, port: int, name: str, setting: str) -> socket.socket:
    """The socket of the server `name`; ConfigError, which names the setting of the port, when it is not to be had."""
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except OSError as error:
        made.close()
        raise ConfigError(
            f"The {name} cannot listen on {host}:{port} ({error.strerror}). Nothing was "
            f"started. End the program that has the port, or choose another with `{setting}`."
        ) from error
    return made


def with_headers(send: Send, add: Callable[[MutableHeaders], None]) -> Send:
    """`send`, with headers added to every answer."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            add(MutableHeaders(scope=message))
        await send(message)

    return sending


def refused_body(headers: Headers, bytes_max: int) -> int | None:
    """The status for a body that is not to be read: 411 when its length is not known before, 413 when too large."""
    if "transfer-encoding" in headers:
        return 411
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdecimal()) or int(length) > bytes_max:
        return 413
    return None
