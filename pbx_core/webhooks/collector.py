"""Gathers events into the outbox: from the journals line by line, and from sources that look at more than a line. How
far a journal is read is written down with the events, in one transaction: a kill at any moment loses nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import entry_points

import sqlalchemy as sa

from pbx_core import feed, log
from pbx_core.clock import Clock
from pbx_core.domain import records
from pbx_core.settings import Settings
from pbx_core.store import outbox, services
from pbx_core.store.endpoints import Endpoint
from pbx_core.store.outbox import Event, Read
from pbx_core.store.schema import live_call, queue_call
from pbx_core.webhooks import facts, retry
from pbx_core.webhooks.facts import Fact, Source

SOURCES = "callbench.webhook_facts"  # entry points, named for the type of their events
READ_BYTES = 4 * 1024 * 1024  # of one segment in one round
SOURCE_EVERY_S = 5.0
TIDY_EVERY_S = 600.0
CLOCKS_S = 60.0  # a file system may tell another time than we do
BACK = timedelta(hours=48)  # so far back a source is asked: this process may have been away
OVERLAP = timedelta(minutes=10)  # asked again for what a process that was started again wrote late
SETTLED = timedelta(seconds=5)  # a line written so long before ingest's last round is in the warehouse
LIVE_SEEN = timedelta(seconds=2)  # calls under way are looked at more often than that
NUMBER_DIGITS = 9  # two writings of one number end with the same digits

_log = log.get(__name__)

Find = Callable[[Settings, str], Source | None]


def load_source(settings: Settings, type_: str) -> Source | None:
    """What tells events of a type, of another package; this one imports none of them."""
    for point in entry_points(group=SOURCES, name=type_):
        source: Source = point.load()(settings)
        return source
    return None


class Collector:
    """Of one process."""

    def __init__(self, settings: Settings, db: sa.Engine, clock: Clock, find: Find = load_source) -> None:
        self._settings = settings
        self._db = db
        self._clock = clock
        self._find = find
        self._sources: dict[str, Source | None] = {}  # of the types that somebody has wanted so far
        self._reads = outbox.offsets(db)
        self._asked_at = self._tidied_at = float("-inf")
        self._began = clock.now()
        self._told_until: dict[tuple[str, str], datetime] = {}  # type, tenant
        self._on_the_line: dict[tuple[str, str], datetime] = {}  # tenant, number's end → when it was last in a call

    def round(self, endpoints: Sequence[Endpoint]) -> int:
        """Everything new that one of them wants; how many deliveries that made."""
        if not endpoints:
            return 0
        made = self._journals(endpoints)
        sources = self._wanted(endpoints)
        if sources:
            self._note_live(self._clock.now())
        now = self._clock.monotonic()
        if now - self._asked_at >= SOURCE_EVERY_S:
            self._asked_at = now
            made += self._ask(endpoints, sources)
        if now - self._tidied_at >= TIDY_EVERY_S:
            self._tidied_at = now
            outbox.tidy(self._db, self._clock.now().timestamp(), retry.GIVE_UP_S)
        return made

    def _journals(self, endpoints: Sequence[Endpoint]) -> int:
        since = min(e.since for e in endpoints)
        wanted = frozenset().union(*(e.events for e in endpoints))
        made = 0
        for segment in feed.segments(self._settings.journal_dir):
            read = self._reads.get(segment) or Read(segment, 0, False)
            if read.complete:
                continue
            path = self._settings.journal_dir / segment
            state = path.stat()
            if state.st_mtime < since - CLOCKS_S:
                if feed.is_complete(path):  # of the past, and never looked at again
                    self._reads[segment] = Read(segment, state.st_size, True)
            elif state.st_size > read.position:
                made += self._read(read, state.st_size, endpoints, wanted)
        return made

    def _read(self, start: Read, size: int, endpoints: Sequence[Endpoint], wanted: frozenset[str]) -> int:
        found: list[Event] = []
        position, closed = start.position, False
        for line in feed.read(self._settings.journal_dir, start.segment, start.position, READ_BYTES):
            position = line.end
            closed = line.raw.startswith(b'{"kind":"closed"')
            try:
                found += facts.of_line(line.raw, wanted)
            except Exception as error:  # noqa: BLE001 batch item: one bad line stops nothing; ingest keeps it
                extra = {"segment": line.segment, "offset": line.offset, "reason": str(error)[:200]}
                _log.warning("journal line not understood", extra=extra)
        if position == start.position:
            return 0
        read = Read(start.segment, position, closed and position >= size)
        made = outbox.put(self._db, found, endpoints, self._clock.now().timestamp(), read)
        self._reads[start.segment] = read
        return made

    def _ask(self, endpoints: Sequence[Endpoint], sources: Mapping[str, Source]) -> int:
        """What the sources know of each tenant. Of a number that is just now in a call nothing is told: what becomes of
        that call may change it."""
        complete = self._complete_until()
        if complete is None or complete < self._began:  # calls that ended just before are not known to have been
            return 0
        now = self._clock.now()
        made = 0
        for type_, source in sources.items():
            takers = [e for e in endpoints if type_ in e.events]
            for tenant_id in dict.fromkeys(e.tenant_id for e in takers):
                own = min(e.since for e in takers if e.tenant_id == tenant_id)
                known = self._told_until.get((type_, tenant_id), now - BACK)
                told = source.facts(tenant_id, max(datetime.fromtimestamp(own, UTC), known), complete)
                held = [fact for fact in told if self._talks(tenant_id, fact, complete)]
                events = [facts.event(fact, fact.occurred_at.timestamp()) for fact in told if fact not in held]
                made += outbox.put(self._db, events, takers, now.timestamp())
                until = min((fact.occurred_at for fact in held), default=complete)
                self._told_until[(type_, tenant_id)] = min(until, complete) - OVERLAP
        return made

    def _wanted(self, endpoints: Sequence[Endpoint]) -> dict[str, Source]:
        """Sources by type; one is loaded when the first wants its events, for it may bring much with it."""
        wanted = sorted(frozenset().union(*(e.events for e in endpoints)))
        for type_ in wanted:
            if type_ not in self._sources:
                self._sources[type_] = self._find(self._settings, type_)
        return {type_: source for type_ in wanted if (source := self._sources[type_]) is not None}

    def _complete_until(self) -> datetime | None:
        """Every line written before is in the warehouse; None while ingest is away or behind."""
        board = {s.name: s for s in services.all_services(self._db)}
        ingest = board.get("ingest")
        if ingest is None or not ingest.alive(self._clock.now().timestamp()):
            return None
        last = ingest.detail.get("last_round")
        if not last or ingest.detail.get("backlog") or ingest.detail.get("problem"):
            return None
        return records.parse_iso(str(last)) - SETTLED

    def _note_live(self, now: datetime) -> None:
        with self._db.connect() as connection:
            rows = connection.execute(sa.select(live_call.c.tenant_id, live_call.c.detail)).all()
            queued = connection.execute(sa.select(queue_call.c.tenant_id, queue_call.c.number)).all()
        numbers = [(row.tenant_id, row.number) for row in queued]  # also of those who are to be called back
        for row in rows:
            for name in ("caller", "callee"):
                numbers.append((row.tenant_id, str(json.loads(row.detail).get(name) or "")))
        for tenant_id, number in numbers:
            self._on_the_line[(tenant_id, _end(number))] = now
        self._on_the_line = {key: at for key, at in self._on_the_line.items() if now - at < BACK}

    def _talks(self, tenant_id: str, fact: Fact, complete: datetime) -> bool:
        """Whether the fact's number is in a call, or was in one whose record may not be in the warehouse yet."""
        number = str(fact.data.get("outside_number", ""))
        at = self._on_the_line.get((tenant_id, _end(number))) if number else None
        return at is not None and at >= complete - LIVE_SEEN


def _end(number: str) -> str:
    return re.sub(r"[^0-9]", "", number)[-NUMBER_DIGITS:]
