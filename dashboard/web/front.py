"""The document in which every page begins: Streamlit's index.html, put right before it is sent.

Told where the server is, Streamlit does not look for it beneath the page's own address first, which cost each page two
failed requests. The tab says Callbench from the start.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import streamlit
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

SOURCE = Path(streamlit.__file__).parent / "static" / "index.html"
VIEWS = Path(__file__).parent.parent / "views"
PATHS = frozenset({"/", *(f"/{view.stem}" for view in VIEWS.glob("[!_]*.py"))})
CHANGES = (  # pattern and what stands there instead, each exactly once
    (r'<meta charset="UTF-8" />', r"\g<0><script>window.__streamlit = { BACKEND_BASE_URL: location.origin }</script>"),
    (r"<title>.*?</title>", "<title>Callbench</title>"),
    (r'<link rel="shortcut icon"[^>]*>', '<link rel="icon" href="/auth/static/mark.svg" />'),
    (r'<link rel="service-desc"[^>]*>', ""),
    (r"<noscript>.*?</noscript>", "<noscript>Callbench needs JavaScript.</noscript>"),
)


@cache
def document() -> str:
    """The document as it is sent."""
    text = SOURCE.read_text()
    for pattern, instead in CHANGES:
        text = re.sub(pattern, instead, text, count=1, flags=re.DOTALL)
    return text


class Front:
    """Answers GET of a page; the rest goes on to Streamlit."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] not in PATHS:
            await self.app(scope, receive, send)
            return
        await HTMLResponse(document(), headers={"Cache-Control": "no-cache"})(scope, receive, send)
