"""Two customers' exchange under attack: a real edge and workers, intruders for phones, carriers and strangers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pbx_core.clock import SystemClock
from pbx_core.domain import modelfile
from pbx_core.domain.records import CallEventRecord, Cdr
from pbx_core.store import directory, models
from pbx_core.store.schema import agent, live_call, live_room, queue_call, service, trunk_state
from tests.support.exchange import edge_of
from tests.support.intruder import Intruder, Leg
from tests.support.ports import free_port
from tests.support.waiting import until
from tests.support.worker_process import WorkerProcess

ACME, BIRCH = "acme.test", "birch.test"
CARRIER, STRANGER = "127.0.0.3", "127.0.0.66"


@dataclass
class Siege:
    """What runs. `tenants`: domain → tenant id; `carrier` is the one trunk of both, it refuses what it is asked."""

    worker: WorkerProcess
    sip_port: int
    carrier: Intruder
    tenants: dict[str, str]
    passwords: dict[tuple[str, str], str]
    peers: list[Intruder] = field(default_factory=list)

    def phone(self, number: str, domain: str = ACME) -> Intruder:
        """A phone that knows its password, signed in."""
        made = Intruder(self.sip_port, number, self.passwords[domain, number], domain)
        self.peers.append(made)
        made.register()
        return made

    def stranger(self, host: str = STRANGER) -> Intruder:
        """Somebody who knows nothing."""
        made = Intruder(self.sip_port, "666", "", ACME, host)
        self.peers.append(made)
        return made

    def dismiss(self) -> None:
        """All phones and strangers go; the calls that are left are ended by hand."""
        for peer in self.peers:
            for leg in [x for x in peer.legs.values() if x.status == 200 and not x.ended]:
                leg.send("BYE")
            peer.silent = False
            if peer.password:
                peer.register(expires_s=0)
            peer.close()
        self.peers.clear()
        self.carrier.incoming.clear()
        self.carrier.status = 486
        until(lambda: not self.rows(live_call), 15, what="no call left")

    def dialled(self) -> list[str]:
        """The numbers that the carrier was asked for since the last dismissal."""
        return [leg.invite.uri.partition(":")[2].partition("@")[0] for leg in self.carrier.incoming]

    def rows(self, table: sa.Table) -> list[Any]:
        """All rows."""
        with self.worker.db.connect() as connection:
            return list(connection.execute(sa.select(table)))

    def cdrs(self) -> list[Cdr]:
        """All records, in order of their calls' beginning."""
        return sorted(self.worker.cdrs(), key=lambda c: c.started_at)

    def events(self, call_id: str = "") -> list[CallEventRecord]:
        """What the journals say of a call, or of all."""
        return [e for e in self.worker.events() if e.call_id == call_id or not call_id]

    def user(self, number: str, domain: str = ACME, **changes: Any) -> None:
        """A user's own settings."""
        models.change_user(self.worker.db, SystemClock(), self.tenants[domain], number, changes, "test")

    def nothing_is_left(self) -> bool:
        """No call, no room, nobody waiting, no agent engaged, no leg in any worker."""
        busy = [a for a in self.rows(agent) if a.offer_id or a.entry_id]
        legs = [s for s in self.rows(service) if s.name.startswith("worker") and '"calls": 0' not in s.detail]
        return not any((self.rows(live_call), self.rows(live_room), self.rows(queue_call), busy, legs))


@contextmanager
def siege(folder: Path, acme: str, birch: str = "", *, slots: int = 2, **settings: Any) -> Iterator[Siege]:
    """Start it. {port} in a model is the carrier's."""
    sip_port = free_port()
    worker = WorkerProcess(
        folder, model="", slots=slots, sip_host="127.0.0.1", sip_port=sip_port, sip_tls_port=free_port(), **settings
    )
    clock = SystemClock()
    with ExitStack() as stack:
        stack.callback(worker.close)
        carrier = Intruder(sip_port, host=CARRIER)
        stack.callback(carrier.close)
        carrier.status = 486
        tenants, passwords = {}, {}
        for domain, text in ((ACME, acme), (BIRCH, birch)):
            tenant = directory.add_tenant(worker.db, clock, domain, domain)
            tenants[domain] = tenant.tenant_id
            document = modelfile.read_toml(text.replace("{port}", str(carrier.port)))
            applied = models.apply(worker.db, clock, tenant.tenant_id, document, "test")
            passwords |= {(domain, number): password for number, password in applied.passwords.items()}
        stack.enter_context(edge_of(worker, folder))
        worker.start()
        made = Siege(worker, sip_port, carrier, tenants, passwords)
        trunks = sum(text.count("[trunks.") for text in (acme, birch))
        until(lambda: len(made.rows(trunk_state)) == trunks, 20, what="the trunks")
        yield made
        for peer in made.peers:
            peer.close()


def answered(leg: Leg) -> Leg:
    """The leg, when it has been answered."""
    assert until(lambda: leg.status, 20) == 200
    return leg


def lasting(seconds: float) -> None:
    """Let so much time of the world pass, where time itself is what is tried."""
    end = time.monotonic() + seconds
    until(lambda: time.monotonic() >= end, seconds + 5)
