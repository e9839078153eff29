"""A phone that is not ours (linphonec) asks a colleague first and then connects him: who hears whom, what is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from ingest import audio
from pbx_core import feed
from pbx_core.domain.records import CallEventRecord, Cdr, RecordingRecord
from pbx_core.media import spool
from tests.conftest import World
from tests.support import baresip, linphone
from tests.support.baresip import Account, Baresip
from tests.support.linphone import Linphone
from tests.support.system import System, running
from tests.support.tones import RATE, heard, samples_of, tone
from tests.support.waiting import until

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(not baresip.BINARY, reason="baresip is not installed (apt-get install baresip-core)"),
    pytest.mark.skipif(not linphone.BINARY, reason="linphonec is not installed (apt-get install linphone-cli)"),
]

DOMAIN = "acme.test"
ALICE_HZ, BOB_HZ, CAROL_HZ = 440.0, 1000.0, 620.0
SPOKEN_S = 120.0
OK_OF_REFER = r"NOTIFY (?:.+\n)*\nSIP/2\.0 200 "


@dataclass
class Office:
    """Alice (101) and Carol (103) at one make of phone, Bob (102) at another, all of them speaking all the time."""

    system: System
    tenant_id: str
    alice: Baresip
    bob: Linphone
    carol: Baresip

    def records(self, kind: str) -> list[Any]:
        """All records of a kind in the journals, oldest first."""
        root = self.system.settings.journal_dir
        entries = [feed.decode(x.raw) for s in feed.segments(root) for x in feed.read(root, s)]
        return [e.record for e in sorted(entries, key=lambda e: e.at) if e.kind == kind]

    def events(self, kind: str) -> list[CallEventRecord]:
        return [e for e in self.records("call_event") if e.type == kind]

    def talk(self, nth: int, left_hz: float, right_hz: float) -> None:
        """Until the nth recording has both voices and some seconds."""
        started = until(lambda: (e := self.events("recording_started"))[nth - 1 : nth], 20, what=f"recording {nth}")
        folder = self.system.settings.spool_dir / self.tenant_id / started[0].detail["recording_id"]
        for name, hertz in ((spool.CALLER_WAV, left_hz), (spool.CALLEE_WAV, right_hz)):
            until(lambda n=name, h=hertz: speaks(samples_of(folder / n), h), 20, what=f"{hertz} Hz in {name}")

    def cdrs(self) -> list[Cdr]:
        """The call and the consultation, in order of their beginning."""
        found = until(lambda: len(c := self.records("cdr")) >= 2 and c, 20, what="two records")
        return sorted(found, key=lambda c: c.started_at)

    def voices(self, call_id: str, count: int) -> list[tuple[str, set[float], str, set[float]]]:
        """Of each recording of the call: who is on the left by its record and who is heard there, and the right."""

        def made() -> list[RecordingRecord]:
            return [r for r in self.records("recording") if r.call_id == call_id]

        until(lambda: len(made()) == count, 20, what=f"{count} recordings")
        found = []
        for record in sorted(made(), key=lambda r: r.segment):
            sound = audio.decode(self.system.settings.recordings_dir / record.path, RATE)[0]
            left, right = (pitches((sound[:, side] * 32768).astype(np.int16)) for side in (0, 1))
            found.append((record.caller_number, left, record.callee_number, right))
        return found


def speaks(sound: npt.NDArray[np.int16], hertz: float) -> bool:
    """Whether somebody has spoken for two seconds and still does."""
    return all(hertz in pitches(sound[-2 * RATE :][n : n + RATE]) for n in (0, RATE))


def pitches(sound: npt.NDArray[np.int16]) -> set[float]:
    """Whose voices are in any half second of it."""
    step = RATE // 2
    parts = [sound[n : n + step] for n in range(0, len(sound) - step + 1, step)]
    return {hertz for part in parts for hertz in heard(part, [ALICE_HZ, BOB_HZ, CAROL_HZ])}


def last_heard(phone: Baresip) -> set[float]:
    """Whose voices this phone played in its last second."""
    sound, rate = soundfile.read(phone.heard()[-1], dtype="int16")
    assert rate == RATE
    return pitches(sound[-RATE:])


@pytest.fixture
def office(world: World, tmp_path: Path) -> Iterator[Office]:
    with running(world.settings.data, world.db, transcribers=0) as system, ExitStack() as stack:
        port = system.settings.sip_port
        phones = {}
        for number, hertz in (("101", ALICE_HZ), ("103", CAROL_HZ)):
            account = Account(number, DOMAIN, world.sip_password(DOMAIN, number), port)
            voice = tone(tmp_path / f"{number}.wav", hertz, SPOKEN_S)
            phones[number] = stack.enter_context(Baresip(tmp_path / number, [account], audio_file=voice))
            phones[number].wait_registered()
        voice = tone(tmp_path / "102.wav", BOB_HZ, SPOKEN_S)
        bob = Linphone(tmp_path / "102", "102", DOMAIN, world.sip_password(DOMAIN, "102"), port, voice)
        stack.enter_context(bob)
        yield Office(system, world.acme.tenant_id, phones["101"], bob, phones["103"])


def consult_and_connect(office: Office, call: str) -> None:
    """Bob puts Alice on hold, asks Carol, connects the two and is out of it."""
    office.bob.command("pause")
    until(lambda: office.events("held"), 15, what="hold")
    consultation = office.bob.dial(f"sip:103@{DOMAIN}")
    office.carol.wait_event("CALL_INCOMING")
    office.carol.answer()
    office.talk(2, BOB_HZ, CAROL_HZ)
    office.bob.command(f"transfer {call} --to-call {consultation}")
    office.bob.wait_line(rf"call {call} has been transfered")
    for ended in (call, consultation):
        office.bob.wait_line(rf"Call {ended} with .* ended \(No error\)")
    assert office.bob.messages(r"SIP/2\.0 202 ") and office.bob.messages(OK_OF_REFER)


def test_the_called_phone_asks_a_colleague_and_connects_him(office: Office) -> None:
    office.alice.dial(f"sip:102@{DOMAIN}")
    call = office.bob.wait_incoming()
    office.bob.command("answer")
    office.talk(1, ALICE_HZ, BOB_HZ)
    consult_and_connect(office, call)
    office.talk(3, ALICE_HZ, CAROL_HZ)
    assert "CALL_CLOSED" not in office.alice.types() + office.carol.types()
    office.alice.hangup()
    office.carol.wait_event("CALL_CLOSED")
    first, consultation = office.cdrs()
    assert (first.disposition, first.transferred, first.segments) == ("answered", "attended", 2)
    assert [leg.number for leg in first.legs] == ["101", "102", "103"]
    assert (first.answered_by, first.hangup_party) == ("102", "caller") and first.hold_s > 0
    assert [e.detail for e in office.events("transferred")] == [{"how": "attended", "target": "103", "by": "102"}]
    assert (consultation.caller_number, consultation.answered_by, consultation.cause) == ("102", "103", "transferred")
    assert first.conversation_id == consultation.conversation_id == first.call_id, "one story"
    assert office.voices(first.call_id, 2) == [
        ("101", {ALICE_HZ}, "102", {BOB_HZ}),
        ("101", {ALICE_HZ}, "103", {CAROL_HZ}),
    ]
    assert office.voices(consultation.call_id, 1) == [("102", {BOB_HZ}, "103", {CAROL_HZ})]
    assert (last_heard(office.alice), last_heard(office.carol)) == ({CAROL_HZ}, {ALICE_HZ})


def test_the_calling_phone_asks_a_colleague_and_connects_him(office: Office) -> None:
    call = office.bob.dial(f"sip:101@{DOMAIN}")
    office.alice.wait_event("CALL_INCOMING")
    office.alice.answer()
    office.talk(1, BOB_HZ, ALICE_HZ)
    consult_and_connect(office, call)
    office.talk(3, CAROL_HZ, ALICE_HZ)
    office.carol.hangup()
    office.alice.wait_event("CALL_CLOSED")
    first, consultation = office.cdrs()
    assert (first.disposition, first.transferred, first.segments) == ("answered", "attended", 2)
    assert [leg.number for leg in first.legs] == ["102", "101", "103"]
    assert first.answered_by == "101" and first.hold_s > 0
    assert consultation.conversation_id == first.call_id
    assert office.voices(first.call_id, 2) == [
        ("102", {BOB_HZ}, "101", {ALICE_HZ}),
        ("103", {CAROL_HZ}, "101", {ALICE_HZ}),
    ]
    assert office.voices(consultation.call_id, 1) == [("102", {BOB_HZ}, "103", {CAROL_HZ})]
    assert (last_heard(office.alice), last_heard(office.carol)) == ({CAROL_HZ}, {ALICE_HZ})
