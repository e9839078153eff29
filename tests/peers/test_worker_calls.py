"""A worker between two sipp phones, sipp playing the edge: every way in which a call can go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pbx_core.domain.records import Disposition
from pbx_core.media import spool
from tests.support import edge_role as sip
from tests.support.waiting import until
from tests.support.worker_process import MODEL, WorkerProcess, pitch, wav

pytestmark = pytest.mark.peers
ALICE_HZ, BOB_HZ = 440.0, 1000.0


@pytest.fixture
def worker(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[WorkerProcess]:
    """A serving worker; parametrize indirectly with extra settings."""
    settings: dict[str, Any] = getattr(request, "param", {})
    process = WorkerProcess(tmp_path, **settings)
    process.start()
    yield process
    process.close()


@pytest.fixture
def alice(tmp_path: Path) -> Path:
    return sip.a_law_tone(tmp_path / "alice.raw", ALICE_HZ)


@pytest.fixture
def bob(tmp_path: Path) -> Path:
    return sip.a_law_tone(tmp_path / "bob.raw", BOB_HZ)


BOB_IS_HUNG_UP = sip.receive("BYE") + sip.reply("200 OK")


def test_the_caller_hangs_up_and_both_voices_are_on_their_own_file(
    worker: WorkerProcess, alice: Path, bob: Path
) -> None:
    called = worker.peer("bob", sip.answers(bob, ring_ms=300) + BOB_IS_HUNG_UP)
    caller = worker.peer("alice", sip.invite() + sip.talks(alice, 3000) + sip.bye())
    worker.finished(caller, called)

    cdr = worker.only_cdr()
    assert (cdr.disposition, cdr.cause, cdr.hangup_party) == (Disposition.ANSWERED, "caller hung up", "caller")
    assert (cdr.caller_number, cdr.caller_name, cdr.callee_number) == ("101", "Alice", "102")
    assert cdr.tenant_id == sip.TENANT
    assert cdr.ring_s >= 0.25
    assert cdr.talk_s >= 2.9
    folder = worker.spooled(cdr)
    end = until(lambda: spool.read_end(folder))
    assert (end.aborted, end.faults) == (False, ())
    assert pitch(folder / spool.CALLER_WAV) == pytest.approx(ALICE_HZ, abs=5)
    assert pitch(folder / spool.CALLEE_WAV) == pytest.approx(BOB_HZ, abs=5)
    for name in (spool.CALLER_WAV, spool.CALLEE_WAV):
        samples, rate = wav(folder / name)
        assert len(samples) / rate == pytest.approx(cdr.talk_s, abs=0.25)
    for leg in cdr.legs:
        assert leg.codec == "PCMA"
        assert leg.mos is not None


def test_the_callee_hangs_up(worker: WorkerProcess, bob: Path) -> None:
    called = worker.peer("bob", sip.answers(bob) + sip.pause(1000) + sip.bye_of_bob())
    caller = worker.peer("alice", sip.invite() + sip.talks(None, 0) + sip.receive("BYE") + sip.reply("200 OK"))
    worker.finished(caller, called)
    cdr = worker.only_cdr()
    assert (cdr.disposition, cdr.hangup_party) == (Disposition.ANSWERED, "callee")


@pytest.mark.parametrize(
    ("answer", "disposition"),
    [
        ("486 Busy Here", Disposition.BUSY),
        ("600 Busy Everywhere", Disposition.BUSY),
        ("603 Decline", Disposition.FAILED),
        ("404 Not Found", Disposition.FAILED),
        ("480 Temporarily Unavailable", Disposition.FAILED),
    ],
)
def test_a_refusal_reaches_the_caller_as_it_is(worker: WorkerProcess, answer: str, disposition: Disposition) -> None:
    called = worker.peer("bob", sip.receive("INVITE") + sip.reply(answer, tag=True) + sip.receive("ACK"))
    caller = worker.peer("alice", sip.invite() + sip.refused(answer.split()[0]))
    worker.finished(caller, called)
    cdr = worker.only_cdr()
    assert (cdr.disposition, cdr.cause, cdr.hangup_party) == (disposition, answer, "callee")
    assert cdr.recording_id is None
    assert [leg.sip_status for leg in cdr.legs] == [int(answer.split()[0])] * 2


BOB_IS_CANCELLED = (
    sip.receive("INVITE")
    + sip.reply("180 Ringing", tag=True)
    + sip.receive("CANCEL")
    + sip.reply("200 OK")
    + sip.send(
        "SIP/2.0 487 Request Terminated\n[last_Via:]\n[last_From:]\n[last_To:];tag=[pid]b[call_number]\n"
        "[last_Call-ID:]\nCSeq: [last_cseq_number] INVITE\n" + sip.NO_BODY
    )
    + sip.receive("ACK")
)


@pytest.mark.parametrize("worker", [{"model": MODEL.replace("25.0", "5.0")}], indirect=True)
def test_nobody_answers(worker: WorkerProcess) -> None:
    called = worker.peer("bob", BOB_IS_CANCELLED)
    caller = worker.peer("alice", sip.invite() + sip.refused("480"))
    worker.finished(caller, called)
    cdr = worker.only_cdr()
    assert (cdr.disposition, cdr.cause, cdr.hangup_party) == (Disposition.NO_ANSWER, "ring limit 5 s", "system")


def test_the_caller_cancels(worker: WorkerProcess) -> None:
    called = worker.peer("bob", BOB_IS_CANCELLED)
    caller = worker.peer(
        "alice",
        sip.invite()
        + sip.receive("100", optional=True)
        + sip.receive("180", check=sip.FINAL)
        + sip.pause(500)
        + sip.cancel()
        + sip.receive("200")
        + sip.receive("487")
        + sip.ack_failure(),
    )
    worker.finished(caller, called)
    cdr = worker.only_cdr()
    assert (cdr.disposition, cdr.hangup_party, cdr.talk_s) == (Disposition.CANCELLED, "caller", 0.0)


def test_hold_is_counted_and_the_held_side_hears_silence(worker: WorkerProcess, alice: Path, bob: Path) -> None:
    called = worker.peer("bob", sip.answers(bob) + BOB_IS_HUNG_UP)
    caller = worker.peer(
        "alice",
        sip.invite()
        + sip.talks(alice, 1000)
        + sip.reinvite("sendonly", 2)
        + sip.pause(1500)
        + sip.reinvite("sendrecv", 3)
        + sip.pause(1000)
        + sip.bye(),
    )
    worker.finished(caller, called)
    cdr = worker.only_cdr()
    assert cdr.hold_s >= 1.4
    assert cdr.talk_s >= cdr.hold_s + 1.9
    samples, rate = wav(worker.spooled(cdr) / spool.CALLER_WAV)
    assert len(samples) / rate == pytest.approx(cdr.talk_s, abs=0.25), "re-INVITEs must not cut the recording"


def test_a_digit_by_info_reaches_the_other_phone_and_no_journal(worker: WorkerProcess) -> None:
    called = worker.peer(
        "bob",
        sip.answers(None) + sip.receive("INFO", check="Signal= ?7") + sip.reply("200 OK") + BOB_IS_HUNG_UP,
    )
    caller = worker.peer(
        "alice", sip.invite() + sip.talks(None, 300) + sip.info_digit("7", 2) + sip.pause(500) + sip.bye()
    )
    worker.finished(caller, called)
    assert worker.only_cdr().dtmf_digits == 1
    (event,) = [e for e in worker.events() if e.type == "dtmf"]
    assert event.detail == {"method": "info"}


@pytest.mark.parametrize(
    ("worker", "status"),
    [({}, "486"), ({"worker_calls_max": 1}, "503")],  # the engine's own answer, and ours
    indirect=["worker"],
)
def test_a_full_worker_sends_the_edge_on_and_notes_nothing(worker: WorkerProcess, status: str) -> None:
    row = worker.row()
    assert row is not None
    capacity = row.detail["capacity_calls"]
    assert capacity >= 1
    if capacity > 8:
        pytest.skip("this engine takes more calls than are worth filling here")
    called = worker.peer("bob", sip.answers(None) + BOB_IS_HUNG_UP, calls=capacity)
    callers = [worker.peer(f"alice{n}", sip.invite() + sip.talks(None, 4000) + sip.bye()) for n in range(capacity)]
    until(lambda: [e for e in worker.events() if e.type == "answered"][capacity - 1 :], what="all slots taken")
    no_slot = sip.receive("100", optional=True) + sip.receive(status) + sip.ack_failure()
    turned_away = worker.peer("alice-late", sip.invite() + no_slot)
    worker.finished(*callers, called, turned_away)
    assert "X-Call-Id" not in (worker.directory / "alice-late.msg").read_text()
    records = until(lambda: len(found := worker.cdrs()) >= capacity and found, what="the records")
    assert len({c.call_id for c in records}) == len(records) == capacity
    assert len([e for e in worker.events() if e.type == "opened"]) == capacity


def test_an_invite_that_names_no_tenant_is_refused(worker: WorkerProcess) -> None:
    caller = worker.peer("alice", sip.invite(headers="") + sip.refused("403", check="403"))
    worker.finished(caller)
    assert worker.records() == []


@pytest.mark.parametrize("worker", [{"media_silence_s": 2.0}], indirect=True)
def test_a_phone_that_vanishes_is_talked_to_no_longer(worker: WorkerProcess, alice: Path, bob: Path) -> None:
    called = worker.peer("bob", sip.answers(bob) + BOB_IS_HUNG_UP)
    caller = worker.peer(
        "alice", sip.invite() + sip.talks(alice, 2000) + sip.silence() + sip.receive("BYE") + sip.reply("200 OK")
    )
    worker.finished(caller, called)
    cdr = worker.only_cdr()
    assert (cdr.cause, cdr.hangup_party) == ("no media from the caller for 2 s", "system")
    assert cdr.talk_s >= 1.9


@pytest.mark.parametrize("worker", [{"media_silence_s": 2.0}], indirect=True)
def test_a_caller_that_vanishes_before_its_ack_holds_nobody(worker: WorkerProcess, bob: Path) -> None:
    called = worker.peer("bob", sip.answers(bob) + BOB_IS_HUNG_UP)
    worker.peer("alice", sip.invite() + sip.progress() + sip.receive("200") + sip.pause(15_000))
    worker.finished(called)
    cdr = worker.only_cdr()
    assert (cdr.cause, cdr.hangup_party) == ("no media from the caller for 2 s", "system")


@pytest.mark.parametrize("worker", [{"disk_stop_share": 1.0}], indirect=True)
def test_on_a_full_disk_the_call_goes_on_unrecorded(worker: WorkerProcess) -> None:
    called = worker.peer("bob", sip.answers(None) + BOB_IS_HUNG_UP)
    caller = worker.peer("alice", sip.invite() + sip.talks(None, 500) + sip.bye())
    worker.finished(caller, called)
    cdr = worker.only_cdr()
    assert cdr.disposition is Disposition.ANSWERED
    assert cdr.recording_id is None
    assert cdr.recording_reason == "disk_full: recording volume below 100% free"
    assert '"alarm": true' in (worker.directory / "worker.log").read_text()


def test_a_worker_that_is_told_to_stop_ends_its_calls_and_writes_their_records(
    worker: WorkerProcess, alice: Path, bob: Path
) -> None:
    called = worker.peer("bob", sip.answers(bob) + BOB_IS_HUNG_UP)
    caller = worker.peer("alice", sip.invite() + sip.talks(alice, 0) + sip.receive("BYE") + sip.reply("200 OK"))
    until(lambda: [e for e in worker.events() if e.type == "recording_started"])
    assert worker.term() == 0
    worker.finished(caller, called)
    cdr = worker.only_cdr()
    assert (cdr.disposition, cdr.cause, cdr.hangup_party) == (Disposition.ANSWERED, "system shutdown", "system")
    assert spool.read_end(worker.spooled(cdr)) is not None
    assert worker.row() is None
