"""Streamlit's scripts and style sheets, compressed once and kept; by itself it sends 4.6 MB to a first visitor."""

from __future__ import annotations

import gzip
import secrets
from pathlib import Path

import anyio.to_thread
import streamlit
from starlette.datastructures import Headers
from starlette.responses import FileResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard.web.context import Context

SOURCE = Path(streamlit.__file__).parent / "static" / "static"
TYPES = {".js": "text/javascript", ".css": "text/css"}
WORTH_BYTES = 1400  # a smaller file fits one packet as it is
LEVEL = 6


class Packed:
    """Answers GET /static/… with the compressed file where the browser takes it; the rest goes on to Streamlit."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self.app = app
        self.folder = context.settings.data / "cache" / "static" / streamlit.__version__

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = self._source(scope)
        if path is None:
            await self.app(scope, receive, send)
            return
        packed = await anyio.to_thread.run_sync(self._packed, path)
        headers = {
            "Content-Encoding": "gzip",
            "Vary": "Accept-Encoding",
            "Cache-Control": "private, max-age=31536000, immutable",  # their names carry a hash of their content
        }
        await FileResponse(packed, media_type=TYPES[path.suffix], headers=headers)(scope, receive, send)

    def _source(self, scope: Scope) -> Path | None:
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith("/static/"):
            return None
        headers = Headers(scope=scope)
        if "gzip" not in headers.get("accept-encoding", "") or "range" in headers:
            return None
        parts = scope["path"].split("/")[2:]
        if len(parts) != 2 or ".." in parts or Path(parts[1]).suffix not in TYPES:
            return None
        path = SOURCE / parts[0] / parts[1]
        return path if path.is_file() and path.stat().st_size >= WORTH_BYTES else None

    def _packed(self, path: Path) -> Path:
        packed = self.folder / f"{path.name}.gz"
        if not packed.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            scratch = packed.with_suffix(f".{secrets.token_hex(4)}")
            scratch.write_bytes(gzip.compress(path.read_bytes(), LEVEL, mtime=0))
            scratch.replace(packed)
        return packed
