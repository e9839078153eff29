"""One worker as a process of its own on free ports, and what it leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy.dialects.sqlite import insert

from pbx_core import feed
from pbx_core.clock import SystemClock
from pbx_core.domain import modelfile
from pbx_core.domain.records import CallEventRecord, Cdr
from pbx_core.settings import Settings, load
from pbx_core.store import engine, models, schema, services
from tests.support.edge_role import PEER_S, TENANT, Peer
from tests.support.ports import free_port, free_range
from tests.support.signed_in import binding_row
from tests.support.waiting import until

MODEL = """
languages = ["en"]

[extensions]
101 = { name = "Alice", voicemail = false, ring_s = 25.0 }
102 = { name = "Bob", voicemail = false, ring_s = 25.0 }
103 = { name = "Carol", voicemail = false, ring_s = 25.0 }
"""


class WorkerProcess:
    """`callbench worker --slot 0`. Extra settings by keyword; sipp peers play the edge on `internal_port`. model: of
    the tenant whose calls the scenarios of edge_role carry; "" leaves the database empty."""

    def __init__(self, directory: Path, *, model: str = MODEL, slots: int = 1, **settings: Any) -> None:
        """slots: so many workers, the first of them watched by row(), term() and kill()."""
        self.directory = directory
        self.port = free_port() if slots == 1 else free_range(slots)
        self.internal_port = free_port()
        rtp = free_range(600)
        values = {
            "worker_port_base": self.port,
            "sip_internal_port": self.internal_port,
            "rtp_port_base": rtp,
            "public_address": "127.0.0.1",
            **settings,
        }
        self.environment = {f"CALLBENCH_{k.upper()}": str(v) for k, v in values.items()}
        self.settings: Settings = load(directory / "data", **values)
        self.db = engine.migrate(self.settings)
        if model:
            self.furnish(model)
        self._media_port = rtp + 200
        self.process: subprocess.Popen[bytes] | None = None
        self._peers: list[subprocess.Popen[bytes]] = []
        self._slots = slots

    def furnish(self, model: str) -> None:
        """Put a model in force for the tenant whose calls the scenarios carry, everybody being signed in."""
        clock, now = SystemClock(), time.time()
        known = modelfile.read_toml(model)
        tenant_row = {"tenant_id": TENANT, "name": "Acme", "domain": "acme.test", "created_at": now}
        with self.db.begin() as connection:
            connection.execute(insert(schema.tenant).values(tenant_row).on_conflict_do_nothing())
        models.apply(self.db, clock, TENANT, known, "test")
        with self.db.begin() as connection:
            for extension in known.extensions:
                connection.execute(
                    insert(schema.binding).values(binding_row(TENANT, extension.number, now)).on_conflict_do_nothing()
                )

    def start(self) -> None:
        """Start it and wait until it serves."""
        self.process = self._run(0)
        self._peers += [self._run(slot) for slot in range(1, self._slots)]
        until(self._row_or_death, 30.0, what="worker on the board")
        wanted = {f"worker-{slot}" for slot in range(self._slots)}
        until(lambda: wanted <= {s.name for s in services.all_services(self.db)}, 30.0, what="all workers on the board")

    def _run(self, slot: int) -> subprocess.Popen[bytes]:
        log = (self.directory / "worker.log").open("ab")
        command = [sys.executable, "-m", "pbx_core.cli", "--data", str(self.settings.data), "worker"]
        environment = {**os.environ, **self.environment}
        return subprocess.Popen([*command, "--slot", str(slot)], env=environment, stdout=log, stderr=log)

    def _row_or_death(self) -> services.Service | None:
        assert self.process is not None
        assert self.process.poll() is None, f"the worker ended; see {self.directory / 'worker.log'}"
        return self.row()

    def row(self) -> services.Service | None:
        """Its row on the board, while it lives."""
        assert self.process is not None
        rows = [s for s in services.all_services(self.db) if s.name == "worker-0" and s.pid == self.process.pid]
        return rows[0] if rows and rows[0].alive(time.time()) else None

    def peer(self, name: str, scenario: str, *, calls: int = 1) -> subprocess.Popen[bytes]:
        """A sipp: `alice…` sends to the worker, everybody else waits where the edge's internal port is."""
        alice = name.startswith("alice")
        self._media_port += 20
        peer = Peer(
            self.directory,
            name,
            scenario,
            free_port() if alice else self.internal_port,
            self._media_port,
            f"127.0.0.1:{self.port}" if alice else "",
            calls,
        )
        process = peer.start()
        self._peers.append(process)
        if not alice:
            until(lambda: _is_bound(self.internal_port), what="sipp waits")
        return process

    def finished(self, *peers: subprocess.Popen[bytes]) -> None:
        """Wait for the peers; each must have seen every message of its scenario."""
        for peer in peers:
            assert peer.wait(PEER_S + 10) == 0, self.complaints()

    def complaints(self) -> str:
        """What the peers said went wrong, and the worker's log."""
        said = [p.read_text(errors="replace")[-1500:] for p in self.directory.glob("*.err")]
        return "\n".join([*said, (self.directory / "worker.log").read_text()[-3000:]])

    def term(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """End everything that still runs."""
        for process in (*self._peers, self.process):
            if process and process.poll() is None:
                process.kill()
                process.wait()
        self.db.dispose()

    def records(self) -> list[Any]:
        """Every record in all segments, in order of writing."""
        found = []
        for segment in feed.segments(self.settings.journal_dir):
            for line in feed.read(self.settings.journal_dir, segment):
                entry = feed.decode(line.raw)
                if entry.record is not None:
                    found.append(entry.record)
        return found

    def cdrs(self) -> list[Cdr]:
        return [r for r in self.records() if isinstance(r, Cdr)]

    def events(self) -> list[CallEventRecord]:
        return [r for r in self.records() if isinstance(r, CallEventRecord)]

    def only_cdr(self) -> Cdr:
        """Wait for the one record."""
        found = until(self.cdrs, what="a record")
        assert len(found) == 1
        return found[0]

    def spooled(self, cdr: Cdr) -> Path:
        """The recording's folder in the spool."""
        assert cdr.recording_id
        return self.settings.spool_dir / cdr.tenant_id / cdr.recording_id


def _is_bound(port: int) -> bool:
    wanted = f":{port:04X} "
    return any(wanted in line for line in Path("/proc/net/udp").read_text().splitlines())


def wav(path: Path) -> tuple[np.ndarray[Any, np.dtype[np.float32]], int]:
    """Samples (float32, −1..1) and rate of a mono WAV."""
    with wave.open(str(path)) as file:
        assert file.getnchannels() == 1
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.float32) / 32768
        return samples, file.getframerate()


def pitch(path: Path) -> float:
    """The loudest frequency in Hz; 0.0 for silence."""
    samples, rate = wav(path)
    if float(np.abs(samples).max(initial=0.0)) < 0.01:
        return 0.0
    spectrum = np.abs(np.fft.rfft(samples))
    return float(np.argmax(spectrum)) * rate / len(samples)
