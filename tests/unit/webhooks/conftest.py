"""The default world with a receiver, an endpoint for it, and the two halves of the process that tells it."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from pbx_core.clock import SystemClock
from pbx_core.settings import Settings
from pbx_core.store import endpoints, outbox
from pbx_core.store.directory import Tenant
from pbx_core.store.endpoints import Endpoint
from pbx_core.webhooks.collector import Collector, Find
from pbx_core.webhooks.facts import OFFERED
from pbx_core.webhooks.sender import Sender
from tests.conftest import World
from tests.support import facts
from tests.support.receiver import Receiver, receiving

HOST = "hooks.test"


class Hands(SystemClock):
    """A clock whose hands are turned."""

    ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead

    def turn(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)


@dataclass
class Names:
    """The resolver: what a name leads to, one answer per question, the last one for ever."""

    answers: list[list[str]] = field(default_factory=lambda: [["127.0.0.1"]])
    asked: int = 0

    def resolve(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@dataclass
class Telling:
    """Everything of one test."""

    world: World
    settings: Settings
    clock: Hands
    receiver: Receiver
    names: Names
    sender: Sender
    collector: Collector
    secret: str = ""

    def endpoint(
        self, tenant: Tenant | None = None, events: Sequence[str] = OFFERED, url: str = "", secret: bool = False
    ) -> Endpoint:
        owner = (tenant or self.world.acme).tenant_id
        made, self.secret = endpoints.add(
            self.world.db, self.settings, self.clock, owner, url or self.receiver.url(), events
        )
        return made

    def look(self, endpoint: Endpoint) -> Endpoint:
        return endpoints.find(self.world.db, endpoint.tenant_id, endpoint.endpoint_id)

    def calls(self, tenant: Tenant, count: int) -> list[str]:
        """Calls that are over, into the journals; their ids."""
        rng = random.Random(count)
        made = [facts.make_call(rng, tenant, self.clock.now(), recorded=False) for _ in range(count)]
        facts.write(self.settings, self.clock, [replace(c, events=()) for c in made])
        for path in self.settings.journal_dir.glob("*/*.jsonl"):  # their time is that of the clock, too
            if path.stat().st_mtime > time.time() - 60:
                os.utime(path, (self.clock.now().timestamp(),) * 2)
        return [c.cdr.call_id for c in made]

    def gather(self) -> int:
        return self.collector.round(endpoints.active(self.world.db))

    def send(self, rounds: int = 1) -> None:
        for _ in range(rounds):
            self.sender.round()
            self.sender.settle()

    def states(self, endpoint: Endpoint) -> list[str]:
        return [d.state for d in outbox.recent(self.world.db, endpoint.tenant_id, endpoint.endpoint_id, 1000)]


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with receiving(tmp_path / "receiver", HOST) as running:
        yield running


def telling_of(world: World, receiver: Receiver, find: Find = lambda *_: None) -> Telling:
    own = {"webhook_networks": (ip_network("127.0.0.0/8"),), "webhook_tls_ca": receiver.authority}
    settings, clock, names = world.settings.model_copy(update=own), Hands(), Names()
    sender = Sender(settings, world.db, clock, names.resolve)
    return Telling(world, settings, clock, receiver, names, sender, Collector(settings, world.db, clock, find))


@pytest.fixture
def telling(world: World, receiver: Receiver) -> Iterator[Telling]:
    made = telling_of(world, receiver)
    yield made
    made.sender.close()
