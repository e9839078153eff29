"""The worker around a scripted engine, in virtual time: room, journal, recorders, timers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pbx_core.domain.records import CallEventRecord, Disposition
from pbx_core.media import spool
from pbx_core.media.arrivals import STANDS_S
from pbx_core.media.port import DialTarget, Signal
from pbx_core.media.worker import EVENTS_MAX
from tests.support.stage import Stage, invite


def test_a_call_from_invite_to_record(stage: Stage) -> None:
    stage.answering["102"] = 1.0
    alice = stage.calls("101", "102")
    stage.run(5.0)
    stage.hangs_up(alice)
    stage.run(0.3)

    (cdr,) = stage.cdrs()
    assert cdr.disposition is Disposition.ANSWERED
    assert (cdr.direction, cdr.caller_number, cdr.callee_number) == ("internal", "101", "102")
    assert (cdr.caller_name, cdr.answered_by) == ("Phone 101", "102")
    assert cdr.talk_s == pytest.approx(4.0, abs=0.06)
    (dial,) = stage.engine.all("dial")
    assert dial.detail.uri == "sip:102@acme.test"
    assert dial.detail.from_uri == '"Phone 101" <sip:101@acme.test>'
    assert dial.headers == {"X-Tenant": stage.tenant_id, "X-Call-Id": cdr.call_id}
    for answer in (*stage.engine.all("ring"), *stage.engine.all("answer")):
        assert answer.headers == {"X-Call-Id": cdr.call_id}
    assert cdr.recording_id is not None
    folder = spool.folder(stage.settings.spool_dir, stage.tenant_id, cdr.recording_id)
    meta, end = spool.read_meta(folder), spool.read_end(folder)
    assert meta is not None
    assert end is not None
    assert (meta.call_id, meta.worker, meta.segment, meta.kind) == (cdr.call_id, "worker-0", 1, "conversation")
    assert (meta.caller_number, meta.callee_number) == ("101", "102")
    assert (end.talk_s, end.aborted, end.faults) == (pytest.approx(cdr.talk_s, abs=0.06), False, ())
    assert stage.worker.calls == 0


def test_the_journal_knows_of_the_call_before_anybody_rings(stage: Stage) -> None:
    seen: list[str] = []

    def script(handle: int, _: DialTarget) -> None:
        seen.extend(r.type for r in stage.records() if isinstance(r, CallEventRecord))

    stage.engine.callee = script
    stage.calls("101", "102")
    stage.run(0.1)
    assert seen == ["opened", "routed"]


def test_without_room_for_another_leg_the_edge_is_sent_on(stage: Stage) -> None:
    for _ in range(6):
        stage.calls("101", "102")
    stage.run(0.1)
    late = stage.calls("103", "102")
    stage.run(STANDS_S + 0.1)
    (refusal,) = stage.engine.all("hangup")
    assert (refusal.handle, refusal.status, dict(refusal.headers)) == (late, 503, {})
    assert len(stage.events("opened")) == 6


def test_a_call_that_comes_while_another_ends_waits_for_its_legs(stage: Stage) -> None:
    """The engine would take a second INVITE of the same call for a loop, so the first one must succeed."""
    for _ in range(5):
        stage.calls("101", "102")
    stage.run(0.1)
    first, second = stage.calls("103", "102"), stage.calls("104", "102")
    stage.run(0.1)
    assert stage.engine.all("hangup") == [] and len(stage.events("opened")) == 5, "each needs two legs of the last two"
    stage.gives_up(first)
    stage.run(0.1)
    assert [e.detail["caller_number"] for e in stage.events("opened")][5:] == ["103", "104"]
    assert second not in [refusal.handle for refusal in stage.engine.all("hangup")]


def test_calls_whose_way_is_still_asked_count_with_both_their_legs(stage: Stage) -> None:
    for _ in range(8):
        stage.calls("101", "102")
    stage.run(STANDS_S + 0.3)
    assert len(stage.events("opened")) == 4, "eight dialogs came at once, four of them leave room for both legs"
    assert stage.engine.legs_in_use() == 8
    assert stage.events("dial_failed") == []


def test_a_stopping_worker_takes_no_calls(stage: Stage) -> None:
    stage.worker.drain()
    stage.calls("101", "102")
    stage.run(0.1)
    (refusal,) = stage.engine.all("hangup")
    assert (refusal.status, dict(refusal.headers)) == (503, {})
    assert stage.records() == []


GOOD = {"X-Tenant": "a" * 32, "X-Auth-User": "101"}


@pytest.mark.parametrize(
    "message",
    [
        invite("101", "102", {**GOOD, "X-Tenant": "../../etc"}),
        invite("101", "102", {**GOOD, "X-Auth-User": "101;x"}),
        invite("101", "102", GOOD).replace("INVITE sip:102@acme.test", "INVITE sip:acme.test"),
        invite("101", "102", {"X-Tenant": "a" * 32, "X-Trunk": "main"}),
        invite("101", "102", {"X-Tenant": "a" * 32, "X-Trunk": "../main", "X-Did": "+49301"}),
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
    stage.answering["102"] = 1.0
    alice = stage.calls("101", "102")
    stage.run(2.0)
    (dial,) = stage.engine.all("dial")
    stage.engine.deaf.add(dial.handle)
    stage.hangs_up(alice)
    stage.run(2.5)
    assert stage.cdrs() == []
    stage.run(1.0)
    (cdr,) = stage.cdrs()
    assert cdr.talk_s == pytest.approx(1.0, abs=0.06)


def test_on_a_full_journal_calls_go_on_and_their_lines_follow_in_order(stage: Stage) -> None:
    stage.answering["102"] = 1.0
    alice = stage.calls("101", "102")
    stage.run(2.0)
    stage.journal.full = True
    stage.presses(alice, "5")
    stage.run(0.5)
    stage.hangs_up(alice)
    stage.run(1.5)
    assert stage.cdrs() == []
    assert stage.worker.calls == 0
    refused = stage.calls("103", "102")
    stage.run(0.1)
    assert stage.engine.all("hangup")[-1].handle == refused
    assert stage.worker.idle
    assert not stage.worker.settled, "the journal must not be closed over lines that wait"
    stage.journal.full = False
    stage.run(2.0)
    kinds = [r.type if isinstance(r, CallEventRecord) else "cdr" for r in stage.records()]
    assert stage.worker.settled
    assert kinds[-2:] == ["ended", "cdr"]
    assert [r.seq for r in stage.records()[:-1]] == list(range(len(kinds) - 1))


def test_sound_that_does_not_reach_the_disk_is_named(stage: Stage) -> None:
    stage.answering["102"] = 1.0
    alice = stage.calls("101", "102")
    stage.run(2.0)
    stage.engine.frozen_disk = True
    stage.run(6.0)
    stage.hangs_up(alice)
    stage.run(0.3)
    (folder,) = stage.folders()
    end = spool.read_end(folder)
    assert end is not None
    assert end.faults == ("write_error: caller.wav does not grow",)
    assert len(stage.events("recording_fault")) == 1


def test_recorders_that_cannot_start_leave_a_reason_and_no_folder(stage: Stage) -> None:
    stage.engine.recording_error = "no recorder free"
    stage.answering["102"] = 1.0
    alice = stage.calls("101", "102")
    stage.run(2.0)
    stage.hangs_up(alice)
    stage.run(0.3)
    (cdr,) = stage.cdrs()
    assert cdr.recording_reason == "the recorders could not be started: no recorder free"
    assert list(stage.settings.spool_dir.glob("*/*")) == []


def test_a_flood_of_digits_ends_the_call_and_no_digit_is_kept(stage: Stage) -> None:
    stage.answering["102"] = 0.2
    alice = stage.calls("101", "102")
    stage.run(0.5)
    for _ in range(EVENTS_MAX):
        stage.engine.later(0.0, alice, Signal.DTMF, digit="7", method="rfc2833")
    stage.run(0.3)
    (cdr,) = stage.cdrs()
    assert cdr.cause == "engine: too many events"
    digits = [json.dumps(r.detail) for r in stage.events("dtmf")]
    assert set(digits) == {'{"method": "rfc2833"}'}


def test_the_ring_limit_is_a_timer_in_the_worker(stage: Stage) -> None:
    stage.calls("101", "106")
    stage.run(24.8, every_s=0.1)
    assert not [d for d in stage.engine.all("hangup") if d.handle == stage.dialled("106")[0].handle]
    stage.run(0.5)
    assert [d for d in stage.engine.all("hangup") if d.handle == stage.dialled("106")[0].handle]


def test_an_ended_call_of_which_the_disk_takes_no_end_mark_is_marked_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.answering["102"] = 1.0
    alice = stage.calls("101", "102")
    stage.run(2.0)
    real, broken = spool.write_end, [True]

    def write_end(path: Path, end: spool.SpoolEnd) -> None:
        if broken:
            raise OSError(28, "No space left on device")
        real(path, end)

    monkeypatch.setattr(spool, "write_end", write_end)
    stage.hangs_up(alice)
    stage.run(0.5)
    assert list(spool.ready(stage.settings.spool_dir)) == []
    broken.clear()
    stage.run(1.5)
    assert len(list(spool.ready(stage.settings.spool_dir))) == 1


def test_a_command_of_the_old_world_is_no_wish(stage: Stage) -> None:
    """What the engine reports of a leg that nobody knows any more changes nothing."""
    stage.engine.later(0.0, 99, Signal.ENDED, status=200, reason="OK")
    stage.engine.later(0.0, 99, Signal.TRANSFER, refer_to="sip:103@acme.test", refer_sub=True)
    stage.run(0.1)
    assert stage.records() == []
