"""`callbench dry-run`: which past calls would have gone elsewhere under a changed model."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

import click

from analytics import dryrun
from pbx_core.clock import SystemClock
from pbx_core.domain import hours
from pbx_core.domain.model import Model
from pbx_core.errors import Unavailable
from pbx_core.settings import load
from pbx_core.store import models
from pbx_core.store.model_command import read_model, tenant_option
from pbx_core.store.terminal import open_db, say, table, tenant_of

ROWS_MAX = 50  # calls shown by default
DAYS_MAX = 366


@click.command("dry-run")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True))
@tenant_option
@click.option("--days", type=click.IntRange(1, DAYS_MAX), default=7, show_default=True, help="How far back.")
@click.option("--rows", type=click.IntRange(0, dryrun.CALLS_MAX), default=ROWS_MAX, show_default=True,
              help="How many calls to list.")  # fmt: skip
@click.pass_obj
def dry_run(data: Path, file: Path, domain: str, days: int, rows: int) -> None:
    """Place the calls of the last days again, under the model in force and under FILE; say which would have gone
    elsewhere. Nothing is changed."""
    from analytics import queries
    from analytics.queries.routing import placed

    db = open_db(data)
    owner = tenant_of(db, domain)
    new = read_model(file)
    _, old = models.active(db, owner.tenant_id)
    now = SystemClock().now()
    try:
        reader = queries.open_reader(load(data))
    except Unavailable as error:
        raise Unavailable(f"There are no past calls to try it on: {error}") from None
    try:
        scope = queries.Scope(owner.tenant_id)
        calls = placed(reader, scope, now - timedelta(days=days), now, dryrun.CALLS_MAX)
    finally:
        reader.close()
    _tell(dryrun.dry_run(old, new, calls), old, days, rows)


def _tell(done: dryrun.DryRun, old: Model, days: int, rows: int) -> None:
    past = f"{done.calls} calls of the last {days} days"
    if done.moved:
        say(f"{len(done.moved)} of {past} would have gone elsewhere.")
    else:
        say(f"All {past} would have gone where they went." if done.calls else f"There are no calls in {days} days.")
    for reason, count in done.left_out.items():
        say(f"{count} more could not be tried: {reason}.")
    if done.moved:
        kinds = Counter((_way(m.before), _way(m.after)) for m in done.moved)
        table(("Calls", "Went", "Would go"), ((str(n), *ways) for ways, n in kinds.most_common()), "")
        zone = hours.zone(old.time_zone)
        table(
            ("When", "From", "To", "Went", "Would go", "Call"),
            (
                (
                    f"{m.at.astimezone(zone):%Y-%m-%d %H:%M}",
                    m.caller,
                    m.called,
                    _way(m.before),
                    _way(m.after),
                    m.call_id,
                )
                for m in done.moved[:rows]
            ),
            "",
        )
    say(dryrun.NOT_KNOWN)


def _way(stations: tuple[str, ...]) -> str:
    return ", then ".join(stations)
