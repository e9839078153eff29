"""`callbench import list` and `undo`: what was brought in, and out with it again."""

from __future__ import annotations

from pathlib import Path

import click

from ingest.imports import undo
from ingest.imports.following import follow
from ingest.sources.imported import UNDONE
from pbx_core import log
from pbx_core.clock import SystemClock
from pbx_core.errors import Unavailable
from pbx_core.settings import load
from pbx_core.store.terminal import open_db, say, table, tenant_of


@click.command("list")
@click.option("--tenant", "domain", required=True, help="Domain of the tenant.")
@click.pass_obj
def list_(data: Path, domain: str) -> None:
    """Imports, the oldest first: id, time, what was read, what it made, whether it is undone."""
    settings = load(data)
    owner = tenant_of(open_db(data), domain)
    table(_HEADS, undo.listed(settings, owner.tenant_id), "Nothing was imported.")


_HEADS = ("import", "imported", "source", "formats", "calls", "recordings", "state")


@click.command("undo")
@click.argument("import_id")
@click.option("--tenant", "domain", required=True, help="Domain of the tenant.")
@click.pass_obj
def undo_command(data: Path, import_id: str, domain: str) -> None:
    """Take an import out again: its calls, what was derived from them, the copies of its recordings."""
    settings, clock = load(data), SystemClock()
    log.setup("import", "WARNING")
    db = open_db(data)
    owner = tenant_of(db, domain)
    note = undo.begin(settings, clock, db, owner.tenant_id, import_id)
    if note.done:
        say(f"The import {import_id} was undone already, on {undo.shown_at(note.undone_at)}.")
        return
    if not follow(settings, clock, db, f"{note.tenant_id}/{note.import_id}", (UNDONE,)):
        raise Unavailable(
            "It is marked as undone, but the ingest process did not take its calls out in time; it will as soon as it "
            "can. Run the same command again then: the copies of the recordings are still there."
        )
    count = undo.finish(settings, db, note)
    say(
        f"The import {import_id} is undone, {count} recordings of it are removed. The folder it came from is untouched."
    )
