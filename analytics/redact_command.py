"""`callbench redact`: look through the transcripts there are once more, after the tenant's wishes have changed.

Text and sound need it not: they are judged by the wishes of the moment whenever somebody asks for them. The search by
words does: it trusts only what was looked through under the wishes of now.
"""

from __future__ import annotations

from pathlib import Path

import click

from analytics.queries import open_reader
from analytics.queries.detail import not_redacted, words
from analytics.redact.record import redaction
from pbx_core.clock import SystemClock
from pbx_core.domain.redaction import wishes_of
from pbx_core.errors import InputError
from pbx_core.feed import Journal, orphans
from pbx_core.settings import load
from pbx_core.store import audit, models, terminal

PRODUCER = "redact"


@click.command()
@click.argument("domain")
@click.pass_obj
def redact(data: Path, domain: str) -> None:
    """Apply what DOMAIN wants hidden to the calls that were transcribed before; repeating it is harmless."""
    settings, db, clock = load(data), terminal.open_db(data), SystemClock()
    owner = terminal.tenant_of(db, domain)
    wishes = wishes_of(models.active(db, owner.tenant_id)[1])
    if not wishes.any:
        raise InputError(f"The model of {domain} hides nothing: there is nothing to do.", error_id="nothing_hidden")
    reader = open_reader(settings)
    waiting = not_redacted(reader, owner.tenant_id, wishes.sha256)
    for orphan in orphans(settings.journal_dir, PRODUCER):
        orphan.close(clock)
    journal = Journal(settings.journal_dir, PRODUCER, clock)
    found = unknown = 0
    for recording in waiting:
        heard, _ = words(reader, recording)
        if heard is None:  # deleted meanwhile
            continue
        record = redaction(heard, wishes)
        journal.append("redaction", record.recording_id, record.tenant_id, record, sync=False)
        found += bool(record.spans)
        unknown += record.status == "unknown"
    journal.sync()
    journal.close()
    reader.close()
    audit.note(db, clock, owner.tenant_id, None, "redaction_repeated", wishes.sha256)
    terminal.say(
        f"{len(waiting)} recordings of {domain} looked through: something is hidden in {found}, the words of {unknown} "
        "are not known well enough."
    )
