"""`callbench up` and `callbench status`."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pbx_core import log
from pbx_core.clock import SystemClock
from pbx_core.domain import records
from pbx_core.settings import Settings, load
from pbx_core.store import engine, heartbeat
from pbx_core.supervisor import plan, supervisor
from pbx_core.supervisor import status as status_


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
        f"Phones: port {settings.sip_port} (UDP, TCP), {settings.sip_tls_port} (TLS). Dashboard: {web}\n"
        "Make a tenant, its phones and its people with `callbench tenant`, `extension` and `person` (add --help). "
        "`callbench status` says what runs. Ctrl-C stops.",
        markup=False,
    )


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.pass_obj
def status(data: Path, as_json: bool) -> None:
    """Say what runs, since when, with how many phones and calls. Exit code 1 when nothing runs."""
    settings = load(data)
    db = engine.connect(settings)
    now = status_.gather(settings, db, SystemClock())
    if as_json:
        click.echo(json.dumps(records.to_json(now)))
    else:
        _draw(Console(), now, settings)
    sys.exit(0 if now.running else 1)


def _draw(console: Console, now: status_.SystemStatus, settings: Settings) -> None:
    if not now.running:
        console.print("Callbench is not running on this data directory. Start it with `callbench up`.")
    table = Table("process", "state", "pid", "since", "detail", box=None, pad_edge=False)
    for p in now.processes:
        began = datetime.now().astimezone() - timedelta(seconds=p.up_s)
        since = f"{began:%Y-%m-%d %H:%M:%S} ({timedelta(seconds=int(p.up_s))})"
        detail = ", ".join(f"{k} {v}" for k, v in p.detail.items() if v not in (None, "", False))
        table.add_row(p.name, "[green]runs[/]" if p.alive else "[red]gone[/]", str(p.pid), since, escape(detail))
    console.print(table)
    phones = ", ".join(f"{domain} {count}" for domain, count in now.phones.items()) or "no tenant yet"
    console.print(f"phones registered: {phones}", markup=False)
    console.print(f"calls: {now.calls} of {now.capacity_calls} that fit now (more workers start as calls come)")
    work = ", ".join(f"{count} {state}" for state, count in sorted(now.jobs.items())) or "none yet"
    console.print(f"recordings being prepared: {now.recordings_waiting}; transcriptions: {work}")
    if now.disk_free_share < settings.disk_warn_share:
        console.print(plan.disk_sentence(now.disk_free_share, settings.disk_stop_share, low=True), style="red")
    else:
        console.print(f"disk: {now.disk_free_share:.0%} free")
