"""Simulated phones through a real edge and a real worker: what the demo stands on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from pbx_core.domain.model import Extension, Model
from pbx_core.domain.records import Cdr, Disposition
from pbx_core.errors import Unavailable
from pbx_core.media import spool
from pbx_core.media.phone import Plan
from pbx_core.media.phones import Phones
from pbx_core.store import directory, models, services
from tests.support.ports import free_port, free_range
from tests.support.spooled import tone_file
from tests.support.waiting import until
from tests.support.worker_process import WorkerProcess, pitch, wav

pytestmark = pytest.mark.peers


@dataclass
class Exchange:
    """An edge with a worker, and two processes of phones: Alice (101) and Carol (103), Bob (102)."""

    worker: WorkerProcess
    sip_port: int
    left: Phones
    right: Phones

    def edge(self, transport: str) -> str:
        return f"sip:127.0.0.1:{self.sip_port};transport={transport}"

    def cdr_of(self, disposition: Disposition) -> Cdr:
        return until(lambda: [c for c in self.worker.cdrs() if c.disposition is disposition], what=disposition)[0]


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    sip_port, tls_port, rtp = free_port(), free_port(), free_range(400)
    worker = WorkerProcess(tmp_path, sip_host="127.0.0.1", sip_port=sip_port, sip_tls_port=tls_port, model="")
    acme = directory.add_tenant(worker.db, _clock(), "Acme", "acme.test")
    for number in ("101", "102", "103"):
        directory.add_extension(worker.db, _clock(), acme, number, f"pw-{number}")
    short = (Extension(number, ring_s=5.0, voicemail=False) for number in ("101", "102", "103"))
    models.apply(worker.db, _clock(), acme.tenant_id, Model(extensions=tuple(short)), "test")
    log = (tmp_path / "edge.log").open("wb")
    command = [sys.executable, "-m", "pbx_core.cli", "--data", str(worker.settings.data), "edge"]
    edge = subprocess.Popen(command, env={**os.environ, **worker.environment}, stderr=log, stdout=log)
    worker.start()
    until(lambda: [s for s in services.all_services(worker.db) if s.name == "edge" and s.alive(time.time())])
    with Phones(rtp_port=rtp, rtp_ports=200) as left, Phones(rtp_port=rtp + 200, rtp_ports=200) as right:
        made = Exchange(worker, sip_port, left, right)
        left.register("alice", "101", "acme.test", "pw-101", made.edge("udp"), Plan(), name='Alice "A"')
        left.register("carol", "103", "acme.test", "pw-103", made.edge("udp"), Plan(answer="busy"))
        right.register("bob", "102", "acme.test", "pw-102", made.edge("tcp"), Plan(answer="ignore"))
        for phones, account in ((left, "alice"), (left, "carol"), (right, "bob")):
            assert phones.wait("registered", account=account)["status"] == 200
        yield made
    edge.send_signal(signal.SIGTERM)
    edge.wait(40)
    worker.close()


def _clock() -> object:
    from pbx_core.clock import SystemClock

    return SystemClock()


def test_a_talk_with_hold_and_digits_between_udp_and_tcp(exchange: Exchange, tmp_path: Path) -> None:
    left, right = exchange.left, exchange.right
    right.plan("bob", Plan(answer_after_s=0.3, play=str(tone_file(tmp_path / "bob.wav", 1000, 6)), dtmf=((0.5, "9"),)))
    plan = Plan(
        play=str(tone_file(tmp_path / "alice.wav", 440, 6)), hold=((1.0, 2.5),), dtmf=((3.0, "42"),), hangup_after_s=4.5
    )
    left.call("alice", "talk", "102", plan)
    assert left.wait("ringing", call="talk")["status"] == 180
    assert "Alice" in right.wait("incoming", account="bob")["caller"]
    digits = [right.wait("dtmf")["digit"] for _ in range(2)]
    assert digits == ["4", "2"]
    assert left.wait("dtmf", call="talk")["digit"] == "9"
    assert left.wait("ended", call="talk")["status"] == 200
    assert right.wait("ended")["talk_s"] > 4.0

    cdr = exchange.cdr_of(Disposition.ANSWERED)
    assert cdr.caller_name == 'Alice "A"'
    assert (cdr.hangup_party, cdr.dtmf_digits) == ("caller", 3)
    assert cdr.talk_s > 4.0
    held, unheld = (next(e.mono_s for e in exchange.worker.events() if e.type == kind) for kind in ("held", "unheld"))
    assert cdr.hold_s == pytest.approx(unheld - held, abs=0.01)
    folder = exchange.worker.spooled(cdr)
    until(lambda: spool.read_end(folder))
    for name, hertz in ((spool.CALLER_WAV, 440), (spool.CALLEE_WAV, 1000)):
        assert pitch(folder / name) == pytest.approx(hertz, abs=10)
        samples, rate = wav(folder / name)
        assert len(samples) / rate == pytest.approx(cdr.talk_s, abs=0.25)
    samples, rate = wav(folder / spool.CALLER_WAV)
    begun = next(e.mono_s for e in exchange.worker.events() if e.type == "recording_started")
    quiet = samples[int((held - begun + 0.4) * rate) : int((unheld - begun - 0.4) * rate)]
    assert float(np.abs(quiet).max()) < 0.01, "who holds says nothing"


def test_one_call_of_every_other_kind(exchange: Exchange) -> None:
    left, right = exchange.left, exchange.right
    left.call("alice", "missed", "102", Plan())
    assert left.wait("ended", call="missed")["status"] == 480
    right.call("bob", "busy", "103", Plan())
    assert right.wait("ended", call="busy")["status"] == 486
    right.call("bob", "unknown", "199", Plan())
    assert right.wait("ended", call="unknown")["status"] == 404
    left.call("alice", "cancelled", "102", Plan(cancel_after_s=0.8))
    assert left.wait("ended", call="cancelled")["status"] == 487
    right.plan("bob", Plan(answer="decline"))
    left.call("alice", "declined", "102", Plan())
    assert left.wait("ended", call="declined")["status"] == 603
    until(lambda: len(exchange.worker.cdrs()) == 5, what="five records")
    found = [(c.disposition, c.cause) for c in exchange.worker.cdrs()]
    assert found == [
        (Disposition.NO_ANSWER, "ring limit 5 s"),
        (Disposition.BUSY, "486 Busy Here"),
        (Disposition.FAILED, "wrong_number"),
        (Disposition.CANCELLED, "caller hung up before an answer"),
        (Disposition.FAILED, "603 Decline"),
    ]


def test_a_command_that_makes_no_sense_is_answered_and_the_phones_live_on(exchange: Exchange) -> None:
    exchange.left.say(do="dance")
    with pytest.raises(Unavailable, match="cannot 'dance'"):
        exchange.left.wait("registered", account="nobody")
    exchange.left.call("alice", "still", "103", Plan())
    assert exchange.left.wait("ended", call="still")["status"] == 486
