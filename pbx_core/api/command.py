"""`callbench api`: serves programs and phones over HTTPS."""

from __future__ import annotations

import functools
import socket
from pathlib import Path

import click
import uvicorn

from pbx_core import control, log
from pbx_core.api.app import build
from pbx_core.api.context import Context, Doorman
from pbx_core.api.doorstep import CONNECTIONS_MAX, Doorstep
from pbx_core.clock import SystemClock
from pbx_core.edge.tls import server_context
from pbx_core.errors import ConfigError
from pbx_core.netaddr import public_address
from pbx_core.settings import Settings, load
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
    listener = _bind(settings)
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


def _bind(settings: Settings) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in settings.api_host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.api_host, settings.api_port))
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"The API cannot listen on {settings.api_host}:{settings.api_port} ({error.strerror}). Nothing was "
            "started. End the program that has the port, or choose another with `api_port`."
        ) from error
    return listener
