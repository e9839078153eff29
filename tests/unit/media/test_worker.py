"""The worker around a scripted engine, in virtual time: room, journal, recorders, timers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pbx_core import feed
from pbx_core.domain.records import CallEventRecord, Cdr, Disposition
from pbx_core.errors import Unavailable
from pbx_core.media import spool
from pbx_core.media.fake import FakeEngine, VirtualClock
from pbx_core.media.port import DialTarget, Signal
from pbx_core.media.worker import EVENTS_MAX, Worker
from pbx_core.settings import Settings

TENANT = "a" * 32
INVITE = (
    "INVITE sip:102@acme.test SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1\r\n"
    'From: "Alice \\"A\\" \x07Smith" <sip:101@acme.test>;tag=1\r\nTo: <sip:102@acme.test>\r\nCall-ID: one@phone\r\n'
    f"CSeq: 1 INVITE\r\nX-Tenant: {TENANT}\r\nX-Auth-User: 101\r\nX-Source: udp:192.0.2.7:5060\r\n\r\nv=0"
)


class StubbornJournal(feed.Journal):
    """A journal on a disk that can be full."""

    full = False

    def append(self, kind: str, id_: str, tenant_id: str, record: Any, *, sync: bool = True) -> None:
        if self.full:
            raise Unavailable("the disk is full")
        super().append(kind, id_, tenant_id, record, sync=sync)


@dataclass
class Stage:
    """A worker with everything around it."""

    settings: Settings
    clock: VirtualClock
    engine: FakeEngine
    journal: StubbornJournal
    worker: Worker

    def run(self, seconds: float, every_s: float = 0.05) -> None:
        """Let virtual time pass, the worker taking its turns."""
        end = self.clock.mono_s + seconds
        while True:
            self.worker.turn()
            if self.clock.mono_s >= end:
                return
            self.clock.advance(min(every_s, end - self.clock.mono_s))

    def records(self) -> list[Any]:
        lines = feed.read(self.settings.journal_dir, feed.segments(self.settings.journal_dir)[0])
        return [feed.decode(line.raw).record for line in lines]

    def cdrs(self) -> list[Cdr]:
        return [r for r in self.records() if isinstance(r, Cdr)]

    def bob_answers(self, after_s: float = 1.0) -> None:
        def script(handle: int, _: DialTarget) -> None:
            self.engine.later(0.1, handle, Signal.RINGING, status=180, media=False)
            self.engine.later(after_s, handle, Signal.ANSWERED)

        self.engine.callee = script


@pytest.fixture
def stage(settings: Settings) -> Stage:
    clock = VirtualClock()
    engine = FakeEngine(clock)
    journal = StubbornJournal(settings.journal_dir, "worker-0", clock)
    return Stage(settings, clock, engine, journal, Worker(settings, "worker-0", engine, journal, clock, 4))


def test_a_call_from_invite_to_record(stage: Stage) -> None:
    stage.bob_answers()
    alice = stage.engine.invite(INVITE)
    stage.run(5.0)
    stage.engine.later(0.0, alice, Signal.ENDED, status=200, reason="OK")
    stage.run(0.2)

    (cdr,) = stage.cdrs()
    assert cdr.disposition is Disposition.ANSWERED
    assert cdr.caller_name == 'Alice "A" Smith'
    assert cdr.talk_s == pytest.approx(4.0, abs=0.06)
    (dial,) = stage.engine.all("dial")
    target = dial.detail
    assert target.uri == "sip:102@acme.test"
    assert target.from_uri == '"Alice \\"A\\" Smith" <sip:101@acme.test>'
    assert target.headers == {"X-Tenant": TENANT, "X-Call-Id": cdr.call_id}
    for answer in (*stage.engine.all("ring"), *stage.engine.all("answer")):
        assert answer.headers == {"X-Call-Id": cdr.call_id}
    assert cdr.recording_id is not None
    folder = spool.folder(stage.settings.spool_dir, TENANT, cdr.recording_id)
    meta, end = spool.read_meta(folder), spool.read_end(folder)
    assert meta is not None
    assert end is not None
    assert (meta.call_id, meta.worker) == (cdr.call_id, "worker-0")
    assert (end.talk_s, end.aborted, end.faults) == (pytest.approx(cdr.talk_s, abs=0.06), False, ())
    assert stage.worker.calls == 0


def test_the_journal_knows_of_the_call_before_anybody_rings(stage: Stage) -> None:
    seen: list[str] = []

    def script(handle: int, _: DialTarget) -> None:
        seen.extend(r.type for r in stage.records() if isinstance(r, CallEventRecord))

    stage.engine.callee = script
    stage.engine.invite(INVITE)
    stage.run(0.1)
    assert seen == ["opened"]


def test_without_room_for_two_legs_the_edge_is_sent_on(stage: Stage) -> None:
    for _ in range(2):
        stage.engine.invite(INVITE)
    stage.run(0.1)
    late = stage.engine.invite(INVITE)
    stage.run(0.1)
    (refusal,) = stage.engine.all("hangup")
    assert (refusal.handle, refusal.status, dict(refusal.headers)) == (late, 503, {})
    assert len([r for r in stage.records() if r.type == "opened"]) == 2


def test_a_stopping_worker_takes_no_calls(stage: Stage) -> None:
    stage.worker.drain()
    stage.engine.invite(INVITE)
    stage.run(0.1)
    (refusal,) = stage.engine.all("hangup")
    assert (refusal.status, dict(refusal.headers)) == (503, {})
    assert stage.records() == []


@pytest.mark.parametrize(
    "message",
    [
        INVITE.replace(f"X-Tenant: {TENANT}", "X-Tenant: ../../etc"),
        INVITE.replace("X-Auth-User: 101", "X-Auth-User: 101;x"),
        INVITE.replace("INVITE sip:102@acme.test", "INVITE sip:acme.test"),
        "",
    ],
)
def test_an_invite_that_the_edge_cannot_have_sent_is_refused(stage: Stage, message: str) -> None:
    stage.engine.invite(message)
    stage.run(0.1)
    (refusal,) = stage.engine.all("hangup")
    assert refusal.status == 403
    assert stage.records() == []


def test_a_phone_that_never_confirms_its_bye_holds_the_record_three_seconds(stage: Stage) -> None:
    stage.bob_answers()
    alice = stage.engine.invite(INVITE)
    stage.run(2.0)
    (dial,) = stage.engine.all("dial")
    stage.engine.deaf.add(dial.handle)
    stage.engine.later(0.0, alice, Signal.ENDED, status=200, reason="OK")
    stage.run(2.5)
    assert stage.cdrs() == []
    stage.run(1.0)
    (cdr,) = stage.cdrs()
    assert cdr.talk_s == pytest.approx(1.0, abs=0.06)


def test_on_a_full_journal_calls_go_on_and_their_lines_follow_in_order(stage: Stage) -> None:
    stage.bob_answers()
    alice = stage.engine.invite(INVITE)
    stage.run(2.0)
    stage.journal.full = True
    stage.engine.later(0.0, alice, Signal.DTMF, digit="5", method="rfc2833")
    stage.engine.later(0.5, alice, Signal.ENDED, status=200, reason="OK")
    stage.run(2.0)
    assert stage.cdrs() == []
    assert stage.worker.calls == 0
    refused = stage.engine.invite(INVITE)
    stage.run(0.1)
    assert stage.engine.all("hangup")[-1].handle == refused
    assert stage.worker.idle
    assert not stage.worker.settled, "the journal must not be closed over lines that wait"
    stage.journal.full = False
    stage.run(2.0)
    kinds = [r.type if isinstance(r, CallEventRecord) else "cdr" for r in stage.records()]
    assert stage.worker.settled
    assert kinds[-3:] == ["ended", "ended", "cdr"]
    assert [r.seq for r in stage.records()[:-1]] == list(range(len(kinds) - 1))


def test_sound_that_does_not_reach_the_disk_is_named(stage: Stage) -> None:
    stage.bob_answers()
    alice = stage.engine.invite(INVITE)
    stage.run(2.0)
    stage.engine.frozen_disk = True
    stage.run(6.0)
    stage.engine.later(0.0, alice, Signal.ENDED, status=200, reason="OK")
    stage.run(0.2)
    (cdr,) = stage.cdrs()
    assert cdr.recording_id is not None
    end = spool.read_end(spool.folder(stage.settings.spool_dir, TENANT, cdr.recording_id))
    assert end is not None
    assert end.faults == ("write_error: caller.wav does not grow",)
    assert [r.type for r in stage.records()[:-1]].count("recording_fault") == 1


def test_recorders_that_cannot_start_leave_a_reason_and_no_folder(stage: Stage) -> None:
    stage.engine.recording_error = "no recorder free"
    stage.bob_answers()
    alice = stage.engine.invite(INVITE)
    stage.run(2.0)
    stage.engine.later(0.0, alice, Signal.ENDED, status=200, reason="OK")
    stage.run(0.2)
    (cdr,) = stage.cdrs()
    assert cdr.recording_reason == "the recorders could not be started: no recorder free"
    assert list(stage.settings.spool_dir.glob("*/*")) == []


def test_a_flood_of_digits_ends_the_call_and_no_digit_is_kept(stage: Stage) -> None:
    stage.bob_answers(0.2)
    alice = stage.engine.invite(INVITE)
    stage.run(0.5)
    for _ in range(EVENTS_MAX):
        stage.engine.later(0.0, alice, Signal.DTMF, digit="7", method="rfc2833")
    stage.run(0.2)
    (cdr,) = stage.cdrs()
    assert cdr.cause == "engine: too many events"
    digits = [json.dumps(r.detail) for r in stage.records()[:-1] if r.type == "dtmf"]
    assert set(digits) == {'{"method": "rfc2833"}'}


def test_the_ring_limit_is_a_timer_in_the_worker(stage: Stage) -> None:
    stage.engine.invite(INVITE)
    stage.run(29.8, every_s=0.1)
    assert stage.cdrs() == []
    stage.run(0.5)
    (cdr,) = stage.cdrs()
    assert (cdr.disposition, cdr.cause) == (Disposition.NO_ANSWER, "ring limit 30 s")


def test_an_ended_call_of_which_the_disk_takes_no_end_mark_is_marked_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.bob_answers()
    alice = stage.engine.invite(INVITE)
    stage.run(2.0)
    real, broken = spool.write_end, [True]

    def write_end(path: Path, end: spool.SpoolEnd) -> None:
        if broken:
            raise OSError(28, "No space left on device")
        real(path, end)

    monkeypatch.setattr(spool, "write_end", write_end)
    stage.engine.later(0.0, alice, Signal.ENDED, status=200, reason="OK")
    stage.run(0.5)
    assert list(spool.ready(stage.settings.spool_dir)) == []
    broken.clear()
    stage.run(1.5)
    assert len(list(spool.ready(stage.settings.spool_dir))) == 1
