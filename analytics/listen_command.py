"""`callbench listen`: the words of running calls, while somebody reads along."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import sqlalchemy as sa

from analytics.command import ONE_THREAD
from pbx_core import log
from pbx_core.clock import SystemClock
from pbx_core.errors import ConfigError
from pbx_core.settings import Settings, load
from pbx_core.store import engine, heartbeat

NAME = "listen"
STEP_S = 0.4  # between looks at the sound; the recorders write every 0.26 s
NICENESS = 8  # calls come first (0), the backlog of finished recordings comes after (10)

_log = log.get(__name__)


@click.command()
@click.option(
    "--idle",
    "idle_s",
    type=click.FloatRange(0),
    default=None,
    help="End after so many seconds without a reader.",
)
@click.pass_obj
def listen(data: Path, idle_s: float | None) -> None:
    """Recognise the words of running calls that somebody reads along with on the page Live."""
    for variable in ONE_THREAD:  # read when numpy is loaded, so the engine is imported only below
        os.environ[variable] = "1"
    from analytics.listener import Listener

    settings = load(data)
    log.setup(NAME, settings.log_level)
    stop = heartbeat.stop_event()
    os.nice(NICENESS)
    clock = SystemClock()
    db = engine.connect(settings)
    with _alone(settings):
        listener = Listener(settings, db, clock)
        with heartbeat.announced(db, clock, NAME, listener.board.detail):
            while not stop.is_set():
                try:
                    listener.step()
                except sa.exc.OperationalError as error:  # the database is locked or its disk full
                    _log.error("database not reachable", extra={"reason": str(error.orig)})
                if idle_s is not None and clock.monotonic() - listener.idle_since > idle_s:
                    break
                stop.wait(STEP_S)
        listener.close()
    db.dispose()


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """One listener per data directory: two would write the same files. The system frees the lock of a dead one."""
    settings.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (settings.run_dir / "listen.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(
                "Another `callbench listen` follows the calls of this data directory; this one is not needed."
            ) from None
        yield
