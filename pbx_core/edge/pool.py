"""The workers: read from the board of services, counted here between two readings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

import psutil
import sqlalchemy as sa

from pbx_core import log
from pbx_core.edge.transactions import Timers
from pbx_core.sip.routing import WorkerSlot
from pbx_core.store import services

_log = log.get(__name__)
READ_S = 0.5
READ_WAITING_S = 0.1  # while a call waits for a worker
SETTLE_S = 3.0  # the board's count may lag so long behind ours
CALLS_MAX = 50_000


@dataclass
class _Call:
    worker: str
    since: float


class Pool:
    """Which workers live and how many calls each holds."""

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._board: dict[str, WorkerSlot] = {}
        self._calls: dict[str, _Call] = {}
        self._full_until: dict[str, float] = {}
        self._pids: dict[int, int] = {}  # of workers seen → port
        self._wake = asyncio.Event()
        self.waiting = 0
        self.on_death: Callable[[int], None] = lambda port: None  # told the port of a worker whose process is gone

    @property
    def calls(self) -> int:
        """Calls in flight."""
        return len(self._calls)

    def ports(self) -> set[int]:
        """Ports of all workers known."""
        return {w.port for w in self._board.values()}

    def seen(self, workers: list[WorkerSlot]) -> None:
        """The board was read: forget workers that are gone and calls that the workers no longer hold."""
        self._board = {w.name: w for w in workers}
        self._pids |= {w.pid: w.port for w in workers if w.pid}
        for pid in [p for p in self._pids if not psutil.pid_exists(p)]:
            self.on_death(self._pids.pop(pid))
        now = self._timers.time()
        for name in {c.worker for c in self._calls.values()}:
            held = [(call.since, key) for key, call in self._calls.items() if call.worker == name]
            old = sorted(item for item in held if now - item[0] > SETTLE_S)
            reported = self._board[name].calls if name in self._board else 0
            for _, key in old[: max(0, len(old) - reported)]:  # their BYE never came this way
                del self._calls[key]

    def slots(self) -> list[WorkerSlot]:
        """Workers with the calls they hold, by the board or by our own count, whichever is higher."""
        now = self._timers.time()
        own: dict[str, int] = {}
        for call in self._calls.values():
            own[call.worker] = own.get(call.worker, 0) + 1
        return [
            replace(w, calls=max(w.calls, own.get(w.name, 0)))
            for w in self._board.values()
            if self._full_until.get(w.name, 0.0) <= now
        ]

    def take(self, call_id: str, worker: str) -> None:
        """A call goes to a worker."""
        if len(self._calls) < CALLS_MAX:
            self._calls[call_id] = _Call(worker, self._timers.time())

    def release(self, call_id: str) -> None:
        """The call ended, or was refused."""
        self._calls.pop(call_id, None)

    def refused(self, worker: str) -> None:
        """It said that it has no slot: do not ask it again at once."""
        self._full_until[worker] = self._timers.time() + READ_S
        if len(self._full_until) > 1000:
            self._full_until.clear()

    def hurry(self) -> None:
        """A call waits: read the board soon."""
        self._wake.set()

    async def read_forever(self, db: sa.Engine, wall: Callable[[], float]) -> None:
        """Keep the picture fresh."""
        while True:
            try:
                found = await asyncio.to_thread(_read, db, wall())
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


def _read(db: sa.Engine, now: float) -> list[WorkerSlot]:
    out = []
    for row in services.all_services(db):
        if row.name.startswith("worker-") and row.alive(now):
            detail = row.detail
            port = detail.get("sip_port")
            if isinstance(port, int):
                calls, capacity = detail.get("calls", 0), detail.get("capacity_calls", 0)
                out.append(WorkerSlot(row.name, port, int(capacity), int(calls), row.pid))
    return out
