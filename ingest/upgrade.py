"""Makes the warehouse anew by itself when its tables are those of another version, from what it was made of.

Everything in the warehouse is a copy: of journals, of imported logs, of the operational database. So an old one is
never changed: it is moved aside whole, and rounds as always fill a new one. Killed in the middle, the next start goes
on where this one was.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb

from ingest import renewal, warehouse
from ingest.places import local, remote
from ingest.renewal import Phase, Renewal
from pbx_core.clock import Clock
from pbx_core.domain import records
from pbx_core.errors import Unavailable
from pbx_core.settings import Settings

ASKED = "somebody asked for it"
SPARE_BYTES = 256 * 1024 * 1024  # must stay free beside the new warehouse: journals and recordings are written, too
DIFFERENCES_NAMED = 3

Say = Callable[[str], object]


def prepare(settings: Settings, clock: Clock, say: Say, *, asked: bool = False) -> Renewal | None:
    """Before the first round, with `exclusive` held: move aside what another version made, or anything when asked.
    The renewal that the rounds to come have to finish, or None when the warehouse is as it should be. Unavailable,
    and nothing moved, when the disk cannot hold both; ConfigError when the warehouse is damaged, or when one that other
    machines write, too, should be made anew."""
    if settings.warehouse_files:
        if asked:
            raise remote.refuse_rebuild(settings)
        return None
    under_way = renewal.read(settings)
    if under_way is None or under_way.phase is Phase.LOADING:
        reason = ASKED if asked else _reason(settings)
        if reason is not None and local.present(settings):
            _check_room(settings)
            target = f"warehouse-{clock.now():%Y%m%dT%H%M%S%f}"
            under_way = renewal.write(settings, Renewal(reason, records.iso(clock.now()), target))
    if under_way is None:
        return None
    if under_way.phase is Phase.MOVING:
        target_path = local.move_to(settings, settings.data / under_way.target)
        say(f"{beginning(settings, under_way)} It takes {gigabytes(size(target_path))}: delete it when all is well.")
        return renewal.loading(settings, under_way)
    say(f"Going on to make the warehouse anew ({under_way.share:.0%} was loaded).")
    return under_way


def beginning(settings: Settings, under_way: Renewal) -> str:
    """What happens, and where the old warehouse is."""
    return (
        f"The warehouse is made anew from the journals, imports and comments, because {under_way.reason}. "
        f"The old one is kept in {settings.data / under_way.target}."
    )


def share_loaded(settings: Settings, con: duckdb.DuckDBPyConnection) -> float:
    """How much of the journals' bytes is in the warehouse, 0..1."""
    total = sum(path.stat().st_size for path in settings.journal_dir.glob("*/*.jsonl"))
    row = con.execute("SELECT sum(position) FROM lk.main.ingest_offset WHERE source = 'feed'").fetchone()
    return min(1.0, float((row and row[0]) or 0) / total) if total else 1.0


def old_copies(settings: Settings) -> list[Path]:
    """Folders of warehouses that were moved aside, oldest first; nothing reads them."""
    return sorted(path for path in settings.data.glob("warehouse-*") if path.is_dir())


def size(path: Path) -> int:
    """Bytes of a file or of all files under a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())


def gigabytes(count: int) -> str:
    """Bytes for people."""
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"


def _reason(settings: Settings) -> str | None:
    """What another version's warehouse lacks or has too much, or None."""
    if not settings.lake_catalog.exists():
        return None
    con = warehouse.attach(settings, read_only=True)
    try:
        found = warehouse.differences(con)
    finally:
        con.close()
    if not found:
        return None
    more = f" and {len(found) - DIFFERENCES_NAMED} more" if len(found) > DIFFERENCES_NAMED else ""
    return f"another version of Callbench made it ({'; '.join(found[:DIFFERENCES_NAMED])}{more})"


def _check_room(settings: Settings) -> None:
    needed = sum(size(path) for path in local.present(settings)) + SPARE_BYTES
    free = shutil.disk_usage(settings.data).free
    if free >= needed:
        return
    copies = "".join(f" {path} ({gigabytes(size(path))})." for path in old_copies(settings))
    raise Unavailable(
        f"The warehouse has to be made anew, and there is too little room beside the old one: {gigabytes(needed)} are "
        f"needed, {gigabytes(free)} are free on the disk of {settings.data}. Nothing was changed, and journals keep "
        "what happens meanwhile. Make room, or move catalog.sqlite* and lake/ to another disk while nothing runs: a "
        f"new warehouse needs nothing of the old one.{' Older copies that may be deleted:' if copies else ''}{copies}"
    )
