"""An office steered by telephone keys alone: each feature code and key as its users press them, on real calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest import audio
from pbx_core import feed
from pbx_core.clock import SystemClock
from pbx_core.domain import modelfile
from pbx_core.domain.records import CallEventRecord, Cdr, RecordingRecord
from pbx_core.media.phone import Plan
from pbx_core.media.phones import Phones
from pbx_core.settings import load
from pbx_core.store import directory, engine, live, models
from tests.support.baresip import BINARY, Account, Baresip
from tests.support.exchange import call_back_at_once, loudness
from tests.support.ports import free_port, free_range
from tests.support.spooled import tone_file
from tests.support.system import System, running
from tests.support.waiting import until

pytestmark = pytest.mark.peers

DOMAIN = "acme.test"
DID, SINGLE, CUSTOMER = "+996312880101", "+996312880102", "+996555123456"
BOXES = (("101", "102"), ("103", "104"))  # phones that share a process
RTP_PORTS = 60
HEARD, SILENT = 0.02, 0.002  # amplitudes
MODEL = """
time_zone = "Asia/Bishkek"
[recording]
default = "never"
[outbound]
country = "KG"
calls_max = 1
verified = ["+996312880101"]
[offices.away]
name = "Away"
emergency_trunk = "dead"
[extensions]
101 = {{ name = "Alice", record = "on_demand", voicemail = false }}
102 = {{ name = "Bob", groups = ["front"], record = "on_demand", voicemail = false }}
103 = {{ name = "Carol", office = "away", groups = ["front"], ring_s = 5.0 }}
104 = {{ name = "Dan \\"D\\" 🎧", voicemail = false }}
105 = {{ name = "Nobody", voicemail = false }}
201 = {{ name = "Ann", voicemail = false }}
202 = {{ name = "Ben", voicemail = false }}
203 = {{ name = "Sue", voicemail = false, supervises = ["202"] }}
[trunks.carrier]
host = "127.0.0.2"
port = {port}
[trunks.dead]
host = "127.0.0.3"
port = {dead}
[routes.all]
trunks = ["carrier"]
[dids."{did}"]
destination = "queue:help"
[dids."{single}"]
destination = "menu:main"
channels = 1
overflow = "extension:104"
[menus.main]
greeting = ["say:en:Press a key."]
direct = true
number = "300"
[menus.main.keys]
9 = "extension:104"
[queues.help]
name = "Help"
number = "400"
members = ["104"]
wrap_up_s = 0.0
callback_key = "1"
exit_key = "*"
on_exit = "extension:101"
wait_s_max = 60
[rooms.600]
pin = "4711"
"""


@dataclass
class Office:
    """The running system with simulated phones; `world` is a carrier. Every test gives its calls names of its own."""

    system: System
    folder: Path
    tenant_id: str
    passwords: dict[str, str]
    world: Phones
    phones: dict[str, Phones] = field(default_factory=dict)

    def call(self, number: str, name: str, to: str, plan: Plan | None = None) -> None:
        self.phones[number].call(number, name, to, plan or Plan())

    def plan(self, number: str, plan: Plan) -> None:
        self.phones[number].plan(number, plan)

    def rung(self, number: str) -> str:
        """Wait until the extension's phone rings; its name for that call."""
        return str(self.phones[number].wait("incoming", account=number)["call"])

    def answered(self, number: str, call: str) -> None:
        self.phones[number].wait("answered", call=call)

    def over(self, number: str, call: str) -> int:
        """Wait until a call has ended; its status."""
        return int(self.phones[number].wait("ended", call=call)["status"])

    def connected(self, caller: str, name: str, callee: str) -> str:
        """One calls another, who answers; the callee's name for the call."""
        self.plan(callee, Plan(answer_after_s=0.2))
        self.call(caller, name, callee)
        theirs = self.rung(callee)
        self.answered(caller, name)
        self.answered(callee, theirs)
        return theirs

    def code(self, number: str, code: str) -> int:
        """Dial a feature code, and listen to the end of what it says; the status with which the call ended."""
        name = f"{number} dials {code}"
        self.call(number, name, code)
        return self.over(number, name)

    def seen(self, state: str, number: str) -> None:
        """Wait until others see the extension's call in this state, as somebody who looks at the phone does."""

        def found() -> bool:
            calls = live.calls(self.system.db, self.tenant_id)
            return any(c.state == state and number in c.extensions for c in calls)

        until(found, what=f"{number} {state}")

    def lines(self, kind: str) -> list[Any]:
        """All records of a kind in the journals, oldest first."""
        root = self.system.settings.journal_dir
        entries = [feed.decode(x.raw) for s in feed.segments(root) for x in feed.read(root, s)]
        return [e.record for e in sorted(entries, key=lambda e: e.at) if e.kind == kind]

    def events(self, type_: str) -> list[CallEventRecord]:
        return [e for e in self.lines("call_event") if e.type == type_]

    def more(self, type_: str, before: int) -> CallEventRecord:
        """Wait for one more event of a type than there were."""
        return until(lambda: self.events(type_)[before:], 20, what=f"one more {type_}")[-1]

    def cdr(self, before: int, caller: str, callee: str) -> Cdr:
        """Wait for the record of a call that came after the first `before` records."""

        def found() -> list[Cdr]:
            return [c for c in self.lines("cdr")[before:] if (c.caller_number, c.callee_number) == (caller, callee)]

        return until(found, 25, what=f"the record of {caller} to {callee}")[-1]


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    data, clock, port = folder / "data", SystemClock(), free_port()
    db = engine.migrate(load(data))
    tenant = directory.add_tenant(db, clock, "Acme", DOMAIN, time_zone="Asia/Bishkek")
    model = modelfile.read_toml(MODEL.format(port=port, dead=free_port(), did=DID, single=SINGLE))
    passwords = models.apply(db, clock, tenant.tenant_id, model, "test").passwords
    rtp = free_range(RTP_PORTS * 3)
    with running(data, db, transcribers=0) as system, ExitStack() as stack:
        edge = f"sip:127.0.0.1:{system.settings.sip_port};transport=udp"
        world = stack.enter_context(
            Phones(address="127.0.0.2", sip_port=port, rtp_port=rtp + 2 * RTP_PORTS, rtp_ports=RTP_PORTS)
        )
        world.carrier("world", edge, Plan(answer_after_s=0.3))
        made = Office(system, folder, tenant.tenant_id, passwords, world)
        for n, numbers in enumerate(BOXES):
            box = stack.enter_context(Phones(rtp_port=rtp + n * RTP_PORTS, rtp_ports=RTP_PORTS))
            for number in numbers:
                made.phones[number] = box
                box.register(number, number, DOMAIN, passwords[number], edge, Plan(), name=f"Phone {number}")
                assert box.wait("registered", account=number)["status"] == 200
        yield made


def test_a_call_is_parked_by_key_and_taken_at_another_phone(office: Office) -> None:
    records, parked = len(office.lines("cdr")), len(office.events("parked"))
    bobs = office.connected("101", "parked", "102")
    office.phones["102"].dtmf(bobs, "*7")
    slot = office.more("parked", parked).detail["slot"]
    office.over("102", bobs)  # after hearing the slot's number
    office.call("103", "takes", slot)
    office.answered("103", "takes")
    office.phones["103"].hangup("takes")
    office.over("101", "parked")
    cdr = office.cdr(records, "101", "102")
    assert [leg.number for leg in cdr.legs] == ["101", "102", "103"] and cdr.disposition == "answered"


def test_an_empty_slot_says_so(office: Office) -> None:
    assert office.code("103", "*70705") == 480


@pytest.mark.parametrize(("who", "code"), [("103", "*8"), ("103", "**102")])
def test_a_ringing_call_is_picked_up(office: Office, who: str, code: str) -> None:
    records = len(office.lines("cdr"))
    name = f"rings until {code}"
    office.plan("102", Plan(answer="ignore"))
    office.call("101", name, "102")
    bobs = office.rung("102")
    office.seen("ringing", "102")
    office.call(who, f"takes by {code}", code)
    office.answered(who, f"takes by {code}")
    office.answered("101", name)
    office.over("102", bobs)
    office.phones["101"].hangup(name)
    office.over(who, f"takes by {code}")
    assert office.cdr(records, "101", "102").answered_by == who


def test_a_group_does_not_pick_up_at_strangers(office: Office) -> None:
    office.plan("102", Plan(answer="ignore"))
    office.call("101", "rings on", "102")
    office.rung("102")
    office.seen("ringing", "102")
    assert office.code("104", "**102") == 403
    office.phones["101"].hangup("rings on")
    assert office.over("101", "rings on") == 487


@pytest.fixture(scope="module")
def handsets(office: Office) -> Iterator[dict[str, tuple[Baresip, float]]]:
    """Foreign phones that keep what they hear; each speaks a tone of its own."""
    if not BINARY:
        pytest.skip("baresip is not installed (apt-get install baresip-core)")
    with ExitStack() as stack:
        made = {}
        for number, hertz in (("201", 500.0), ("202", 1000.0), ("203", 1700.0)):
            account = Account(number, DOMAIN, office.passwords[number], office.system.settings.sip_port)
            voice = tone_file(office.folder / f"{number}.wav", hertz, 60)
            phone = stack.enter_context(Baresip(office.folder / number, [account], audio_file=voice))
            phone.wait_registered()
            made[number] = phone, hertz
        yield made


@pytest.mark.parametrize(("code", "hear_her"), [("*31", ()), ("*32", ("202",)), ("*33", ("201", "202"))])
def test_a_supervisor_hears_both_and_is_heard_by_whom_she_wishes(
    office: Office, handsets: dict[str, tuple[Baresip, float]], code: str, hear_her: tuple[str, ...]
) -> None:
    (ann, ann_hz), (ben, ben_hz), (sue, sue_hz) = (handsets[n] for n in ("201", "202", "203"))
    turn, adopted = 1 + len(ann.heard()), len(office.events("adopted"))
    ann.dial(f"sip:202@{DOMAIN}")
    ben.wait_event("CALL_INCOMING", count=turn)
    ben.answer()
    ann.wait_event("CALL_ESTABLISHED", count=turn)
    office.seen("talking", "202")
    sue.dial(f"sip:{code}202@{DOMAIN}")
    sue.wait_event("CALL_ESTABLISHED", count=turn)
    office.more("adopted", adopted)
    _listen(sue.heard()[-1], 2.0)
    sue.hangup()
    sue.wait_event("CALL_CLOSED", count=turn)
    assert ann.types().count("CALL_CLOSED") == turn - 1, "the two talk on"
    ann.hangup()
    ann.wait_event("CALL_CLOSED", count=turn)
    ben.wait_event("CALL_CLOSED", count=turn)
    heard = {number: phone.heard()[-1] for number, (phone, _) in handsets.items()}
    assert loudness(heard["203"], ann_hz) > HEARD and loudness(heard["203"], ben_hz) > HEARD
    for number in ("201", "202"):
        assert (loudness(heard[number], sue_hz) > HEARD) == (number in hear_her), f"{number} and {code}"


def _listen(file: Path, seconds: float) -> None:
    begin = file.stat().st_size
    until(lambda: file.stat().st_size > begin + seconds * 16_000, 20, what="more to hear")


def test_who_has_no_right_supervises_nobody(office: Office, handsets: dict[str, tuple[Baresip, float]]) -> None:
    (ann, _), (ben, _) = handsets["201"], handsets["202"]
    turn = 1 + len(ann.heard())
    ann.dial(f"sip:202@{DOMAIN}")
    ben.wait_event("CALL_INCOMING", count=turn)
    ben.answer()
    ann.wait_event("CALL_ESTABLISHED", count=turn)
    office.seen("talking", "202")
    assert office.code("101", "*31202") == 403
    ann.hangup()
    ann.wait_event("CALL_CLOSED", count=turn)


def test_recording_on_demand_with_a_pause_by_keys(office: Office) -> None:
    records = len(office.lines("cdr"))
    voice = str(tone_file(office.folder / "voice.wav", 700.0, 30))
    office.plan("102", Plan(answer_after_s=0.2, play=voice))
    office.call("101", "recorded", "102", Plan(play=voice))
    bobs = office.rung("102")
    office.answered("101", "recorded")
    for keys, event in (("*2", "recording_started"), ("*5", "recording_paused"), ("*6", "recording_resumed")):
        before = len(office.events(event))
        office.phones["102"].dtmf(bobs, keys)
        office.more(event, before)
        begun = SystemClock().monotonic()
        until(lambda begun=begun: SystemClock().monotonic() > begun + 1.2)
    stopped = len(office.events("recording_stopped"))
    office.phones["102"].dtmf(bobs, "*2")
    office.more("recording_stopped", stopped)
    office.phones["101"].hangup("recorded")
    cdr = office.cdr(records, "101", "102")
    found = until(lambda: [r for r in office.lines("recording") if r.call_id == cdr.call_id], 20, what="a recording")
    record: RecordingRecord = found[0]
    assert cdr.segments == 1 and cdr.recording_pause_s > 1.0 and record.duration_s < cdr.talk_s
    ((begin, end),) = record.pauses
    sound, _ = audio.decode(office.system.settings.recordings_dir / record.path, 8000)
    assert np.abs(sound[: int(begin * 8000)]).max() > HEARD, "sound before the pause"
    assert np.abs(sound[int((begin + 0.3) * 8000) : int((end - 0.3) * 8000)]).max() < SILENT, "silence in it"
    assert np.abs(sound[int((end + 0.3) * 8000) :]).max() > HEARD, "sound after it"


def test_the_right_pin_opens_a_conference_and_a_wrong_one_does_not(office: Office) -> None:
    records, joined = len(office.lines("cdr")), len(office.events("joined"))
    office.call("101", "right", "600")
    office.answered("101", "right")
    office.phones["101"].dtmf("right", "4711")
    office.more("joined", joined)
    office.call("103", "wrong", "600")
    office.answered("103", "wrong")
    for pin in ("1234", "0000", "9999"):
        pressed = len(office.events("dtmf"))
        office.phones["103"].dtmf("wrong", pin)
        office.more("dtmf", pressed + len(pin) - 1)
    office.over("103", "wrong")
    assert len(office.events("joined")) == joined + 1
    assert "PIN" in office.cdr(records, "103", "600").cause
    office.phones["101"].hangup("right")
    office.over("101", "right")


def test_a_message_is_heard_again_and_deleted_by_keys(office: Office) -> None:
    office.plan("103", Plan(answer="busy"))
    started = len(office.events("recording_started"))
    office.call("101", "leaves", "103", Plan(play=str(tone_file(office.folder / "message.wav", 600.0, 30))))
    office.more("recording_started", started)
    begun = SystemClock().monotonic()
    until(lambda: SystemClock().monotonic() > begun + 3.0)
    office.phones["101"].hangup("leaves")
    until(lambda: office.events("voicemail_left"), 20, what="the message")
    until(lambda: any(r.kind == "voicemail" for r in office.lines("recording")), 20, what="its sound")
    records = len(office.lines("cdr"))
    office.call("103", "hears", "*97")
    office.answered("103", "hears")
    for key in ("1", "7"):
        played = len(office.events("played"))
        office.phones["103"].dtmf("hears", key)
        office.more("played", played)
    office.phones["103"].dtmf("hears", "#")
    office.over("103", "hears")
    assert office.cdr(records, "103", "*97").cause == "end of the mailbox"
    office.code("103", "*97")  # it is empty, says so, and ends


def test_do_not_disturb_and_forwarding_are_dialled(office: Office) -> None:
    records = len(office.lines("cdr"))
    office.code("102", "*78")
    office.call("101", "disturbs", "102")
    assert office.over("101", "disturbs") == 486
    office.code("102", "*79")
    office.plan("104", Plan(answer_after_s=0.2))
    change = {"forward_no_answer_s": 5.0}
    models.change_user(office.system.db, SystemClock(), office.tenant_id, "102", change, "test")
    for code, behaves, off in (("*90104", "busy", "*91"), ("*92104", "ignore", "*93"), ("*72104", "answer", "*73")):
        office.code("102", code)
        office.plan("102", Plan(answer=behaves))
        office.call("101", code, "102")
        office.rung("104")
        office.answered("101", code)
        office.phones["101"].hangup(code)
        office.over("101", code)
        office.code("102", off)
    found = [c for c in office.lines("cdr")[records:] if c.caller_number == "101" and c.answered_by == "104"]
    assert [c.forwarded_by for c in found] == ["102"] * 3


def test_a_caller_asks_by_key_to_be_called_back(office: Office) -> None:
    """No agent is there; the caller asks; an agent logs in by his phone; both are called."""
    records = len(office.lines("cdr"))
    office.plan("104", Plan(answer_after_s=0.2))
    office.world.plan("world", Plan(answer_after_s=0.2, hangup_after_s=3.0))
    joined = len(office.events("queue_joined"))
    office.world.call_as("world", "asks", CUSTOMER, DID, Plan())
    office.more("queue_joined", joined)
    office.world.dtmf("asks", "1")
    office.world.wait("ended", call="asks")
    assert office.cdr(records, CUSTOMER, DID).queue_result == "callback"
    office.code("104", "*45")
    call_back_at_once(office.system.db)
    office.world.wait("incoming")
    office.answered("104", office.rung("104"))
    back = until(lambda: [c for c in office.lines("cdr")[records:] if c.direction == "callback"], 30)[0]
    assert (back.queue, back.queue_result, back.answered_by) == ("help", "answered", CUSTOMER)
    office.code("104", "*47")


def test_a_caller_leaves_a_queue_by_key(office: Office) -> None:
    records = len(office.lines("cdr"))
    office.plan("101", Plan(answer_after_s=0.2))
    joined = len(office.events("queue_joined"))
    office.world.call_as("world", "leaves", CUSTOMER, DID, Plan())
    office.more("queue_joined", joined)
    office.world.dtmf("leaves", "*")
    office.answered("101", office.rung("101"))
    office.world.hangup("leaves")
    cdr = office.cdr(records, CUSTOMER, DID)
    assert (cdr.queue_result, cdr.answered_by) == ("key", "101")


def test_an_extension_is_dialled_in_a_menu_and_the_number_has_one_channel(office: Office) -> None:
    records = len(office.lines("cdr"))
    office.plan("101", Plan(answer_after_s=0.2))
    office.plan("104", Plan(answer_after_s=0.2))
    office.world.call_as("world", "dials", CUSTOMER, SINGLE, Plan())
    office.world.wait("answered", call="dials")
    office.world.dtmf("dials", "101")
    office.answered("101", office.rung("101"))
    office.world.call_as("world", "beyond", "+996555000222", SINGLE, Plan())
    office.answered("104", office.rung("104"))
    office.world.wait("answered", call="beyond")  # else its hang-up could cross the answer
    for name in ("dials", "beyond"):
        office.world.hangup(name)
    first, second = office.cdr(records, CUSTOMER, SINGLE), office.cdr(records, "+996555000222", SINGLE)
    assert (first.answered_by, first.menu_path) == ("101", "101")
    assert (second.answered_by, second.menu_path) == ("104", "")


def test_an_emergency_call_passes_the_tenants_limit_and_a_dead_trunk(office: Office) -> None:
    records = len(office.lines("cdr"))
    office.world.plan("world", Plan(answer_after_s=0.2))
    office.call("101", "the only one", "0555778899")
    office.answered("101", "the only one")
    office.call("103", "too many", "0555778800")
    assert office.over("103", "too many") >= 400
    office.call("103", "help", "112")
    office.answered("103", "help")
    for number, name in (("103", "help"), ("101", "the only one")):
        office.phones[number].hangup(name)
        office.over(number, name)
    help_ = office.cdr(records, "103", "112")
    assert (help_.direction, help_.trunk_id, help_.disposition) == ("outbound", "carrier", "answered")
    assert help_.recording_id is None
    tried = [e.detail["trunk_id"] for e in office.events("dialed") if e.call_id == help_.call_id]
    assert tried == ["dead", "carrier"], "the office's own trunk first, though nobody answers there"
