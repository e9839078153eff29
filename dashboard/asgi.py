"""Puts the web process together: Streamlit's application behind our doors, with our routes before its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.types import ASGIApp
from streamlit.web import bootstrap

from dashboard import theme
from dashboard.web import context as web_context
from dashboard.web import routes
from dashboard.web.context import Context
from dashboard.web.middleware import USER_HEADERS, BodyLimit, Identity, SecurityHeaders
from pbx_core import log

SCRIPT = Path(__file__).parent / "app.py"
_log = log.get(__name__)


def streamlit_options() -> dict[str, Any]:
    """Everything we want of Streamlit, given here and not by a file, so that no working directory matters."""
    return {
        "browser.gatherUsageStats": False,
        "client.showErrorLinks": False,
        "client.showErrorDetails": "none",
        "client.toolbarMode": "minimal",
        "client.showSidebarNavigation": False,
        "global.developmentMode": False,
        "runner.magicEnabled": False,
        "server.headless": True,
        "server.showEmailPrompt": False,
        "server.fileWatcherType": "none",
        "server.runOnSave": False,
        "server.enableStaticServing": False,
        "server.maxUploadSize": 1,
        "server.maxMessageSize": 50,
        "server.trustedUserHeaders": dict(USER_HEADERS),
        **theme.options(),
    }


def build(context: Context) -> ASGIApp:
    """The whole application."""
    web_context.install(context)
    bootstrap.load_config_options(streamlit_options())
    return st.App(
        SCRIPT,
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(BodyLimit),
            Middleware(Identity, context=context),
            Middleware(routes.OwnRoutes, own=routes.build(context)),
        ],
        on_script_error=_page_failed,
    )


def _page_failed(error: Exception) -> None:
    _log.error("a page failed", exc_info=error)
