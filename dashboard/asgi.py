"""Puts the web process together: Streamlit's application behind our doors, with our routes before its own."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
from dashboard.web.front import Front
from dashboard.web.middleware import USER_HEADERS, BodyLimit, Identity, SecurityHeaders
from dashboard.web.packed import Packed
from pbx_core.errors import Unavailable

SCRIPT = Path(__file__).parent / "app.py"


def streamlit_options() -> dict[str, Any]:
    """Everything we want of Streamlit, given here and not by a file, so that no working directory matters."""
    return {
        "browser.gatherUsageStats": False,
        "client.showErrorLinks": False,
        "client.showErrorDetails": "none",
        "client.toolbarMode": "minimal",
        "client.showSidebarNavigation": False,
        "global.developmentMode": False,
        "logger.enableRich": False,
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


def doors(context: Context) -> list[Middleware]:
    """What stands before Streamlit, in the order in which a request passes it."""
    return [
        Middleware(SecurityHeaders),
        Middleware(BodyLimit),
        Middleware(Identity, context=context),
        Middleware(routes.OwnRoutes, own=routes.build(context)),
        Middleware(Packed, context=context),
        Middleware(Front),
    ]


def build(context: Context) -> ASGIApp:
    """The whole application."""
    web_context.install(context)
    bootstrap.load_config_options(streamlit_options())
    app = st.App(
        SCRIPT,
        middleware=doors(context),
        lifespan=_life,
        on_script_error=_page_failed,
    )
    _one_log()
    return app


@asynccontextmanager
async def _life(_: st.App) -> AsyncIterator[None]:
    _one_log()
    yield


def _one_log() -> None:
    """Streamlit gives its loggers and uvicorn's handlers of their own, at import and again when it starts; ours, at
    the root, is enough. Addresses of requests stay out of it: they name recordings and searched words."""
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] in ("streamlit", "uvicorn"):
            logger = logging.getLogger(name)
            logger.handlers.clear()
            logger.propagate = True
            if name.startswith("uvicorn"):
                logger.setLevel(logging.WARNING)


def _page_failed(error: Exception) -> bool:
    """What a person sees when one of our pages breaks; Streamlit has logged the error already."""
    if isinstance(error, Unavailable):
        st.subheader("One moment", anchor=False)
        st.text(str(error))
        return True
    st.subheader("This page could not be drawn", anchor=False)
    st.text("The fault has been logged, nothing you did is lost. Reload the page; if it stays so, tell who runs this.")
    return True
