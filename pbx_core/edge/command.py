"""`callbench edge`: the SIP front door as a process of its own."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import click

from pbx_core import log, realtime
from pbx_core.clock import SystemClock
from pbx_core.edge.service import run
from pbx_core.settings import load
from pbx_core.store import engine


@click.command()
@click.pass_obj
def edge(data: Path) -> None:
    """Serve SIP: phones register and call over UDP, TCP and TLS; calls go to the workers."""
    settings = load(data)
    log.setup("edge", settings.log_level)
    realtime.ask(realtime.EDGE)
    logging.getLogger("aiosipua").setLevel("ERROR")  # it warns about every malformed message
    asyncio.run(run(settings, engine.connect(settings), SystemClock()))
