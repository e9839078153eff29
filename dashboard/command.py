"""`callbench web`: serves the dashboard, its REST interface and the recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import uvicorn

from pbx_core import log, serving
from pbx_core.clock import SystemClock
from pbx_core.settings import load
from pbx_core.store import engine, heartbeat

_log = log.get(__name__)


@click.command()
@click.option("--host", default=None, help="Address to listen on; default: the setting web_host.")
@click.option("--port", default=None, type=click.IntRange(1, 65535), help="Port; default: the setting web_port.")
@click.pass_obj
def web(data: Path, host: str | None, port: int | None) -> None:
    """Serve the dashboard."""
    chosen: dict[str, Any] = {k: v for k, v in (("web_host", host), ("web_port", port)) if v is not None}
    settings = load(data, **chosen)
    log.setup("web", settings.log_level)
    db = engine.connect(settings)
    listener = serving.listener(settings.web_host, settings.web_port, "dashboard", "web_port")

    from dashboard import asgi  # here, so that `callbench --help` and a busy port need not load Streamlit
    from dashboard.web.context import Context

    clock = SystemClock()
    app = asgi.build(Context(settings, db, clock))
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="on",
            proxy_headers=settings.web_https,  # only behind a proxy may somebody else say who asks
            server_header=False,
            timeout_graceful_shutdown=3,
            ws_max_size=1024 * 1024,
        )
    )
    _log.info("dashboard ready", extra={"address": f"http://{settings.web_host}:{settings.web_port}"})
    heartbeat.stop_event()  # uvicorn ends on the signals and raises them again; here they then do nothing more
    with heartbeat.announced(db, clock, "web", lambda: {"host": settings.web_host, "port": settings.web_port}):
        server.run(sockets=[listener])
