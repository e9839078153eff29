"""The volume fills up in the middle of a call: people go on talking, and when there is space again nothing is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from analytics import queries
from pbx_core.clock import SystemClock
from pbx_core.demo import dialogues
from pbx_core.domain.records import Disposition
from pbx_core.media.phone import Plan
from pbx_core.media.phones import Phones
from pbx_core.settings import load
from pbx_core.store import directory, engine
from tests.support import speech
from tests.support.ports import free_range
from tests.support.sound import whole
from tests.support.system import System, running
from tests.support.waiting import until

VOLUME_MIB = 64
TALK_S = 7.0

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small volume needs root")


@pytest.fixture
def small_volume(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "volume"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={VOLUME_MIB}m", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def _fill(place: Path) -> Path:
    ballast = place / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 65536)
        except OSError:
            return ballast


def _phones(system: System, talk: dialogues.Dialogue) -> Phones:
    edge = f"sip:127.0.0.1:{system.settings.sip_port};transport=udp"
    phones = Phones(rtp_port=free_range(200, 31000, 32700))
    for number in ("101", "102"):
        plan = Plan(play=str(talk.callee_wav))
        phones.register(number, number, "acme.test", f"pw-{number}", edge, plan)
        phones.wait("registered", account=number, status=200)
    return phones


def _details(system: System, tenant: directory.Tenant) -> list[queries.CallDetail]:
    reader, scope = queries.open_reader(system.settings), queries.Scope(tenant.tenant_id)
    ids = queries.calls(reader, scope).frame["call_id"]
    return [d for i in ids if (d := queries.call(reader, scope, str(i)))]


def test_a_disk_that_fills_in_mid_call_costs_no_call_and_no_record(small_volume: Path) -> None:
    data, clock = small_volume / "data", SystemClock()
    db = engine.migrate(load(data))
    tenant = directory.add_tenant(db, clock, "Acme Ltd", "acme.test")
    for number in ("101", "102"):
        directory.add_extension(db, clock, tenant, number, f"pw-{number}")
    talk = dialogues.load("sales")
    with running(data, db, model_dir=speech.model().path, disk_warn_share=0.02, disk_stop_share=0.01) as system:
        with _phones(system, talk) as phones:
            phones.call("101", "c1", "102", Plan(play=str(talk.caller_wav), hangup_after_s=TALK_S))
            phones.wait("answered", call="c1")
            until(lambda: list(system.settings.spool_dir.glob("*/*/meta.json")), what="the recording under way")
            ballast = _fill(small_volume)
            assert shutil.disk_usage(small_volume).free < 65536
            ended = phones.wait("ended", call="c1")
            assert ended["talk_s"] > TALK_S - 0.5, "the call itself must not suffer"
            ballast.unlink()
            first = until(lambda: [d for d in _details(system, tenant) if d.recording], 60, 0.5, what="the record")
            assert first[0].cdr.disposition is Disposition.ANSWERED
            assert first[0].cdr.talk_s > TALK_S - 1 and first[0].cdr.hangup_party == "caller"
            assert first[0].recording
            assert first[0].recording.quality == "truncated", first[0].recording.quality_reason
            assert "disk_full" in (first[0].recording.quality_reason or "")
            phones.call("101", "c2", "102", Plan(play=str(talk.caller_wav), hangup_after_s=4.0))
            phones.wait("ended", call="c2")
            both = until(
                lambda: len(found := [d for d in _details(system, tenant) if d.recording]) == 2 and found,
                60,
                0.5,
                what="the next call",
            )
            assert both[0].recording
            assert whole(both[0].recording), both[0].recording.quality_reason
