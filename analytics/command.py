"""`callbench transcribe`: one transcription process, or one that feeds a Ray cluster."""

from __future__ import annotations

import os
from pathlib import Path

import click
import sqlalchemy as sa

from pbx_core import log
from pbx_core.clock import SystemClock
from pbx_core.errors import ConfigError
from pbx_core.feed import Journal, orphans
from pbx_core.settings import Settings, load
from pbx_core.store import engine, heartbeat

POLL_S = 0.5
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
NICENESS = 10  # calls come first: speech recognition only gets what they leave

_log = log.get(__name__)


@click.command()
@click.option("--slot", type=click.IntRange(0, 99), default=0, show_default=True, help="Number of this process.")
@click.option("--ray", metavar="ADDRESS", help="Let the Ray cluster at host:port do it, on all its processors.")
@click.pass_obj
def transcribe(data: Path, slot: int, ray: str | None) -> None:
    """Measure and transcribe recordings as they come, with one thread or on a Ray cluster."""
    for variable in ONE_THREAD:  # read when numpy is loaded, so the engine is imported only below
        os.environ[variable] = "1"
    from analytics.remade import Remaker
    from analytics.transcriber import Transcriber
    from ingest.audio import decode_speech

    settings = load(data)
    if ray is not None:
        _on_cluster(settings, f"transcribe-ray-{slot}", ray)
        return
    name = f"transcribe-{slot}"
    log.setup(name, settings.log_level)
    stop = heartbeat.stop_event()
    os.nice(NICENESS)
    clock = SystemClock()
    db = engine.connect(settings)
    for orphan in orphans(settings.journal_dir, name):
        orphan.close(clock)
    journal = Journal(settings.journal_dir, name, clock)
    worker = Transcriber(settings, db, clock, journal, name, decode_speech, stop)
    remaker = Remaker(settings, db, clock, journal, name)
    with heartbeat.announced(db, clock, name, worker.board.detail):
        while not stop.is_set():
            try:
                worked = remaker.step() or worker.step()
            except sa.exc.OperationalError as error:  # the database is locked or its disk full
                _log.error("job table not reachable", extra={"reason": str(error.orig)})
                worked = False
            if not worked:
                stop.wait(POLL_S)
    remaker.close()
    journal.close()
    db.dispose()


def _on_cluster(settings: Settings, name: str, address: str) -> None:
    try:
        from analytics import cluster
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise ConfigError("Ray is not installed. Run: pip install 'callbench[ray]'", error_id="no_ray") from error
    from analytics.remade import Remaker
    from ingest.audio import decode_speech

    log.setup(name, settings.log_level)
    os.nice(NICENESS)
    clock = SystemClock()
    db = engine.connect(settings)
    for orphan in orphans(settings.journal_dir, name):
        orphan.close(clock)
    cluster.connect(address)
    stop = heartbeat.stop_event()  # now, as Ray has just set handlers of its own
    hands = cluster.Cluster(settings, db, clock, name, decode_speech)
    journal = Journal(settings.journal_dir, name, clock)
    remaker = Remaker(settings, db, clock, journal, name)
    with heartbeat.announced(db, clock, name, hands.detail):
        hands.run(stop, remaker.step)
    remaker.close()
    journal.close()
    db.dispose()
