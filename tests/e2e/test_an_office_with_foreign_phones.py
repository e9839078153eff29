"""An office at work with foreign phones (baresip) and foreign carriers (sipp): each feature as its users meet it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from ingest import audio
from pbx_core import feed
from pbx_core.clock import SystemClock
from pbx_core.domain import modelfile
from pbx_core.domain.records import Cdr, RecordingRecord
from pbx_core.settings import load
from pbx_core.store import directory, engine, models
from tests.support import sipp
from tests.support.baresip import BINARY, Account, Baresip
from tests.support.ports import free_port
from tests.support.siege import lasting
from tests.support.sipp import Sipp
from tests.support.system import System, running
from tests.support.waiting import until

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(not BINARY, reason="baresip is not installed (apt-get install baresip-core)"),
]

DOMAIN = "acme.test"
DID, ANNOUNCED = "+996312880101", "+996312880102"
NUMBERS = ("101", "102", "103", "104", "105", "106")
MODEL = """
time_zone = "Asia/Bishkek"
[recording]
internal = "never"
[outbound]
country = "KG"
international = true
countries = ["DE", "FR"]
verified = ["+996312880101"]
[offices.main]
name = "Main"
caller_id = "+996312880101"
[extensions.101]
name = "Alice"
office = "main"
international = true
[extensions.102]
name = "Bob"
office = "main"
ring_s = 5.0
[extensions.103]
name = "Carol"
office = "main"
voicemail = false
[extensions.104]
name = "Dan"
voicemail = false
[extensions.105]
name = "Eve"
voicemail = false
[extensions.106]
name = "Fay"
voicemail = false
[trunks.good]
host = "127.0.0.3"
port = {good}
[trunks.bad]
host = "127.0.0.4"
port = {bad}
[trunks.silent]
host = "127.0.0.5"
port = {silent}
[routes.germany]
prefixes = ["49"]
trunks = ["silent", "good"]
[routes.france]
prefixes = ["33"]
trunks = ["bad", "good"]
[routes.all]
trunks = ["good"]
[dids."{did}"]
destination = "menu:main"
[menus.main]
number = "300"
greeting = ["say:en:Press one for sales, two for support."]
on_timeout = "hangup:no_choice"
on_invalid = "hangup:no_choice"
[menus.main.keys]
1 = "extension:101"
2 = "queue:support"
[queues.support]
name = "Support"
number = "200"
agent_ring_s = 5.0
wrap_up_s = 0.0
members = [
  {{ number = "104", always = true }}, {{ number = "105", always = true }}, {{ number = "106", always = true }},
]
on_overflow = "hangup:busy"
[rooms.600]
name = "Meeting"
"""


@dataclass
class Office:
    """The running system, its phones and what they are called."""

    system: System
    directory: Path
    passwords: dict[str, str]
    tenant: directory.Tenant
    good: int
    bad: int
    phones: dict[str, Baresip] = field(default_factory=dict)
    count: int = 0

    def fresh(self, *numbers: str) -> list[Baresip]:
        """New phones of these numbers, registered."""
        made = []
        for number in numbers:
            if number in self.phones:
                self.phones.pop(number).close()
            self.count += 1
            account = Account(number, DOMAIN, self.passwords[number], self.system.settings.sip_port)
            phone = self.phones[number] = Baresip(self.directory / f"{number}-{self.count}", [account])
            phone.wait_registered()
            made.append(phone)
        return made

    def lines(self, kind: str) -> list[Any]:
        """All records of a kind in the journals, oldest first."""
        root = self.system.settings.journal_dir
        entries = [feed.decode(x.raw) for s in feed.segments(root) for x in feed.read(root, s)]
        return [e.record for e in sorted(entries, key=lambda e: e.at) if e.kind == kind]

    def cdr(self, fits: Callable[[Cdr], bool], what: str = "a record") -> Cdr:
        """The newest record that fits, once it is written."""
        return until(lambda: [c for c in self.lines("cdr") if fits(c)], 20, what=what)[-1]

    def recordings(self, call_id: str, count: int = 1) -> list[tuple[RecordingRecord, np.ndarray]]:
        """A call's recordings with their sound, float (n, 2), in order of the segments."""
        found = until(
            lambda: [f for f in [[r for r in self.lines("recording") if r.call_id == call_id]] if len(f) >= count],
            20,
            what=f"{count} recordings",
        )[0]
        return [(r, self._sound(r)) for r in sorted(found, key=lambda r: r.segment)]

    def _sound(self, record: RecordingRecord) -> np.ndarray:
        return audio.decode(self.system.settings.recordings_dir / record.path, 8000)[0]


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    data = folder / "data"
    db = engine.migrate(load(data))
    clock = SystemClock()
    tenant = directory.add_tenant(db, clock, "Acme", DOMAIN, time_zone="Asia/Bishkek")
    good, bad, silent = free_port(), free_port(), free_port()
    model = modelfile.read_toml(MODEL.format(good=good, bad=bad, silent=silent, did=DID))
    passwords = models.apply(db, clock, tenant.tenant_id, model, "test", "opening").passwords
    with running(data, db, transcribers=0) as system, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.5", silent))  # takes everything, says nothing
        made = Office(system, folder, passwords, tenant, good, bad)
        yield made
        for phone in made.phones.values():
            phone.close()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as held:
        yield held


def carrier(office: Office, stack: ExitStack, name: str, scenario: str, **options: Any) -> Sipp:
    """A sipp that runs until the test is over."""
    made = Sipp(office.directory / name, name, scenario, edge_port=office.system.settings.sip_port, **options)
    process = made.start()
    stack.callback(process.wait)
    stack.callback(process.kill)
    return made


def answering(office: Office, stack: ExitStack, name: str, *options: str) -> Sipp:
    """The good carrier: rings and answers everything."""
    scenario = sipp.answer_scenario(sipp.tone(office.directory / f"{name}.ulaw", 600))
    return carrier(office, stack, name, scenario, port=office.good, address="127.0.0.3", options=options)


def test_a_stranger_presses_a_key_and_reaches_an_extension(office: Office, stack: ExitStack) -> None:
    (alice,) = office.fresh("101")
    call = sipp.call_in_scenario("+996555000111", DID, keys="1", talk_ms=5000)
    carrier(office, stack, "menu", call, port=office.good, address="127.0.0.3", calls=1)
    alice.wait_event("CALL_INCOMING")
    alice.answer()
    alice.wait_event("CALL_CLOSED", timeout_s=15)
    cdr = office.cdr(lambda c: c.caller_number == "+996555000111")
    assert (cdr.direction, cdr.did, cdr.menu_path, cdr.answered_by) == ("inbound", DID, "1", "101")
    assert cdr.disposition == "answered" and cdr.trunk_id == "good"
    ((record, _),) = office.recordings(cdr.call_id)
    assert (record.caller_number, record.callee_number) == ("+996555000111", "101")


def test_three_agents_take_turns_in_a_queue(office: Office, stack: ExitStack) -> None:
    agents = dict(zip(("104", "105", "106"), office.fresh("104", "105", "106"), strict=True))
    (caller,) = office.fresh("101")
    takers = []
    for turn in range(1, 4):
        caller.dial(f"sip:200@{DOMAIN}")
        caller.wait_event("CALL_ESTABLISHED", count=turn)
        ringing = until(
            lambda: [n for n, p in agents.items() if p.types().count("CALL_INCOMING") > takers.count(n)], 15
        )
        assert len(ringing) == 1, "one agent at a time"
        agents[ringing[0]].answer()
        agents[ringing[0]].wait_event("CALL_ESTABLISHED", count=takers.count(ringing[0]) + 1)
        takers.append(ringing[0])
        caller.hangup()
        caller.wait_event("CALL_CLOSED", count=turn)
        office.cdr(lambda c, n=ringing[0]: c.answered_by == n and c.queue == "support")
    assert sorted(takers) == ["104", "105", "106"], "the longest idle is first"


def test_an_agent_who_lets_it_ring_is_passed_over(office: Office) -> None:
    agents = dict(zip(("104", "105", "106"), office.fresh("104", "105", "106"), strict=True))
    (caller,) = office.fresh("101")
    caller.dial(f"sip:200@{DOMAIN}")
    first = until(lambda: [n for n, p in agents.items() if "CALL_INCOMING" in p.types()], 15)[0]
    second = until(lambda: [n for n, p in agents.items() if n != first and "CALL_INCOMING" in p.types()], 15)[0]
    agents[first].wait_event("CALL_CLOSED")
    agents[second].answer()
    agents[second].wait_event("CALL_ESTABLISHED")
    caller.hangup()
    cdr = office.cdr(lambda c: c.answered_by == second and c.queue == "support" and (c.queue_wait_s or 0) >= 4)
    told = [e for e in office.lines("call_event") if e.call_id == cdr.call_id and e.type == "offer_ended"]
    assert [e.detail["results"] for e in told] == [{first: "no_answer"}, {second: "answered"}]


def test_a_blind_transfer_by_the_callee(office: Office) -> None:
    alice, bob, carol = office.fresh("101", "102", "103")
    alice.dial(f"sip:102@{DOMAIN}")
    bob.wait_event("CALL_INCOMING")
    bob.answer()
    alice.wait_event("CALL_ESTABLISHED")
    bob.wait_event("CALL_ESTABLISHED")
    bob.command("transfer", f"sip:103@{DOMAIN}")
    carol.wait_event("CALL_INCOMING")
    carol.answer()
    carol.wait_event("CALL_ESTABLISHED")
    bob.wait_event("CALL_CLOSED")
    assert "CALL_CLOSED" not in alice.types()
    alice.hangup()
    carol.wait_event("CALL_CLOSED")
    cdr = office.cdr(lambda c: c.transferred == "blind")
    assert [leg.number for leg in cdr.legs] == ["101", "102", "103"]
    assert cdr.answered_by == "102" and cdr.disposition == "answered"


def test_a_transfer_to_a_satellite_number_is_refused(office: Office) -> None:
    alice, bob = office.fresh("101", "102")
    alice.dial(f"sip:102@{DOMAIN}")
    bob.wait_event("CALL_INCOMING")
    bob.answer()
    bob.wait_event("CALL_ESTABLISHED")
    bob.command("transfer", f"sip:+881612345678@{DOMAIN}")
    assert "403" in str(bob.wait_event("TRANSFER_FAILED")["param"])
    alice.wait_event("CALL_CLOSED")  # this phone hangs up when its transfer is refused
    asked = [e for e in office.lines("call_event") if e.type == "transfer_asked" and "881612345678" in str(e.detail)]
    cdr = office.cdr(lambda c: c.call_id == asked[-1].call_id)
    assert cdr.transferred == "" and [leg.number for leg in cdr.legs] == ["101", "102"]


def test_a_call_outside_shows_the_verified_number_whatever_the_phone_claims(office: Office, stack: ExitStack) -> None:
    (alice,) = office.fresh("101")
    messages = office.directory / "outside-messages.log"
    answering(office, stack, "outside", "-trace_msg", "-message_file", str(messages))
    alice.dial(f"sip:0555112233@{DOMAIN}")
    alice.wait_event("CALL_ESTABLISHED", timeout_s=15)
    alice.hangup()
    alice.wait_event("CALL_CLOSED")
    invite = until(
        lambda: messages.exists() and messages.read_text().partition("INVITE ")[2].partition("SIP/2.0 180")[0]
    )
    assert "From: " in invite and "+996312880101" in invite.partition("From: ")[2].partition("\n")[0]
    assert "sip:101@" not in invite and DOMAIN not in invite, "nothing of the inside is told outside"
    cdr = office.cdr(lambda c: c.direction == "outbound" and c.callee_number == "0555112233")
    assert (cdr.trunk_id, cdr.disposition, cdr.answered_by) == ("good", "answered", "+996555112233")


@pytest.mark.parametrize(("number", "fault"), [("+4930901820", "silent"), ("+33142685300", "bad")])
def test_the_next_trunk_takes_over(office: Office, stack: ExitStack, number: str, fault: str) -> None:
    (alice,) = office.fresh("101")
    answering(office, stack, f"over-{fault}")
    carrier(office, stack, "bad", sipp.refuse_scenario("503 Service Unavailable"), port=office.bad, address="127.0.0.4")
    alice.dial(f"sip:{number}@{DOMAIN}")
    alice.wait_event("CALL_ESTABLISHED", timeout_s=15)
    alice.hangup()
    cdr = office.cdr(lambda c: c.callee_number == number)
    dialed = [e for e in office.lines("call_event") if e.call_id == cdr.call_id and e.type == "dialed"]
    assert [e.detail["trunk_id"] for e in dialed] == [fault, "good"] and cdr.trunk_id == "good"
    print(f"the next trunk after {dialed[1].mono_s - dialed[0].mono_s:.1f} s")


def test_forwarding_outside(office: Office, stack: ExitStack) -> None:
    (alice,) = office.fresh("101")
    answering(office, stack, "forward")
    clock = SystemClock()
    models.change_user(
        office.system.db, clock, office.tenant.tenant_id, "103", {"forward_always": "+996555778899"}, "test"
    )
    try:
        alice.dial(f"sip:103@{DOMAIN}")
        alice.wait_event("CALL_ESTABLISHED", timeout_s=15)
        alice.hangup()
        cdr = office.cdr(lambda c: c.answered_by == "+996555778899")
        assert (cdr.forwarded_by, cdr.trunk_id) == ("103", "good")
    finally:
        models.change_user(office.system.db, clock, office.tenant.tenant_id, "103", {"forward_always": ""}, "test")


def test_a_message_is_left_and_heard(office: Office) -> None:
    (alice,) = office.fresh("101")
    office.fresh("102")
    alice.dial(f"sip:102@{DOMAIN}")
    alice.wait_event("CALL_ESTABLISHED", timeout_s=15)
    until(
        lambda: [
            e for e in office.lines("call_event") if e.type == "recording_started" and e.detail["kind"] == "voicemail"
        ],
        20,
    )
    until(lambda: _message_runs_s(office) > 2.0, 20)
    alice.hangup()
    cdr = office.cdr(lambda c: c.voicemail)
    assert cdr.disposition == "no_answer" and cdr.recording_id
    ((record, sound),) = office.recordings(cdr.call_id)
    assert record.kind == "voicemail" and np.abs(sound[:, 0]).max() > 0.05 and np.abs(sound[:, 1]).max() < 0.01
    (bob,) = office.fresh("102")
    bob.dial(f"sip:*97@{DOMAIN}")
    bob.wait_event("CALL_ESTABLISHED", timeout_s=15)
    until(lambda: any(e.type == "played" for e in office.lines("call_event")[-8:]), 20)
    bob.hangup()
    bob.wait_event("CALL_CLOSED")


def _message_runs_s(office: Office) -> float:
    spool = office.system.settings.spool_dir
    return max((p.stat().st_size / 16_000 for p in spool.glob("*/*/caller.wav")), default=0.0)


def test_three_people_in_a_conference_hear_each_other(office: Office) -> None:
    people = office.fresh("101", "102", "103")
    for n, phone in enumerate(people, 1):
        phone.dial(f"sip:600@{DOMAIN}")
        phone.wait_event("CALL_ESTABLISHED", timeout_s=15)
        until(lambda n=n: len([e for e in office.lines("call_event") if e.type == "joined"]) >= n, 15)
    lasting(3.0)  # of sound
    for phone in people:
        phone.hangup()
        phone.wait_event("CALL_CLOSED")
    for phone in people:
        heard, rate = soundfile.read(phone.heard()[-1])
        assert np.abs(heard[-2 * rate : -rate // 2]).max() > 0.02, "the others' tones"


def test_not_a_byte_is_recorded_before_the_announcement_has_ended(office: Office, stack: ExitStack) -> None:
    clock = SystemClock()
    text = MODEL.replace(
        'internal = "never"',
        'internal = "never"\nannouncement = ["say:en:This call is being recorded for quality reasons."]',
    )
    _, before = models.active(office.system.db, office.tenant.tenant_id)
    ports = {t.id: t.port for t in before.trunks}
    model = modelfile.read_toml(text.format(did=DID, **ports))
    models.apply(office.system.db, clock, office.tenant.tenant_id, model, "test", "announced")
    (alice,) = office.fresh("101")
    lasting(6.0)  # models are kept for some seconds
    call = sipp.call_in_scenario("+996555000222", DID, keys="1", talk_ms=7000)
    carrier(office, stack, "announced", call, port=office.good, address="127.0.0.3", calls=1)
    alice.wait_event("CALL_INCOMING")
    alice.answer()
    alice.wait_event("CALL_CLOSED", timeout_s=25)
    cdr = office.cdr(lambda c: c.caller_number == "+996555000222")
    events = [e for e in office.lines("call_event") if e.call_id == cdr.call_id]
    answered = next(e.mono_s for e in events if e.type == "answered")
    started = next(e.mono_s for e in events if e.type == "recording_started")
    assert started - answered > 2.0, "the announcement takes longer than two seconds"
    ((record, _),) = office.recordings(cdr.call_id)
    assert record.duration_s == pytest.approx(cdr.talk_s - (started - answered), abs=0.4)
    models.undo(office.system.db, clock, office.tenant.tenant_id, "test")
