"""A real edge, worker and phones: transfer, pause, announcement before recording, park; what is in the files."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pbx_core.domain.records import Cdr, Disposition
from pbx_core.media import spool
from pbx_core.media.phone import Plan
from tests.support.exchange import Exchange, exchange, loudness
from tests.support.spooled import tone_file
from tests.support.waiting import until
from tests.support.worker_process import wav

pytestmark = pytest.mark.peers

MODEL = """
languages = ["en"]

[extensions]
101 = { name = "Alice", voicemail = false }
102 = { name = "Bob", voicemail = false }
103 = { name = "Carol", voicemail = false }
"""
ANNOUNCED = MODEL + '\n[recording]\nannouncement = ["say:en:This call is recorded, to make our service better."]\n'
ALICE_HZ, BOB_HZ, CAROL_HZ, PLANTED_HZ = 440.0, 1000.0, 620.0, 1800.0
HEARD, SILENT = 0.05, 0.002  # amplitudes


def folders(office: Exchange, cdr: Cdr) -> list[Path]:
    """The call's segments in the spool, in order, each ended."""
    place = office.worker.settings.spool_dir / cdr.tenant_id
    metas = [m for p in place.iterdir() if (m := spool.read_meta(p)) and m.call_id == cdr.call_id]
    found = [place / m.recording_id for m in sorted(metas, key=lambda m: m.segment)]
    until(lambda: all(spool.read_end(f) for f in found), what="end marks")
    return found


def recorded_s(office: Exchange) -> float:
    """Seconds in the first side of the recording that runs."""
    return max((p.stat().st_size / 16_000 for p in office.worker.settings.spool_dir.glob("*/*/caller.wav")), default=0)


def more_s(office: Exchange, seconds: float) -> None:
    """Wait until the recording is so much longer."""
    begin = recorded_s(office)
    until(lambda: recorded_s(office) >= begin + seconds, what=f"{seconds} s more of recording")


def test_an_attended_transfer_is_one_conversation_in_two_segments(tmp_path: Path) -> None:
    with exchange(tmp_path, MODEL, ("101", "102", "103")) as office:
        office.plan("102", Plan(answer_after_s=0.2, play=str(tone_file(tmp_path / "bob.wav", BOB_HZ, 20))))
        office.plan("103", Plan(answer_after_s=0.2, play=str(tone_file(tmp_path / "carol.wav", CAROL_HZ, 20))))
        office.call("101", "talk", "102", Plan(play=str(tone_file(tmp_path / "alice.wav", ALICE_HZ, 30))))
        bobs = office.phones["102"].wait("incoming", account="102")["call"]
        office.phones["101"].wait("answered", call="talk")
        until(lambda: office.events("recording_started"))
        more_s(office, 1.0)
        office.say("102", do="hold", call=bobs, on=True)
        until(lambda: office.events("held"))
        office.call("102", "ask", "103", Plan())
        office.phones["102"].wait("answered", call="ask")
        until(lambda: len(office.events("recording_started")) == 2)
        office.say("102", do="transfer", call=bobs, **{"with": "ask"})
        office.phones["102"].wait("ended", call=bobs)
        office.phones["102"].wait("ended", call="ask")
        until(lambda: len(office.events("recording_started")) == 3)
        more_s(office, 2.0)
        office.say("101", do="hangup", call="talk")
        first, second = office.cdrs(2)
        assert (first.disposition, first.transferred, first.segments) == (Disposition.ANSWERED, "attended", 2)
        assert (second.caller_number, second.callee_number) == ("102", "103")
        one, two = folders(office, first)
        assert loudness(one / spool.CALLER_WAV, ALICE_HZ) > HEARD
        assert loudness(one / spool.CALLEE_WAV, BOB_HZ) > HEARD
        assert loudness(two / spool.CALLER_WAV, ALICE_HZ) > HEARD
        assert loudness(two / spool.CALLEE_WAV, CAROL_HZ) > HEARD
        assert loudness(two / spool.CALLEE_WAV, BOB_HZ) < SILENT
        meta = spool.read_meta(two)
        assert meta is not None
        assert (meta.segment, meta.caller_number, meta.callee_number) == (2, "101", "103")


def test_nothing_said_while_recording_is_paused_is_in_the_file(tmp_path: Path) -> None:
    with exchange(tmp_path, MODEL, ("101", "102")) as office:
        planted = str(tone_file(tmp_path / "card.wav", PLANTED_HZ, 1.0))
        office.plan("102", Plan(answer_after_s=0.2, play=str(tone_file(tmp_path / "bob.wav", BOB_HZ, 30))))
        office.call("101", "talk", "102", Plan(play=str(tone_file(tmp_path / "alice.wav", ALICE_HZ, 30))))
        bobs = office.phones["102"].wait("incoming", account="102")["call"]
        until(lambda: office.events("recording_started"))
        more_s(office, 1.0)
        office.say("102", do="dtmf", call=bobs, digits="*5")
        until(lambda: office.events("recording_paused"))
        office.say("101", do="play", call="talk", file=planted)
        more_s(office, 2.5)
        office.say("102", do="dtmf", call=bobs, digits="*6")
        until(lambda: office.events("recording_resumed"))
        office.say("101", do="play", call="talk", file=str(tmp_path / "alice.wav"))
        more_s(office, 1.5)
        office.say("101", do="hangup", call="talk")
        (cdr,) = office.cdrs(1)
        (folder,) = folders(office, cdr)
        end = spool.read_end(folder)
        assert end is not None
        ((begin, finish),) = end.pauses
        assert cdr.recording_pause_s == pytest.approx(finish - begin, abs=0.2)
        for name, hertz in ((spool.CALLER_WAV, ALICE_HZ), (spool.CALLEE_WAV, BOB_HZ)):
            assert loudness(folder / name, hertz) > HEARD
            assert loudness(folder / name, PLANTED_HZ) < SILENT
            samples, rate = wav(folder / name)
            paused = samples[int((begin + 0.2) * rate) : int((finish - 0.1) * rate)]
            assert len(paused) > 2 * rate
            assert not paused.any(), f"{name}: silence is exact"
            assert samples[int((finish + 0.3) * rate) :].any(), f"{name}: sound again after the pause"
            assert len(samples) / rate == pytest.approx(end.talk_s, abs=0.25)


def test_no_byte_is_recorded_before_the_announcement_has_ended(tmp_path: Path) -> None:
    with exchange(tmp_path, ANNOUNCED, ("101", "102")) as office:
        planted = str(tone_file(tmp_path / "early.wav", PLANTED_HZ, 0.5))
        office.plan("102", Plan(answer_after_s=0.2, play=planted))
        office.call("101", "talk", "102", Plan(play=planted))
        until(lambda: office.events("answered"))
        spool_dir = office.worker.settings.spool_dir
        seen_at = until(lambda: list(spool_dir.glob("*/*/*.wav")) and time.time(), 20, 0.002, "a file")
        until(lambda: office.events("recording_started"), what="the recording begins after the announcement")
        office.say("101", do="play", call="talk", file=str(tone_file(tmp_path / "alice.wav", ALICE_HZ, 5)))
        more_s(office, 1.5)
        office.say("101", do="hangup", call="talk")
        (cdr,) = office.cdrs(1)
        heard = [e.mono_s for e in office.events("played")]
        (started,) = office.events("recording_started")
        assert len(heard) == 2, "both sides hear it"
        assert seen_at + 0.001 >= max(e.at.timestamp() for e in office.events("played")), "no file before its end"
        assert started.mono_s >= max(heard)
        (folder,) = folders(office, cdr)
        assert loudness(folder / spool.CALLER_WAV, ALICE_HZ) > HEARD
        for name in (spool.CALLER_WAV, spool.CALLEE_WAV):
            assert loudness(folder / name, PLANTED_HZ) < SILENT
        assert not [e.detail["fault"] for e in office.events("played") if e.detail.get("fault")]


def test_a_call_is_parked_and_retrieved_at_another_phone(tmp_path: Path) -> None:
    with exchange(tmp_path, MODEL, ("101", "102", "103")) as office:
        office.plan("102", Plan(answer_after_s=0.2))
        office.call("101", "talk", "102", Plan(play=str(tone_file(tmp_path / "alice.wav", ALICE_HZ, 30))))
        bobs = office.phones["102"].wait("incoming", account="102")["call"]
        until(lambda: office.events("recording_started"))
        office.say("102", do="dtmf", call=bobs, digits="*7")
        (parked,) = until(lambda: office.events("parked"))
        office.phones["102"].wait("ended", call=bobs)
        office.call(
            "103", "take", parked.detail["slot"], Plan(play=str(tone_file(tmp_path / "carol.wav", CAROL_HZ, 30)))
        )
        until(lambda: len(office.events("recording_started")) == 2, what="they talk")
        more_s(office, 1.5)
        office.say("103", do="hangup", call="take")
        office.phones["101"].wait("ended", call="talk")
        first, _ = office.cdrs(2)
        _, two = folders(office, first)
        assert loudness(two / spool.CALLER_WAV, ALICE_HZ) > HEARD
        assert loudness(two / spool.CALLEE_WAV, CAROL_HZ) > HEARD
