"""Where the phones are: all bindings in memory, every change written to the database in groups."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import sqlalchemy as sa

from pbx_core import log
from pbx_core.sip import message as sip
from pbx_core.sip.flow import Flow
from pbx_core.sip.registrar import Binding
from pbx_core.store import bindings
from pbx_core.store.bindings import Owner

_log = log.get(__name__)
RETRY_S = 2.0
BATCH_MAX = 500
PURGE_S = 30.0


class Location:
    """The memory is the truth while the process runs; the database brings it back after a restart.

    While the database refuses (locked, disk full) phones are served from memory and the change is tried again."""

    def __init__(self, db: sa.Engine, wall: Callable[[], float]) -> None:
        self._db = db
        self._wall = wall
        self._held = bindings.load(db, wall())
        self._dirty: dict[Owner, list[Callable[[], None]]] = {}
        self._wake = asyncio.Event()

    @property
    def phones(self) -> int:
        """Bindings held; expired ones for at most PURGE_S more."""
        return sum(len(held) for held in self._held.values())

    @property
    def dirty(self) -> bool:
        """Whether changes wait to be written."""
        return bool(self._dirty)

    def hosts(self) -> set[str]:
        """Source hosts of all bindings."""
        flows = (Flow.parse(b.source) for held in self._held.values() for b in held)
        return {flow.host for flow in flows if flow}

    def get(self, owner: Owner) -> list[Binding]:
        """Live bindings of an extension."""
        now = self._wall()
        return [b for b in self._held.get(owner, ()) if b.expires_at > now]

    def behind_nat(self) -> list[Flow]:
        """UDP flows whose phone believes to be elsewhere: their way back must be kept open."""
        flows = {(Flow.parse(b.source), sip.uri(b.contact).host) for held in self._held.values() for b in held}
        return [flow for flow, host in flows if flow and flow.transport == "udp" and flow.host != host]

    def find(self, contact: str, host: str) -> Flow | None:
        """The newest flow of a contact that registered from `host`; for dialogs whose connection broke."""
        found = [b for held in self._held.values() for b in held if b.contact == contact]
        flows = [f for b in sorted(found, key=lambda b: b.expires_at) if (f := Flow.parse(b.source)) and f.host == host]
        return flows[-1] if flows else None

    def set(self, owner: Owner, held: Sequence[Binding], done: Callable[[], None]) -> None:
        """Replace the bindings of an extension; `done` is called once they are on disk (or the disk refused)."""
        self._put(owner, held)
        self._dirty.setdefault(owner, []).append(done)
        self._wake.set()

    def _put(self, owner: Owner, held: Sequence[Binding]) -> None:
        if held:
            self._held[owner] = tuple(held)
        else:
            self._held.pop(owner, None)

    async def write_forever(self) -> None:
        """The writer: one transaction at a time, off the loop's thread; what gathers meanwhile goes into the next."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._dirty:
                if not await self.flush():
                    await asyncio.sleep(RETRY_S)

    async def flush(self) -> bool:
        """Write what is waiting, at most BATCH_MAX extensions; False when some must be tried again."""
        batch = {owner: self._dirty.pop(owner) for owner in list(self._dirty)[:BATCH_MAX]}
        failed = await self._write({owner: self._held.get(owner, ()) for owner in batch}) if batch else []
        for done in (d for waiting in batch.values() for d in waiting):
            done()
        for owner in failed:
            self._dirty.setdefault(owner, [])
        return not failed

    async def _write(self, changes: dict[Owner, tuple[Binding, ...]]) -> list[Owner]:
        """The owners whose change must be tried again."""
        try:
            await asyncio.to_thread(bindings.replace, self._db, changes)
            return []
        except sa.exc.IntegrityError:  # an extension's tenant was removed meanwhile: write the others
            if len(changes) > 1:
                again = [await self._write({owner: held}) for owner, held in changes.items()]
                return [owner for owners in again for owner in owners]
            self._held.pop(next(iter(changes)), None)
            return []
        except sa.exc.SQLAlchemyError as error:
            _log.error("registrations not written; phones go on, tried again", extra={"reason": str(error)[:300]})
            return list(changes)

    async def purge_forever(self) -> None:
        """Forget what has expired, here and in the database."""
        while True:
            await asyncio.sleep(PURGE_S)
            now = self._wall()
            for owner, held in list(self._held.items()):
                live = tuple(b for b in held if b.expires_at > now)
                if len(live) != len(held):
                    self._put(owner, live)
            try:
                await asyncio.to_thread(bindings.purge, self._db, now)
            except sa.exc.SQLAlchemyError as error:
                _log.warning("expired registrations not removed", extra={"reason": str(error)[:300]})
