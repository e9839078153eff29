"""`callbench informer`: the process that informs, calls back and keeps the queues tidy."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from pbx_core import feed, log
from pbx_core.clock import SystemClock
from pbx_core.errors import ConfigError
from pbx_core.informer.informer import Informer, run_round
from pbx_core.informer.operator import PRODUCER
from pbx_core.settings import Settings, load
from pbx_core.store import engine, heartbeat

NAME = "informer"


@click.command()
@click.pass_obj
def informer(data: Path) -> None:
    """Call the numbers of running campaigns and the callers who asked to be called back."""
    settings = load(data)
    log.setup(NAME, settings.log_level)
    db, clock, stop = engine.connect(settings), SystemClock(), heartbeat.stop_event()
    with _alone(settings):
        for producer in (NAME, PRODUCER):
            for orphan in feed.orphans(settings.journal_dir, producer):
                orphan.close(clock)  # of a killed predecessor, of a command that was broken off: nothing follows
        journal = feed.Journal(settings.journal_dir, NAME, clock)
        worker = Informer(settings, db, clock, journal)
        with heartbeat.announced(db, clock, NAME, lambda: {"calls_made": worker.started}):
            while not stop.wait(run_round(worker)):
                pass
        journal.close()
    db.dispose()


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Two informers would not hurt each other's calls, but would keep to the pace twice."""
    path = settings.data / "informer.lock"
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError("An informer runs on this data directory already.", error_id="already_running") from None
        yield
