"""Until what was staged or undone is in the warehouse: by ourselves, or by the ingest process that runs."""

from __future__ import annotations

import time

import click
import sqlalchemy as sa

from ingest import upgrade, warehouse
from ingest.command import Loop, load_all
from ingest.sources.imported import SOURCE
from ingest.writer import read_offsets
from pbx_core.clock import Clock
from pbx_core.errors import Unavailable
from pbx_core.settings import Settings

WAIT_S_MAX = 3600.0
LOOK_EVERY_S = 0.5


def follow(settings: Settings, clock: Clock, db: sa.Engine, segment: str, wanted: tuple[int, ...]) -> bool:
    """Whether it is; segment: tenant/import, wanted: positions of its offset that say so."""
    deadline = clock.monotonic() + WAIT_S_MAX
    while clock.monotonic() < deadline:
        try:
            with warehouse.exclusive(settings, clock):
                load_all(Loop(settings, clock, db, upgrade.prepare(settings, clock, click.echo)))
                return True
        except Unavailable as error:
            if "Another ingest" not in str(error):
                raise
        if _position(settings, segment) in wanted:
            return True
        time.sleep(LOOK_EVERY_S)
    return False


def _position(settings: Settings, segment: str) -> int | None:
    try:
        con = warehouse.open_reader(settings)
    except Unavailable:
        return None
    try:
        known = read_offsets(con).get((SOURCE, segment))
        return None if known is None else known.position
    finally:
        con.close()
