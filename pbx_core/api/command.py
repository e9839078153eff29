"""`callbench api`: serves programs and phones over HTTPS."""

from __future__ import annotations

import functools
from pathlib import Path

import click
import uvicorn

from pbx_core import control, log, serving
from pbx_core.api.app import build
from pbx_core.api.context import Context, Doorman
from pbx_core.api.doorstep import CONNECTIONS_MAX, Doorstep
from pbx_core.clock import SystemClock
from pbx_core.edge.tls import server_context
from pbx_core.netaddr import public_address
from pbx_core.settings import load
from pbx_core.store import engine, heartbeat

IDLE_S = 15  # a silent connection is closed

_log = log.get(__name__)


@click.command()
@click.pass_obj
def api(data: Path) -> None:
    """Serve the API: live state, call control, the model, metrics, settings for phones."""
    settings = load(data)
    log.setup("api", settings.log_level)
    db = engine.connect(settings)
    clock = SystemClock()
    tls = server_context(settings, public_address(settings), clock.now())
    listener = serving.listener(settings.api_host, settings.api_port, "API", "api_port")
    context = Context(settings, db, clock, functools.partial(control.ask, settings), Doorman(settings, clock))
    config = uvicorn.Config(
        build(context),
        http=Doorstep,
        ws="none",
        log_config=None,
        access_log=False,  # paths hold secrets
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=3,
        ssl_context_factory=lambda *_: tls,
    )
    server = uvicorn.Server(config)
    _log.info("api ready", extra={"address": f"https://{settings.api_host}:{settings.api_port}"})
    heartbeat.stop_event()  # uvicorn ends on the signals and raises them again; here they then do nothing more
    with heartbeat.announced(db, clock, "api", lambda: {"host": settings.api_host, "port": settings.api_port}):
        server.run(sockets=[listener])
