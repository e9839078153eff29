"""`callbench demo`: two offices phone each other."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console

from pbx_core.demo.run import Demo
from pbx_core.errors import CallbenchError
from pbx_core.store import heartbeat


@click.command()
@click.option("--exit", "leave", is_flag=True, help="End when all is done; exit code 0 only if all went as scripted.")
@click.pass_obj
def demo(data: Path, leave: bool) -> None:
    """Start the system, let simulated phones place real SIP calls, show them in the dashboard.

    The data directory is made anew on each run."""
    console = Console(width=None if sys.stdout.isatty() else 150)
    stop = heartbeat.stop_event()
    show = Demo(data, console, stop)
    try:
        good = show.run(stay=not leave)
    except CallbenchError:
        if stop.is_set():
            sys.exit(130)
        raise
    sys.exit(0 if good or (stop.is_set() and not leave) else 1)
