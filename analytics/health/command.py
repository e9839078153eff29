"""`callbench health`: for the operator."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from analytics import queries
from analytics.health.gather import gather
from analytics.health.tell import as_json, rejects_csv
from analytics.health.types import Health, Level
from analytics.queries import Reader
from pbx_core.clock import SystemClock
from pbx_core.errors import ConfigError, Unavailable
from pbx_core.settings import Settings, load
from pbx_core.store import engine

COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.BAD: "red"}
EXIT = {Level.OK: 0, Level.WARN: 0, Level.BAD: 1}


@click.command("health")
@click.option("--json", "machine", is_flag=True, help="Machine-readable, everything.")
@click.option("--rejected", is_flag=True, help="Only the lines that could not be loaded, as CSV.")
@click.pass_obj
def command(data: Path, machine: bool, rejected: bool) -> None:
    """Say how the data are: what came in, what did not, how far behind, how long the disk lasts. Exit code 1: bad."""
    settings = load(data)
    db = engine.connect(settings)
    reader = _reader(settings)
    if rejected:
        click.echo(rejects_csv(reader, None) if reader else "", nl=False)
        return
    found = gather(settings, db, SystemClock(), reader)
    if machine:
        click.echo(json.dumps(as_json(found)))
    else:
        _print(found)
    sys.exit(EXIT[found.level])


def _reader(settings: Settings) -> Reader | None:
    try:
        return queries.open_reader(settings)
    except (Unavailable, ConfigError) as error:
        click.echo(str(error), err=True)
        return None


def _print(found: Health) -> None:
    console = Console(highlight=False)
    for check in found.checks:
        console.print(Text(f"{check.level.upper():4} ", style=COLOURS[check.level]), Text(check.title), sep="")
        for line in filter(None, (check.says, check.remedy, *check.examples)):
            console.print(Text(f"     {_plain(line)}"))
    columns = ("source", "rows", "lines", "refused", "repeated", "waiting", "behind")
    table = Table(*columns, box=None, pad_edge=False, header_style="dim")
    for s in found.sources:
        figures = (
            s.loaded,
            s.lines,
            s.rejected,
            s.repeated,
            s.waiting,
            None if s.lag_s is None else f"{s.lag_s:.0f} s",
        )
        table.add_row(_plain(f"{s.source} {s.part}"), *("–" if f is None else str(f) for f in figures))
    console.print(table)


def _plain(text: str) -> str:
    """Without codes that would steer the terminal."""
    return "".join(c if c.isprintable() else "·" for c in text)
