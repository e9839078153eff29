"""Legs that move between calls, rooms, pauses and messages: the worker around a scripted engine, in virtual time."""

from __future__ import annotations

import pytest

from pbx_core.media import spool
from pbx_core.media.port import Signal
from pbx_core.store.schema import live_call, live_room, user_setting, voicemail_message
from tests.support.stage import Stage


def talking(stage: Stage, caller: str, callee: str) -> tuple[int, int]:
    """A call that has been answered; the handles of both legs."""
    stage.answering[callee] = 0.5
    one = stage.calls(caller, callee)
    stage.run(1.0)
    return one, stage.dialled(callee)[-1].handle


def test_an_attended_transfer_joins_the_two_others(stage: Stage) -> None:
    alice, bob = talking(stage, "101", "102")
    stage.engine.later(0.0, bob, Signal.HELD)
    stage.run(0.1)
    consulting, chynara = talking(stage, "102", "103")
    refer_to = "<sip:103@acme.test?Replaces=102-103%40phone%3Bto-tag%3D1%3Bfrom-tag%3D2>"
    stage.engine.later(0.0, bob, Signal.TRANSFER, refer_to=refer_to, refer_sub=True)
    stage.run(2.0)

    assert stage.hear_each_other(alice, chynara)
    told = stage.engine.all("tell transfer")
    assert [t.status for t in told][-1] == 200
    ended = {a.handle for a in stage.engine.all("hangup")}
    assert {bob, consulting} <= ended
    stage.hangs_up(alice)
    stage.run(0.3)
    first, second = sorted(stage.cdrs(), key=lambda c: c.started_at)
    assert (first.transferred, first.segments) == ("attended", 2)
    assert first.talk_s == pytest.approx(3.6, abs=0.3)
    assert second.callee_number == "103"
    metas = [spool.read_meta(f) for f in stage.folders()]
    assert [(m.segment, m.caller_number, m.callee_number) for m in metas if m and m.call_id == first.call_id] == [
        (1, "101", "102"),
        (2, "101", "103"),
    ]
    assert all(spool.read_end(f) for f in stage.folders())
    assert stage.engine.legs_in_use() == 0


def test_a_transfer_of_a_consultation_that_is_gone_gives_the_talk_back(stage: Stage) -> None:
    alice, bob = talking(stage, "101", "102")
    refer_to = "<sip:103@acme.test?Replaces=nobody%40phone%3Bto-tag%3D1%3Bfrom-tag%3D2>"
    stage.engine.later(0.0, bob, Signal.TRANSFER, refer_to=refer_to, refer_sub=True)
    stage.run(0.5)
    assert stage.engine.all("tell transfer")[-1].status >= 400
    assert stage.hear_each_other(alice, bob)


def test_nobody_draws_a_party_out_of_a_call_that_is_not_his(stage: Stage) -> None:
    alice, bob = talking(stage, "101", "102")
    daniyar, eva = talking(stage, "104", "105")
    refer_to = "<sip:102@acme.test?Replaces=101-102%40phone%3Bto-tag%3D1%3Bfrom-tag%3D2>"
    for thief in (daniyar, eva):
        stage.engine.later(0.0, thief, Signal.TRANSFER, refer_to=refer_to, refer_sub=True)
        stage.run(0.5)
        assert stage.engine.all("tell transfer")[-1].status == 481
    assert stage.engine.heard == {(alice, bob), (bob, alice), (daniyar, eva), (eva, daniyar)}


def test_a_refer_to_nowhere_is_refused(stage: Stage) -> None:
    alice, bob = talking(stage, "101", "102")
    stage.engine.later(0.0, bob, Signal.TRANSFER, refer_to="<http://evil.example/>", refer_sub=True)
    stage.run(0.2)
    (told,) = stage.engine.all("tell transfer")
    assert (told.status, told.detail[1]) == (400, True)
    assert stage.hear_each_other(alice, bob)


def test_a_blind_transfer_rings_the_target(stage: Stage) -> None:
    alice, bob = talking(stage, "101", "102")
    stage.answering["104"] = 0.5
    stage.engine.later(0.0, bob, Signal.TRANSFER, refer_to="sip:104@acme.test", refer_sub=True)
    stage.run(1.5)
    daniyar = stage.dialled("104")[-1].handle
    assert stage.hear_each_other(alice, daniyar)


def test_a_parked_call_is_retrieved_by_its_slot(stage: Stage) -> None:
    alice, bob = talking(stage, "101", "102")
    stage.presses(bob, "*7")
    stage.run(3.0)
    (row,) = stage.rows(live_call)
    assert (row["state"], row["slot"]) == ("parked", "701")
    eva = stage.calls("105", "701")
    stage.run(1.0)
    assert stage.hear_each_other(alice, eva)
    (row,) = stage.rows(live_call)
    assert (row["state"], row["slot"]) == ("talking", "")
    stage.hangs_up(alice)
    stage.run(0.5)
    assert len(stage.cdrs()) == 2
    assert stage.rows(live_call) == []


def test_two_parked_calls_never_share_a_slot_and_the_third_talks_on(stage: Stage) -> None:
    for caller, callee in (("101", "102"), ("103", "104"), ("105", "106")):
        _, other = talking(stage, caller, callee)
        stage.presses(other, "*7")
        stage.run(1.0)
    slots = sorted(row["slot"] for row in stage.rows(live_call))
    assert slots == ["", "701", "702"]


def test_a_ringing_call_is_picked_up(stage: Stage) -> None:
    alice = stage.calls("104", "102")
    stage.run(1.0)
    chynara = stage.calls("103", "**102")
    stage.run(1.0)
    assert stage.hear_each_other(alice, chynara)
    (cancelled,) = [a for a in stage.engine.all("hangup") if a.handle == stage.dialled("102")[0].handle]
    assert cancelled.headers["X-Elsewhere"] == "1"
    stage.hangs_up(alice)
    stage.run(0.5)
    assert sorted(c.answered_by for c in stage.cdrs()) == ["", "103"]


def test_three_in_a_conference_all_hear_all(stage: Stage) -> None:
    people = [stage.calls(number, "600") for number in ("101", "102", "103")]
    stage.run(3.0)
    assert stage.hear_each_other(*people)
    (room,) = stage.rows(live_room)
    assert (room["room"], room["people"]) == ("600", 3)
    stage.hangs_up(people[0])
    stage.run(0.5)
    assert stage.hear_each_other(*people[1:])
    for handle in people[1:]:
        stage.hangs_up(handle)
    stage.run(0.5)
    assert stage.rows(live_room) == []
    assert len(stage.cdrs()) == 3


def test_a_pause_by_key_is_exact_silence_on_both_sides_and_ends_by_itself(stage: Stage) -> None:
    alice, bob = talking(stage, "101", "102")
    stage.presses(bob, "*5")
    stage.run(1.0)
    assert stage.engine.muted == {alice, bob}
    stage.run(300.0, every_s=1.0)
    assert stage.engine.muted == set()
    stage.hangs_up(alice)
    stage.run(0.3)
    (folder,) = stage.folders()
    end = spool.read_end(folder)
    assert end is not None
    ((begin, finish),) = end.pauses
    assert finish - begin == pytest.approx(300.0, abs=1.1)
    (cdr,) = stage.cdrs()
    assert cdr.recording_pause_s == pytest.approx(300.0, abs=1.1)
    assert [e.detail["by"] for e in stage.events("recording_resumed")] == ["limit"]


def test_a_message_is_a_segment_with_the_callers_side_only(stage: Stage) -> None:
    alice = stage.calls("101", "106")
    stage.run(26.0, every_s=0.25)
    stage.run(6.0)
    stage.hangs_up(alice)
    stage.run(0.5)
    (cdr,) = stage.cdrs()
    assert cdr.voicemail
    (folder,) = stage.folders()
    meta = spool.read_meta(folder)
    assert meta is not None
    assert (meta.kind, meta.caller_number) == ("voicemail", "101")
    assert not (folder / spool.CALLEE_WAV).exists()
    (message,) = stage.rows(voicemail_message)
    assert (message["mailbox"], message["caller"], message["message_id"]) == ("106", "101", folder.name)
    assert message["call_id"] == cdr.call_id


def test_a_feature_code_changes_the_callers_own_setting(stage: Stage) -> None:
    stage.calls("105", "*78")
    stage.run(2.0)
    (row,) = stage.rows(user_setting)
    assert (row["number"], row["changed_by"]) == ("105", "phone")
    assert '"dnd": true' in row["settings"]
