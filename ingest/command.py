"""`callbench ingest`: the one process of a data directory that writes the warehouse."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import duckdb
import sqlalchemy as sa

from ingest import derived, maintenance, origin, places, renewal, upgrade, warehouse
from ingest.renewal import Renewal
from ingest.sources.comments import CommentSource
from ingest.sources.edits import EditSource
from ingest.sources.feed import FeedSource
from ingest.sources.imported import ImportedSource
from ingest.upgrade import Say
from ingest.writer import Round, Source, Writer, transaction
from pbx_core import log
from pbx_core.clock import Clock, SystemClock
from pbx_core.domain import records
from pbx_core.errors import Unavailable
from pbx_core.settings import Settings, load
from pbx_core.store import engine
from pbx_core.store.heartbeat import announced, stop_event

COUNT_EVERY_S = 10.0  # a million calls take some milliseconds to count
SAY_EVERY_S = 5.0  # how far a new warehouse is
REST_SHARE = 2.0  # a round that took so much of a processor is followed by twice as much rest: calls come first
REST_S_MAX = 10.0
PROBLEM_CHARS_MAX = 600  # of what is told on the board and in the log
DRAIN_S_MAX = 30.0  # how long the last rounds may take after SIGTERM; the journals keep what is left

_log = log.get(__name__)


@dataclass
class Progress:
    """What the board shows; written by the loop, read by the heartbeat's thread."""

    last_round: str | None = None
    last_commit: str | None = None
    rows: int = 0
    rejects: int = 0
    lag_s: float = 0.0  # age of the oldest line of the last commit, when it was committed
    backlog: bool = False
    problem: str | None = None
    calls: dict[str, int] | None = None  # of all time by disposition; None until counted
    says: str | None = None  # what `up` tells at its terminal: a new warehouse is made, how far it is

    def detail(self) -> dict[str, Any]:
        """The row's detail."""
        return dict(vars(self))


class Loop:
    """Rounds and maintenance with one writer, which is opened anew after an error of DuckDB."""

    def __init__(
        self, settings: Settings, clock: Clock, db: sa.Engine, under_way: Renewal | None = None, say: Say = click.echo
    ) -> None:
        """under_way: what `upgrade.prepare` gave; say: where its progress is told."""
        self._settings = settings
        self._under_way = under_way
        self._say = say
        self._said_at = clock.monotonic()
        self._clock = clock
        self._place = places.of(settings)
        own = origin.make(settings)
        self._sources: list[Source] = [
            FeedSource(settings.journal_dir, clock),
            CommentSource(db, own),
            EditSource(db, own),
            ImportedSource(settings),
        ]
        self._writer: Writer | None = None
        self._epoch = maintenance.Epoch(settings)
        self._tidied_at = clock.monotonic()
        self._counted_at = -COUNT_EVERY_S
        self.progress = Progress(says=upgrade.beginning(settings, under_way) if under_way else None)

    def run(self, stop: threading.Event) -> None:
        """Until stop is set; then what was written before is loaded, too."""
        while not stop.is_set():
            began_s = time.process_time()
            backlog = self.step()
            if not backlog:
                self._maintain()
                rest_s = min(REST_SHARE * (time.process_time() - began_s), REST_S_MAX)
                stop.wait(max(self._settings.ingest_interval_s, rest_s))
        deadline = self._clock.monotonic() + DRAIN_S_MAX
        while self.step() and self._clock.monotonic() < deadline:
            pass
        self.close()

    def step(self) -> bool:
        """One round; whether more waits. A locked catalog or database is told on the board and tried again later;
        ConfigError when the warehouse is damaged."""
        try:
            with self._place.turn():
                done = self._open().round()
            self._count()
        except (Unavailable, sa.exc.OperationalError) as error:
            self._trouble(str(error))
            return False
        except duckdb.Error as error:
            self._trouble(self._place.problem(error))
            self.close()
            return False
        self._note(done)
        self._renew(done)
        return done.backlog

    def close(self) -> None:
        """Give up the connection; the next step opens another."""
        if self._writer is not None:
            self._writer.con.close()
            self._writer = None
        self._place.close()

    def _open(self) -> Writer:
        if self._writer is None:
            con = warehouse.open_writer(self._settings)
            try:
                orphans = maintenance.remove_orphans(con, self._clock, alone=self._place.torn)
                self._writer = Writer(con, self._clock, self._sources)
            except BaseException:
                con.close()
                raise
            if orphans:
                _log.info("files of an interrupted commit removed", extra={"files": orphans})
        return self._writer

    def _maintain(self) -> None:
        if self._clock.monotonic() - self._tidied_at < self._settings.maintenance_interval_s:
            return
        self._tidied_at = self._clock.monotonic()
        if self._writer is None:
            return
        try:
            with self._place.turn():
                done = maintenance.tidy(self._writer.con, self._clock, self._epoch)
        except Unavailable as error:
            self._trouble(str(error))
        except duckdb.Error as error:
            self._trouble(self._place.problem(error))
            self.close()
        else:
            took = round(self._clock.monotonic() - self._tidied_at, 3)
            _log.info("tidied", extra={"seconds": took, **vars(done)})

    def _renew(self, done: Round) -> None:
        """While the warehouse is made anew: tell how far it is; when nothing is left, let everybody read again."""
        due = self._clock.monotonic() - self._said_at >= SAY_EVERY_S
        if self._under_way is None or self._writer is None:
            self.progress.says = None if due else self.progress.says
        elif not done.backlog:
            renewal.done(self._settings)
            target, self._under_way = self._under_way.target, None
            self._tell(f"The new warehouse is ready, {self.progress.rows} records; the old one is in {target}.")
        elif due:
            share = upgrade.share_loaded(self._settings, self._writer.con)
            self._under_way = renewal.loading(self._settings, self._under_way, share)
            self._tell(f"The new warehouse: {share:.0%} of the journals read, {self.progress.rows} records loaded.")

    def _tell(self, sentence: str) -> None:
        self._said_at = self._clock.monotonic()
        self.progress.says = sentence
        self._say(sentence)

    def _count(self) -> None:
        """The calls of the warehouse, for those who watch the service."""
        if self._writer is None or self._clock.monotonic() - self._counted_at < COUNT_EVERY_S:
            return
        self._counted_at = self._clock.monotonic()
        statement = "SELECT disposition, count(*) FROM lk.main.call GROUP BY disposition"
        self.progress.calls = dict(self._writer.con.execute(statement).fetchall())

    def _note(self, done: Round) -> None:
        now = self._clock.now()
        progress = self.progress
        progress.last_round = records.iso(now)
        progress.backlog = done.backlog
        progress.problem = None
        if done.committed:
            progress.last_commit = progress.last_round
            progress.rows += done.rows
            progress.rejects += done.rejects
            if done.oldest_at:
                progress.lag_s = round(max(0.0, (now - records.parse_iso(done.oldest_at)).total_seconds()), 3)

    def _trouble(self, problem: str) -> None:
        self.progress.problem = problem[:PROBLEM_CHARS_MAX]
        _log.warning("nothing ingested this time; trying again", extra={"reason": problem[:PROBLEM_CHARS_MAX]})


@click.command()
@click.option("--once", is_flag=True, help="Load what is there, then end.")
@click.option("--rebuild", is_flag=True, help="Move the warehouse aside and make it anew from the journals, then end.")
@click.option("--derive", is_flag=True, help="Make conversations and figures anew from the warehouse's rows, then end.")
@click.pass_obj
def ingest(data: Path, once: bool, rebuild: bool, derive: bool) -> None:
    """Load the journals, the comments and the edits into the warehouse."""
    settings = load(data)
    log.setup("ingest", settings.log_level)
    clock = SystemClock()
    if derive:
        with warehouse.exclusive(settings, clock):
            derive_all(settings)
        click.echo("Conversations and figures are made anew.")
        return
    db = engine.connect(settings)
    with warehouse.exclusive(settings, clock):
        under_way = upgrade.prepare(settings, clock, click.echo, asked=rebuild)
        loop = Loop(settings, clock, db, under_way)
        if once or rebuild:
            load_all(loop)
            click.echo(f"{loop.progress.rows} records loaded, {loop.progress.rejects} lines rejected.")
            return
        stop = stop_event()
        with announced(db, clock, "ingest", loop.progress.detail):
            loop.run(stop)


def derive_all(settings: Settings) -> None:
    """All derived rows anew, in one transaction; hold warehouse.exclusive. Unavailable when the catalog is locked."""
    place = places.of(settings)
    try:
        with place.turn(), closing(warehouse.open_writer(settings)) as con, transaction(con):
            derived.rebuild(con, derived.installed())
    finally:
        place.close()


def load_all(loop: Loop) -> None:
    """Rounds until nothing is left; Unavailable when something stands in the way."""
    try:
        while loop.step():
            pass
        if loop.progress.problem:
            raise Unavailable(f"{loop.progress.problem} What was loaded before is kept; run the same command again.")
    finally:
        loop.close()
