"""`callbench up` and `callbench status`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console, RenderableType
from rich.live import Live

from pbx_core import log
from pbx_core.clock import SystemClock
from pbx_core.domain import records
from pbx_core.settings import Settings, load
from pbx_core.store import engine, heartbeat
from pbx_core.store.terminal import tenant_of
from pbx_core.supervisor import screen, supervisor
from pbx_core.supervisor import status as status_

WATCH_S = 1.0  # as often as processes tell how they are


@click.command()
@click.pass_obj
def up(data: Path) -> None:
    """Start the whole system for this data directory; Ctrl-C stops it cleanly."""
    settings = load(data)
    settings.data.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True, highlight=False)
    clock = SystemClock()
    stop = heartbeat.stop_event()
    settings.logs_dir.mkdir(exist_ok=True)
    with supervisor.lock(settings):
        log.setup("supervisor", "ERROR")
        db = engine.migrate(settings)
        boss = supervisor.Supervisor(
            settings, db, clock, lambda text: console.print(text, markup=False), supervisor.default_environment()
        )
        with heartbeat.announced(db, clock, "supervisor", boss.detail):
            _greet(console, settings)
            boss.run(stop)
        db.dispose()
    console.print("Stopped. Every call has its record; nothing is running.")


def _greet(console: Console, settings: Settings) -> None:
    web = f"http://{settings.web_host}:{settings.web_port}"
    console.print(f"Callbench starts on {settings.data}; logs in {settings.logs_dir}.", markup=False)
    console.print(
        f"Phones: port {settings.sip_port} (UDP, TCP), {settings.sip_tls_port} (TLS). Dashboard: {web} "
        f"API: https://{settings.api_host}:{settings.api_port}\n"
        "Make a tenant, its phones and its people with `callbench tenant`, `extension` and `person` (add --help). "
        "`callbench status` says what runs. Ctrl-C stops.",
        markup=False,
    )


@click.command()
@click.option("--tenant", "domain", default="", help="Domain of one office: its calls, queues, trunks, phones.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable, everything.")
@click.option("--watch", is_flag=True, help="Drawn anew every second, until Ctrl-C.")
@click.pass_obj
def status(data: Path, domain: str, as_json: bool, watch: bool) -> None:
    """Say what runs, since when, with how many phones and calls. Exit code 1 when nothing runs."""
    settings = load(data)
    db = engine.connect(settings)
    tenant_id = tenant_of(db, domain).tenant_id if domain else None

    def look() -> status_.SystemStatus:
        return status_.gather(settings, db, SystemClock(), tenant_id)

    def draw(now: status_.SystemStatus) -> RenderableType:
        return screen.office(now, now.offices[0]) if tenant_id else screen.system(now, settings)

    if watch:
        _watch(lambda: draw(look()))
        return
    now = look()
    if as_json:
        click.echo(json.dumps(records.to_json(now)))
    else:
        Console(highlight=False).print(draw(now))
    sys.exit(0 if now.running else 1)


def _watch(draw: Callable[[], RenderableType]) -> None:
    stop = heartbeat.stop_event()
    with Live(draw(), console=Console(highlight=False), auto_refresh=False, screen=True) as shown:
        while not stop.wait(WATCH_S):
            shown.update(draw(), refresh=True)
