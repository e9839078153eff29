"""An exchange small enough to look into: one edge, one worker, and processes of simulated phones, on free ports."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from pbx_core.clock import SystemClock
from pbx_core.domain import modelfile
from pbx_core.domain.records import CallEventRecord, Cdr
from pbx_core.errors import Unavailable
from pbx_core.media.phone import Plan
from pbx_core.media.phones import Phones
from pbx_core.store import directory, models, services
from pbx_core.store.schema import queue_call
from tests.support.ports import free_port, free_range
from tests.support.waiting import until
from tests.support.worker_process import WorkerProcess, wav

DOMAIN = "acme.test"
RTP_PORTS = 60  # of one process of phones


@dataclass
class Exchange:
    """A running edge and worker with phones: `phones` gives the process in which an extension's phone is."""

    worker: WorkerProcess
    sip_port: int
    tenant_id: str
    phones: dict[str, Phones] = field(default_factory=dict)

    def edge(self, transport: str = "udp") -> str:
        return f"sip:127.0.0.1:{self.sip_port};transport={transport}"

    def plan(self, number: str, plan: Plan) -> None:
        """What the extension's phone does with calls that come in."""
        self.phones[number].plan(number, plan)

    def call(self, number: str, name: str, to: str, plan: Plan | None = None) -> None:
        """The extension calls; `name` is ours for it."""
        self.phones[number].call(number, name, to, plan or Plan())

    def say(self, number: str, **command: Any) -> None:
        """A command to the extension's phone."""
        self.phones[number].say(**command)

    def events(self, kind: str) -> list[CallEventRecord]:
        return [e for e in self.worker.events() if e.type == kind]

    def cdrs(self, count: int) -> list[Cdr]:
        """Wait for so many records; in order of their calls' beginning."""
        found = until(lambda: len(all_ := self.worker.cdrs()) >= count and all_, 20.0, what=f"{count} records")
        return sorted(found, key=lambda c: c.started_at)


@contextmanager
def exchange(directory_: Path, model: str, boxes: Sequence[str], **settings: Any) -> Iterator[Exchange]:
    """Start it, everybody signed in; ended at the end. boxes: numbers whose phones share a process, by commas."""
    sip = {"sip_host": "127.0.0.1", "sip_port": free_port(), "sip_tls_port": free_port(), **settings}
    worker = WorkerProcess(directory_, model="", **sip)
    clock = SystemClock()
    tenant = directory.add_tenant(worker.db, clock, "Acme", DOMAIN)
    for number in ",".join(boxes).split(","):
        directory.add_extension(worker.db, clock, tenant, number, f"pw-{number}")
    models.apply(worker.db, clock, tenant.tenant_id, modelfile.read_toml(model), "test")
    rtp = free_range(RTP_PORTS * len(boxes))
    with ExitStack() as stack:
        stack.callback(worker.close)
        stack.enter_context(edge_of(worker, directory_))
        worker.start()
        made = Exchange(worker, int(sip["sip_port"]), tenant.tenant_id)
        for n, numbers in enumerate(boxes):
            box = stack.enter_context(Phones(rtp_port=rtp + RTP_PORTS * n, rtp_ports=RTP_PORTS))
            for number in numbers.split(","):
                made.phones[number] = box
                box.register(number, number, DOMAIN, f"pw-{number}", made.edge(), Plan(), name=f"Phone {number}")
                assert box.wait("registered", account=number)["status"] == 200
        yield made
        for box in made.phones.values():
            with suppress(Unavailable):  # all at once; each takes a second to end
                box.say(do="quit")


@contextmanager
def edge_of(worker: WorkerProcess, directory_: Path) -> Iterator[None]:
    """The edge of a worker's data directory as a process."""
    command = [sys.executable, "-m", "pbx_core.cli", "--data", str(worker.settings.data), "edge"]
    with (directory_ / "edge.log").open("wb") as log:
        process = subprocess.Popen(command, env={**os.environ, **worker.environment}, stderr=log, stdout=log)
        try:
            until(
                lambda: [s for s in services.all_services(worker.db) if s.name == "edge" and s.alive(time.time())],
                30.0,
                what="the edge on the board",
            )
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def call_back_at_once(db: sa.Engine) -> None:
    """Those who asked to be called back and have hung up are called now, not after the seconds left for hanging up."""
    with db.begin() as connection:
        connection.execute(sa.update(queue_call).where(queue_call.c.state == "callback").values(not_before=0.0))


def loudness(path: Path, hertz: float) -> float:
    """The amplitude (0..1) of one frequency in the loudest tenth of a second of a mono WAV. Tenths are counted from the
    first sound on: a tone that began within one would be heard a little at every frequency."""
    samples, rate = wav(path)
    heard = np.flatnonzero(np.abs(samples) > 1e-3)
    samples = samples[heard[0] :] if heard.size else samples
    window = rate // 10
    if len(samples) < window:
        return 0.0
    blocks = samples[: len(samples) // window * window].reshape(-1, window)
    wave = np.exp(-2j * np.pi * hertz * np.arange(window) / rate)
    return float(np.max(np.abs(blocks @ wave))) * 2 / window
