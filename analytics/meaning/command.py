"""`callbench meaning`: apply the wishes of today to the calls of yesterday."""

from __future__ import annotations

import sys
from datetime import timedelta
from functools import partial
from pathlib import Path

import click

from pbx_core.clock import SystemClock
from pbx_core.domain.records import MeaningRecord
from pbx_core.errors import Unavailable
from pbx_core.feed import Journal, orphans
from pbx_core.settings import load
from pbx_core.store import models
from pbx_core.store.model_command import tenant_option
from pbx_core.store.terminal import open_db, say, tenant_of

PRODUCER = "meaning"
DAYS_MAX = 3660


@click.command("meaning")
@tenant_option
@click.option("--days", type=click.IntRange(1, DAYS_MAX), default=30, show_default=True, help="How far back.")
@click.pass_obj
def command(data: Path, domain: str, days: int) -> None:
    """Apply the trackers, checklists and rules in force to calls that were transcribed under other ones. Nothing is
    transcribed again; what comes out the same is left alone, so it may be stopped and repeated."""
    from analytics import queries
    from analytics.meaning.again import again
    from analytics.queries.heard import each, heard
    from analytics.remade import changes

    db = open_db(data)
    owner = tenant_of(db, domain)
    settings, clock = load(data), SystemClock()
    _, model = models.active(db, owner.tenant_id)
    try:
        reader = queries.open_reader(settings)
    except Unavailable as error:
        raise Unavailable(f"There are no past calls to look at: {error}") from None
    for orphan in orphans(settings.journal_dir, PRODUCER):
        orphan.close(clock)
    journal = Journal(settings.journal_dir, PRODUCER, clock)

    def write(record: MeaningRecord) -> None:
        journal.append("meaning", record.recording_id, record.tenant_id, record, sync=False)

    try:
        scope = queries.Scope(owner.tenant_id)
        found = heard(reader, scope, clock.now() - timedelta(days=days), clock.now())
        with click.progressbar(found, label=f"{len(found)} recordings", file=sys.stderr) as each_one:
            tally = again(each(reader, scope, each_one), model, write, partial(changes, db))
    finally:
        journal.sync()
        journal.close()
        reader.close()
    say(f"{tally.changed} of {tally.seen} recordings came out differently; the dashboard shows it within seconds.")
