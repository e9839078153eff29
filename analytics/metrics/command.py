"""`callbench audit`: whether the warehouse's figures still equal its rows."""

from __future__ import annotations

from pathlib import Path

import click

from analytics.metrics import audit as audits
from ingest import warehouse
from pbx_core.settings import load


@click.command()
@click.pass_obj
def audit(data: Path) -> None:
    """Ask the warehouse all questions that must have no answer, and compare every kept figure with its rows."""
    settings = load(data)
    con = warehouse.open_reader(settings)
    failed = 0
    try:
        for finding in audits.run(con):
            click.echo(f"{'FAILED' if finding.rows else 'ok':<7}{finding.audit.name:<22}{finding.audit.says}")
            for row in finding.rows:
                click.echo(f"       {row}")
            failed += bool(finding.rows)
    finally:
        con.close()
    if failed:
        raise click.ClickException(
            f"{failed} audits failed. `callbench ingest --derive` makes figures and conversations anew from the rows."
        )
