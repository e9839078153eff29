"""The workers: read from the board of services; the calls they hold, counted here between two readings."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace

import psutil
import sqlalchemy as sa

from pbx_core import log
from pbx_core.edge.transactions import Timers
from pbx_core.sip.routing import WorkerSlot
from pbx_core.sip.tally import Talk, Tally
from pbx_core.store import services
from pbx_core.store.schema import live_call

_log = log.get(__name__)
READ_S = 0.5
READ_WAITING_S = 0.1  # while a call waits for a worker
HELD_MAX = 10_000  # calls taken over from before this process began
SETTLE_S = 3.0  # the board's count may lag so long behind ours


class Pool:
    """Which workers live and how many calls each holds."""

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._board: dict[str, WorkerSlot] = {}
        self._as_of: dict[str, float] = {}  # worker → when it counted its calls
        self._ended: dict[str, list[tuple[float, float]]] = {}  # worker → calls since (taken, ended)
        self._full_until: dict[str, float] = {}
        self._pids: dict[int, int] = {}  # of workers seen → port
        self._wake = asyncio.Event()
        self.tally = Tally()
        self.waiting: set[Callable[[], None]] = set()  # of calls that no worker has: what ends their wait
        self.on_death: Callable[[int], None] = lambda port: None  # told the port of a worker whose process is gone

    @property
    def calls(self) -> int:
        """Dialogs in flight."""
        return len(self.tally)

    def ports(self) -> set[int]:
        """Ports of all workers known."""
        return {w.port for w in self._board.values()}

    def name(self, port: int) -> str:
        """The worker that listens there, or an empty string."""
        return next((w.name for w in self._board.values() if w.port == port), "")

    def seen(self, workers: list[WorkerSlot]) -> None:
        """The board was read: forget workers that are gone and calls that the workers no longer hold."""
        self._board = {w.name: w for w in workers}
        self._as_of = {w.name: self._timers.time() - w.age_s for w in workers}
        self._ended = {
            name: [(taken, ended) for taken, ended in self._ended.get(name, []) if ended >= as_of]
            for name, as_of in self._as_of.items()
        }
        self._pids |= {w.pid: w.port for w in workers if w.pid}
        for pid in [p for p in self._pids if not psutil.pid_exists(p)]:
            self.on_death(self._pids.pop(pid))
        before = self._timers.time() - SETTLE_S
        for name in self.tally.workers():
            reported = self._board[name].calls if name in self._board else 0
            self.tally.settle(name, reported, before)

    def remember(self, held: list[tuple[str, str, str, str]]) -> None:
        """What workers hold since before this process began: (tenant_id, call_id, worker, extension). Their BYE is not
        recognised: they go with the worker's own count."""
        for tenant_id, call_id, worker, extension in held:
            talk = Talk(worker, self._timers.time(), False, tenant_id, extension, call_id=call_id)
            self.tally.put(f"before:{call_id}:{extension}", talk)

    def slots(self) -> list[WorkerSlot]:
        """Workers with the calls they hold, by the board less what ended since, or by our own count, whichever is
        higher."""
        now = self._timers.time()
        return [
            replace(w, calls=max(w.calls - self._ended_since(w.name), self.tally.count("slot", w.name)))
            for w in self._board.values()
            if self._full_until.get(w.name, 0.0) <= now
        ]

    def _ended_since(self, worker: str) -> int:
        as_of = self._as_of[worker]
        return sum(taken < as_of <= ended for taken, ended in self._ended.get(worker, ()))

    def named(self, name: str) -> WorkerSlot | None:
        """A worker by name, however full."""
        return self._board.get(name)

    def of_extension(self, tenant_id: str, extension: str) -> set[str]:
        """Workers that hold a call of an extension."""
        if not extension:
            return set()
        return {name for name in self._board if self.tally.count("extension", tenant_id, extension, name)}

    def of_tenant(self, tenant_id: str) -> dict[str, int]:
        """Calls of a tenant per worker."""
        return {name: self.tally.count("tenant", tenant_id, name) for name in self._board}

    def take(self, call_id: str, worker: str, talk: Talk | None = None) -> None:
        """A call goes to a worker; "" while one is looked for. What is known of it stays."""
        known = talk or self.tally.get(call_id) or Talk()
        self.tally.put(call_id, replace(known, worker=worker, since=self._timers.time()))

    def release(self, call_id: str) -> None:
        """The call ended, or was refused."""
        talk = self.tally.get(call_id)
        if talk is not None and talk.slot and talk.worker in self._as_of:
            self._ended.setdefault(talk.worker, []).append((talk.since, self._timers.time()))
        self.tally.remove(call_id)

    def refused(self, worker: str) -> None:
        """It said that it has no slot: do not ask it again at once."""
        self._full_until[worker] = self._timers.time() + READ_S
        if len(self._full_until) > 1000:
            self._full_until.clear()

    def shut(self) -> None:
        """We stop: nobody waits any longer."""
        for give_up in list(self.waiting):
            give_up()

    def hurry(self) -> None:
        """A call waits: read the board soon."""
        self._wake.set()

    async def read_forever(self, db: sa.Engine, wall: Callable[[], float]) -> None:
        """Keep the picture fresh."""
        began = False
        while True:
            try:
                found = await asyncio.to_thread(_read, db, wall())
                if not began:
                    self.remember(await asyncio.to_thread(held_calls, db))
                    began = True
                self.seen(found)
            except sa.exc.SQLAlchemyError as error:
                _log.warning("board not read; going on with what is known", extra={"reason": str(error)[:300]})
            await asyncio.sleep(READ_WAITING_S)
            if not self.waiting:
                self._wake.clear()
                try:
                    async with asyncio.timeout(READ_S - READ_WAITING_S):
                        await self._wake.wait()
                except TimeoutError:
                    pass


def held_calls(db: sa.Engine) -> list[tuple[str, str, str, str]]:
    """The calls under way as their workers tell them, once per extension in them."""
    columns = live_call.c.tenant_id, live_call.c.call_id, live_call.c.worker, live_call.c.extensions
    with db.connect() as connection:
        rows = connection.execute(sa.select(*columns).limit(HELD_MAX)).all()
    return [(r.tenant_id, r.call_id, r.worker, str(number)) for r in rows for number in json.loads(r.extensions)]


def _read(db: sa.Engine, now: float) -> list[WorkerSlot]:
    out = []
    for row in services.all_services(db):
        if row.name.startswith("worker-") and row.alive(now):
            detail = row.detail
            port = detail.get("sip_port")
            if isinstance(port, int):
                calls, capacity = detail.get("calls", 0), detail.get("capacity_calls", 0)
                age_s = max(0.0, now - row.heartbeat_at)
                out.append(WorkerSlot(row.name, port, int(capacity), int(calls), row.pid, age_s))
    return out
