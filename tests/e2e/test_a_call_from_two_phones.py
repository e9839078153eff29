"""From two phones of other people's making to the review page: configured with domain, extension and password only."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from pbx_core.demo import dialogues
from pbx_core.demo.check import DashboardVisitor, SeenCall
from pbx_core.domain.records import Disposition, Party
from tests.conftest import World
from tests.support.baresip import Account, Baresip
from tests.support.sound import whole
from tests.support.system import running
from tests.support.waiting import until

TALK_S = 12.0

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(not shutil.which("baresip"), reason="baresip is not installed (apt-get install baresip-core)"),
]


def _find(visitor: DashboardVisitor) -> SeenCall | None:
    ids = visitor.call_ids()
    return visitor.call(ids[0]) if ids else None


def test_alice_by_udp_calls_bob_by_tls_and_the_manager_reads_it(world: World, tmp_path: Path) -> None:
    talk = dialogues.load("sales")
    with running(world.settings.data, world.db) as system:
        ports = system.settings
        alice_account = Account("101", "acme.test", "pw-acme.test-101", ports.sip_port)
        bob_account = Account("102", "acme.test", "pw-acme.test-102", ports.sip_tls_port, transport="tls")
        with (
            Baresip(tmp_path / "alice", [alice_account], audio_file=talk.caller_wav) as alice,
            Baresip(tmp_path / "bob", [bob_account], audio_file=talk.callee_wav) as bob,
        ):
            alice.wait_registered()
            bob.wait_registered()
            assert system.status()["phones"] == {"acme.test": 2, "birch.test": 0}
            alice.dial("sip:102@acme.test")
            bob.wait_event("CALL_INCOMING")
            bob.answer()
            alice.wait_event("CALL_ESTABLISHED")
            until(lambda: system.status()["calls"] == 1, what="the call in `callbench status`")
            talking = time.monotonic()
            with (
                DashboardVisitor(system.web, "manager@acme.test", "correct horse manager") as manager,
                DashboardVisitor(system.web, "manager@birch.test", "correct horse manager") as stranger,
            ):
                until(manager.read_along, 60, 0.5, what="words of the running call")
                assert "listen" in system.board(), "a process that is started when somebody reads along"
                assert stranger.read_along() == []
                live_after_s = time.monotonic() - talking
                time.sleep(max(0.0, TALK_S - live_after_s))  # two people talk; this is the subject, not a wait
                assert manager.call_ids() == []
                bob.hangup()
                alice.wait_event("CALL_CLOSED")
                hung_up = time.monotonic()
                call = until(lambda: _find(manager), 30, 0.1, what="the call on the Calls page")
                seen_after_s = time.monotonic() - hung_up
                complete = until(
                    lambda: (c := _find(manager)) and c.complete and c, 120, 0.5, what="recording and transcript"
                )
                transcribed_after_s = time.monotonic() - hung_up
                assert complete.recording
                assert manager.recording_faults(complete.recording) == []
                assert stranger.call_ids() == []
                assert not list(system.settings.live_dir.glob("*/*.json")), (
                    "the transcript takes the place of the words"
                )
    print(f"words after {live_after_s:.1f} s of talking")
    print(f"visible after {seen_after_s:.1f} s, transcribed after {transcribed_after_s:.1f} s")
    _check(call, complete)


def _check(call: SeenCall, complete: SeenCall) -> None:
    cdr = call.cdr
    assert (cdr.caller_number, cdr.callee_number, cdr.disposition) == ("101", "102", Disposition.ANSWERED)
    assert cdr.hangup_party == "callee"
    assert cdr.talk_s > TALK_S - 1
    assert all(leg.mos for leg in cdr.legs)
    assert complete.recording
    assert whole(complete.recording), complete.recording.quality_reason
    assert complete.transcript
    said = {u.party for u in complete.transcript.utterances}
    assert said == {Party.CALLER, Party.CALLEE}
    assert complete.turns
    assert all(p.talk_s > 0 for p in complete.turns.parties)
