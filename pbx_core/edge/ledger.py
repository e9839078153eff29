"""The edge's journal: of calls that no worker took. No call waits for the disk, and none fails because of it."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from pathlib import Path

from pbx_core import feed, log
from pbx_core.clock import Clock, uuid7_hex
from pbx_core.domain.calls.events import to_record
from pbx_core.domain.model import Model
from pbx_core.domain.records import CallEventRecord, Cdr
from pbx_core.edge.context import Context
from pbx_core.edge.turned_away import EDGE, Attempt, Outcome, story
from pbx_core.errors import Unavailable
from pbx_core.feed import Journal
from pbx_core.sip.rate import Bucket

_log = log.get(__name__)

ROUND_S = 0.5  # what was appended is on disk so much later; a kill -9 does not take it, a power cut may
WAITING_MAX = 40_000  # lines of about 500 bytes, four a call, that the disk does not take; then the oldest are lost
DOUBTS_MAX = 1000
PER_S_MAX = 20.0  # calls of one tenant: a phone in wrong hands must not fill the disk with calls to nowhere
TAIL_BYTES = 4 * 1024 * 1024  # of a worker's segment: what it wrote in its last moments
MARGIN_S = 5.0  # time stamps of files are that coarse at most


class Ledger:
    """Told of every such call once. Appends at once, forces it to disk in a thread, tries again what was refused."""

    def __init__(self, context: Context, model: Callable[[str], Model | None]) -> None:
        """`model`: the tenant's, as far as it is known."""
        self._context = context
        self._model = model
        self._directory = context.settings.journal_dir
        self._clock: Clock | None = None
        self._journal: Journal | None = None
        self._waiting: deque[Cdr | CallEventRecord] = deque(maxlen=WAITING_MAX)
        self._doubts: deque[tuple[Attempt, Outcome]] = deque(maxlen=DOUBTS_MAX)
        self._rates: dict[str, Bucket] = {}
        self._dirty = False
        self._healthy = True
        self.calls = 0

    def open(self, clock: Clock) -> None:
        """Begin to write. Segments of killed predecessors are marked complete: nothing follows in them."""
        self._clock = clock
        try:
            for orphan in feed.orphans(self._directory, EDGE):
                orphan.close(clock)
            self._journal = Journal(self._directory, EDGE, clock)
        except (Unavailable, OSError) as error:
            self._complain(error)

    def tell(self, tried: Attempt, outcome: Outcome) -> None:
        """A call came to nothing here. Never waits. Of a flood of one tenant's calls not all are written."""
        rate = self._rates.setdefault(tried.tenant_id, Bucket(PER_S_MAX))
        if not rate.take(self._context.timers.time()):
            return
        if outcome.doubtful:
            self._doubts.append((tried, outcome))  # files must be read
        else:
            self._add(tried, outcome)

    async def write_forever(self) -> None:
        """Force to disk, try again, settle doubts."""
        while True:
            await self.round()
            await asyncio.sleep(ROUND_S)

    async def round(self) -> None:
        """Once."""
        while self._doubts:
            tried, outcome = self._doubts[0]
            if not await asyncio.to_thread(_told_by_a_worker, self._directory, tried):
                self._add(tried, outcome)
            self._doubts.popleft()
        if self._journal is None and self._clock is not None:
            await asyncio.to_thread(self.open, self._clock)
        self._retry()
        if self._dirty and self._journal is not None:
            self._dirty = False
            try:
                await asyncio.to_thread(self._journal.sync)
            except OSError as error:
                self._dirty = True
                self._complain(error)

    def close(self) -> None:
        """Write what waits, and mark the segment complete."""
        for tried, outcome in self._doubts:
            if not _told_by_a_worker(self._directory, tried):
                self._add(tried, outcome)
        self._retry()
        if self._journal is not None:
            try:
                self._journal.close()
            except (Unavailable, OSError) as error:
                self._complain(error)

    def _add(self, tried: Attempt, outcome: Outcome) -> None:
        """The record before its events: killed in between, we leave one without its story, never a story without its
        record."""
        self.calls += 1
        call_id = uuid7_hex(int(tried.at.timestamp() * 1000), self._context.random(10))
        _log.warning("call that no worker took", extra={"call_id": call_id, "reason": outcome.cause})
        events, record = story(tried, outcome, call_id, self._model(tried.tenant_id))
        self._waiting += [record, *(to_record(event, record.tenant_id) for event in events)]
        self._retry()

    def _retry(self) -> None:
        """Append what waits, in its order."""
        while self._waiting and self._journal is not None:
            record = self._waiting[0]
            kind, id_ = ("cdr", record.call_id) if isinstance(record, Cdr) else ("call_event", _id(record))
            try:
                self._journal.append(kind, id_, record.tenant_id, record, sync=False)
            except (Unavailable, OSError) as error:
                self._complain(error)
                return
            self._waiting.popleft()
            self._dirty = self._healthy = True

    def _complain(self, error: Exception) -> None:
        """Once, until the disk takes something again."""
        if self._healthy:
            _log.error("calls that no worker took are not written", extra={"reason": str(error), "alarm": True})
        self._healthy = False


def _id(event: CallEventRecord) -> str:
    return f"{event.call_id}-{event.seq}"


def _told_by_a_worker(directory: Path, tried: Attempt) -> bool:
    """Whether a worker, dead now, had opened the call: then its successor writes the record."""
    name = f'"sip_call_id":{json.dumps(tried.sip_call_id, ensure_ascii=False)}'.encode()
    since = tried.at.timestamp() - MARGIN_S
    for path in directory.glob("worker-*/*.jsonl"):
        try:
            if path.stat().st_mtime < since:
                continue
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - TAIL_BYTES))
                if name in file.read():
                    return True
        except OSError as error:
            _log.warning("journal of a worker not read", extra={"reason": str(error)})
    return False
