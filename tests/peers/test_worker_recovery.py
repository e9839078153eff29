"""kill -9 on a worker in the middle of its calls: the next one gives every call exactly one record."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pbx_core import feed
from pbx_core.domain.records import Disposition
from pbx_core.media import spool
from tests.support import edge_role as sip
from tests.support.waiting import until
from tests.support.worker_process import WorkerProcess

pytestmark = pytest.mark.peers


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[WorkerProcess]:
    process = WorkerProcess(tmp_path)
    process.start()
    yield process
    process.close()


def test_a_call_cut_by_kill_9_has_one_record_and_its_sound(worker: WorkerProcess, tmp_path: Path) -> None:
    tone = sip.a_law_tone(tmp_path / "tone.raw", 700.0)
    worker.peer("bob", sip.answers(tone) + sip.receive("BYE"))
    worker.peer("alice", sip.invite() + sip.talks(tone, 20_000) + sip.bye())
    until(lambda: list(worker.settings.spool_dir.glob("*/*/meta.json")), what="recording")
    (caller_wav,) = worker.settings.spool_dir.glob("*/*/caller.wav")
    until(lambda: caller_wav.stat().st_size > 40_000, what="two seconds of sound")
    worker.kill()
    killed_at = datetime.now(UTC)
    assert worker.cdrs() == []

    worker.start()
    cdr = worker.only_cdr()
    assert cdr.aborted
    assert (cdr.disposition, cdr.cause, cdr.hangup_party) == (Disposition.ANSWERED, "worker died", "system")
    assert abs((killed_at - cdr.ended_at).total_seconds()) < 5.0
    assert cdr.answered_at is not None
    assert cdr.talk_s == pytest.approx((cdr.ended_at - cdr.answered_at).total_seconds(), abs=0.01)
    folder = worker.spooled(cdr)
    end = spool.read_end(folder)
    assert end is not None
    assert end.aborted
    for name in (spool.CALLER_WAV, spool.CALLEE_WAV):
        seconds = ((folder / name).stat().st_size - 44) / 16_000
        assert seconds >= cdr.talk_s - 1.0, "sound until a second before the kill"
    assert list(feed.orphans(worker.settings.journal_dir, "worker-")) == []


def killed_while_it_rings(worker: WorkerProcess) -> None:
    """A call rings, the worker dies and comes back."""
    worker.peer("bob", sip.receive("INVITE") + sip.reply("180 Ringing", tag=True) + sip.receive("BYE"))
    worker.peer("alice", sip.invite() + sip.talks(None, 0))
    until(lambda: [e for e in worker.events() if e.type == "ringing"])
    worker.kill()
    worker.start()


def test_a_call_that_only_rang_at_the_kill_has_its_record_too(worker: WorkerProcess) -> None:
    killed_while_it_rings(worker)
    cdr = worker.only_cdr()
    assert (cdr.disposition, cdr.cause, cdr.aborted) == (Disposition.FAILED, "worker died", True)
    assert cdr.recording_id is None


def test_a_second_recovery_changes_nothing(worker: WorkerProcess) -> None:
    killed_while_it_rings(worker)
    first = worker.only_cdr()
    worker.kill()
    worker.start()
    assert worker.only_cdr() == first
    assert worker.term() == 0
    worker.start()
    assert worker.only_cdr() == first


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    import socket

    worker = WorkerProcess(tmp_path)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as squatter:
        squatter.bind(("127.0.0.1", worker.port))
        with pytest.raises(AssertionError):
            worker.start()
    assert worker.process is not None
    assert worker.process.wait(60) == 1
    said = (tmp_path / "worker.log").read_text()
    assert f"127.0.0.1:{worker.port} cannot be bound" in said
    assert "Traceback" not in said
    worker.close()
