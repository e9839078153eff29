"""Simulated phones hold, consult and transfer through a real edge; at the worker's place stands a bare engine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pbx_core.clock import SystemClock
from pbx_core.errors import Unavailable
from pbx_core.media.phone import Plan
from pbx_core.media.phones import Phones
from pbx_core.media.port import DialTarget, PortEvent, Signal
from pbx_core.store import directory, heartbeat, services
from tests.support.engines import EngineProcess
from tests.support.ports import free_port, free_range
from tests.support.tones import RATE, heard, samples_of, tone
from tests.support.waiting import until
from tests.support.worker_process import WorkerProcess

pytestmark = pytest.mark.peers


@dataclass
class Office:
    """Alice's phone (101) and the engine that takes her calls."""

    tenant_id: str
    engine: EngineProcess
    phones: Phones

    def call(self, name: str, to: str) -> int:
        """Alice calls; the engine answers."""
        self.phones.call("alice", name, to, Plan())
        leg = self.engine.wait(Signal.INCOMING).handle
        self.engine.ask("answer", leg, {})
        self.engine.wait(Signal.CONFIRMED, leg)
        self.phones.wait("answered", call=name)
        return leg

    def tell(self, leg: int, *progress: tuple[int, str]) -> None:
        """NOTIFY her; the last is final."""
        for n, (status, reason) in enumerate(progress, start=1):
            self.engine.ask("tell_transfer", leg, status, reason, n == len(progress))
            self.phones.wait("transfer", status=status, final=n == len(progress))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    clock = SystemClock()
    ports = {"sip_port": free_port(), "sip_tls_port": free_port()}
    place = WorkerProcess(tmp_path, sip_host="127.0.0.1", model="", **ports)
    engine = EngineProcess("worker", place.port, f"sip:127.0.0.1:{place.internal_port};transport=udp;lr")
    acme = directory.add_tenant(place.db, clock, "Acme", "acme.test")
    directory.add_extension(place.db, clock, acme, "101", "pw-101")
    log = (tmp_path / "edge.log").open("wb")
    command = [sys.executable, "-m", "pbx_core.cli", "--data", str(place.settings.data), "edge"]
    edge = subprocess.Popen(command, env={**os.environ, **place.environment}, stderr=log, stdout=log)
    until(lambda: [s for s in services.all_services(place.db) if s.name == "edge" and s.alive(time.time())])
    row = {"sip_port": engine.port, "capacity_calls": 2, "calls": 0}
    with heartbeat.announced(place.db, clock, "worker-0", lambda: row), Phones(rtp_port=free_range(100)) as phones:
        uri = f"sip:127.0.0.1:{place.settings.sip_port};transport=udp"
        phones.register("alice", "101", "acme.test", "pw-101", uri, Plan(answer="ignore"))
        assert phones.wait("registered")["status"] == 200
        yield Office(acme.tenant_id, engine, phones)
    edge.send_signal(signal.SIGTERM)
    edge.wait(40)
    place.close()
    engine.close()


def wish_of(event: PortEvent) -> str:
    assert event.detail["refer_sub"] is True
    return str(event.detail["refer_to"])


def test_a_blind_transfer_is_told_to_its_end_and_the_phone_hangs_up(office: Office) -> None:
    leg = office.call("talk", "102")
    office.phones.transfer("talk", "103")
    assert "sip:103@acme.test" in wish_of(office.engine.wait(Signal.TRANSFER, leg))
    office.tell(leg, (100, "Trying"), (180, "Ringing"), (200, "OK"))
    office.phones.wait("ended", call="talk")
    office.engine.wait(Signal.ENDED, leg)


def test_a_transfer_that_fails_leaves_the_phone_in_its_call(office: Office) -> None:
    leg = office.call("talk", "102")
    office.phones.transfer("talk", "999")
    office.engine.wait(Signal.TRANSFER, leg)
    office.tell(leg, (404, "Not Found"))
    office.phones.hold("talk", True)
    office.engine.wait(Signal.HELD, leg)
    office.phones.hold("talk", False)
    office.engine.wait(Signal.UNHELD, leg)
    office.phones.transfer("talk", "103")
    assert "sip:103@" in wish_of(office.engine.wait(Signal.TRANSFER, leg)), "and may try again"


def test_an_attended_transfer_names_the_dialog_of_the_consultation(office: Office) -> None:
    talk = office.call("talk", "102")
    office.phones.hold("talk", True)
    office.engine.wait(Signal.HELD, talk)
    office.call("consultation", "103")
    with pytest.raises(Unavailable, match="no call 'nobody'"):
        office.phones.transfer_attended("talk", "nobody")
        office.phones.wait("transfer")
    office.phones.transfer_attended("talk", "consultation")
    wish = wish_of(office.engine.wait(Signal.TRANSFER, talk))
    assert "sip:103@" in wish and "Replaces=" in wish
    office.tell(talk, (200, "OK"))
    office.phones.wait("ended", call="talk")


def test_digits_and_early_media_by_command(office: Office, tmp_path: Path) -> None:
    leg = office.call("talk", "102")
    office.phones.dtmf("talk", "12#")
    assert [office.engine.wait(Signal.DTMF, leg).digit for _ in range(3)] == ["1", "2", "#"]
    office.phones.plan("alice", Plan(early=str(tone(tmp_path / "busy tune.wav", 700, 1.0)), answer="ignore"))
    target = DialTarget("sip:101@acme.test", "", {"X-Tenant": office.tenant_id})
    back, _ = office.engine.ask("dial", target)
    assert office.engine.wait(Signal.RINGING, back, status=183).detail["media"]
    office.engine.ask("start_recording", back, tmp_path / "early.wav")
    until(lambda: len(samples_of(tmp_path / "early.wav")) > RATE, what="early media")
    assert set(heard(samples_of(tmp_path / "early.wav")[RATE // 2 :], [400.0, 700.0])) == {700.0}
