"""Whoever is not in a call cannot end it, turn it or be heard in it; whoever vanishes from one leaves nothing there."""

from __future__ import annotations

import socket
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from pbx_core.media.phone import Plan
from pbx_core.media.phones import Phones
from pbx_core.sip import message as sip
from pbx_core.store.schema import agent, live_call, live_room, queue_call
from tests.support.baresip import BINARY, Account, Baresip
from tests.support.exchange import loudness
from tests.support.intruder import Intruder, Leg, rtp, tone
from tests.support.ports import free_range
from tests.support.siege import ACME, BIRCH, STRANGER, Siege, answered, lasting, siege
from tests.support.waiting import until

pytestmark = pytest.mark.peers

MODEL = """
[recording]
internal = "always"
[extensions.101]
name = "Alice"
supervises = ["*"]
voicemail = false
[extensions.102]
name = "Bob"
ring_s = 20.0
[extensions.103]
name = "Carol"
voicemail = false
ring_s = 60.0
[extensions.104]
name = "Agent"
voicemail = false
[menus.main]
greeting = ["tone:beep"]
timeout_s = 30.0
tries = 5
number = "300"
[menus.main.keys]
1 = "extension:101"
[queues.help]
name = "Help"
number = "200"
agent_ring_s = 60.0
wrap_up_s = 0.0
members = [{ number = "104", always = true }]
[rooms.600]
name = "Hall"
"""
SILENCE_S = 4.0  # here; 55 in the field
GONE_S = 60.0  # the promise
INJECTED_HZ, OWN_HZ = 1800.0, 440.0


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    folder = tmp_path_factory.mktemp("siege")
    with siege(folder, MODEL, MODEL, slots=3, media_silence_s=SILENCE_S) as made:
        yield made


@pytest.fixture
def office(exchange: Siege) -> Iterator[Siege]:
    yield exchange
    exchange.dismiss()


def talk(office: Siege, domain: str = ACME) -> tuple[Leg, Leg]:
    """101 and 102 talk; both ends of it."""
    alice, bob = office.phone("101", domain), office.phone("102", domain)
    leg = answered(alice.call("102"))
    return leg, until(lambda: bob.incoming)[0]


@pytest.mark.parametrize("host", [STRANGER, "127.0.0.3"])
def test_a_stranger_who_knows_every_word_of_a_dialog_ends_and_turns_nothing(office: Siege, host: str) -> None:
    hers, his = talk(office)
    eve = office.stranger(host)
    for leg in (hers, his):
        leg.cseq += 10
        moved = eve.sdp(leg.media).replace(leg.media.getsockname()[0], eve.host)
        for request in (
            leg.request("BYE"),
            leg.request("REFER", Refer_To=f"<sip:103@{ACME}>"),
            leg.request("MESSAGE", f"REFER\r\nRefer-To: <sip:103@{ACME}>\r\n", Content_Type="text/plain"),
            leg.request("INFO", "Signal=*\r\nDuration=100\r\n", Content_Type="application/dtmf-relay"),
            leg.request("INVITE", moved, Content_Type="application/sdp"),
            leg.request("UPDATE", moved, Content_Type="application/sdp"),
            sip.cancel_for(leg.invite),
        ):
            eve.put(eve.forged(request))
    lasting(2.0)
    assert not [r for r in eve.replies if 200 <= r.status_code < 300]
    assert not hers.ended and not his.ended
    assert not [r for leg in (hers, his) for r in leg.got if r.method != "INVITE"]
    before = hers.heard
    until(lambda: hers.heard > before + 20, what="sound as before")
    hers.cseq += 1
    hers.bye()
    until(lambda: his.ended)


def test_a_forged_cancel_stops_no_ringing(office: Siege) -> None:
    alice, carol = office.phone("101"), office.phone("103")
    carol.status = 180
    leg = alice.call("103")
    until(lambda: carol.incoming)
    eve = office.stranger()
    eve.put(eve.forged(sip.cancel_for(leg.invite)))
    twin = sip.cancel_for(leg.invite)  # with the caller's own Via, too
    eve.put(twin)
    lasting(1.5)
    assert leg.status == 0
    leg.cancel()
    assert until(lambda: leg.status) == 487


@pytest.mark.parametrize("muted", [False, True], ids=["both speak", "she is muted"])
def test_sound_from_a_stranger_is_neither_heard_nor_recorded_and_he_hears_nothing(office: Siege, muted: bool) -> None:
    hers, his = talk(office)
    assert hers.remote and his.remote
    call_id = until(lambda: [e for e in office.events() if e.type == "recording_started"])[-1].call_id
    lasting(2.0)
    hers.talking = not muted  # a muted phone may send nothing: its place is free for whoever sends
    frames = tone(INJECTED_HZ)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as eve:
        eve.bind((STRANGER, 0))
        for n in range(40):  # within the time after which silence ends the call
            for leg in (hers, his):
                for source in (0x1234, 0x5678):
                    packet = rtp(leg.sequence + 1 + n, leg.stamp + 160 * n, frames[n % 50], source=source)
                    eve.sendto(packet, leg.remote)
            lasting(0.01)
        eve.setblocking(False)
        with pytest.raises(BlockingIOError):
            eve.recv(2048)
    lasting(1.0)
    hers.bye()
    until(lambda: [c for c in office.cdrs() if c.call_id == call_id])
    tracks = _tracks(office, call_id)
    for track in tracks:
        assert loudness(track, OWN_HZ) > 0.1
        assert loudness(track, INJECTED_HZ) < 0.01


def _tracks(office: Siege, call_id: str) -> list[Path]:
    metas = [p for p in office.worker.settings.spool_dir.glob("*/*/meta.json") if call_id in p.read_text()]
    assert len(metas) == 1
    found = [metas[0].parent / name for name in ("caller.wav", "callee.wav")]
    for path in found:
        until(lambda path=path: _readable(path))
    return found


def _readable(path: Path) -> bool:
    with wave.open(str(path)) as file:
        return bool(np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").any())


# those who vanish


def in_talk(office: Siege) -> Intruder:
    return talk(office)[0].peer


def the_callee(office: Siege) -> Intruder:
    return talk(office)[1].peer


def in_queue(office: Siege) -> Intruder:
    caller = answered(office.phone("101").call("200")).peer
    until(lambda: office.rows(queue_call))
    return caller


def with_an_agent(office: Siege) -> Intruder:
    caller, helper = office.phone("101"), office.phone("104")
    leg = answered(caller.call("200"))
    until(lambda: helper.incoming and any(a.entry_id for a in office.rows(agent)), 20, what="talk with the agent")
    return leg.peer


def in_menu(office: Siege) -> Intruder:
    return answered(office.phone("101").call("300")).peer


def in_voicemail(office: Siege) -> Intruder:
    caller = answered(office.phone("101").call("102")).peer
    until(lambda: [e for e in office.events() if e.type == "recording_started" and e.detail["kind"] == "voicemail"], 20)
    return caller


def in_conference(office: Siege) -> Intruder:
    caller = answered(office.phone("101").call("600")).peer
    until(lambda: office.rows(live_room))
    return caller


def who_holds(office: Siege) -> Intruder:
    hers, _ = talk(office)
    hers.hold()
    until(lambda: hers.answered("INVITE") == [200])
    hers.talking = False  # a phone that holds sends nothing; then it dies
    return hers.peer


def who_is_held(office: Siege) -> Intruder:
    hers, his = talk(office)
    his.hold()
    until(lambda: his.answered("INVITE") == [200])
    return hers.peer


def parked(office: Siege) -> Intruder:
    hers, his = talk(office)
    his.press("*7")
    until(lambda: [r for r in office.rows(live_call) if r.state == "parked"], what="parked")
    return hers.peer


PLACES = (
    in_talk, the_callee, in_queue, with_an_agent, in_menu, in_voicemail, in_conference, who_is_held, parked, who_holds,
)  # fmt: skip


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_who_vanishes_leaves_nothing_behind(office: Siege, place: Callable[[Siege], Intruder]) -> None:
    before = len(office.cdrs())
    ghost = place(office)
    until(lambda: not office.nothing_is_left())
    ghost.vanish()
    until(lambda: office.rows(live_call) == [], GONE_S, what="the end of the call")
    until(office.nothing_is_left, 10, what="nothing left")
    records = until(lambda: office.cdrs()[before:])
    assert len(records) == 1
    assert not office.rows(queue_call) and not office.rows(live_room)


def test_who_holds_is_asked_whether_he_is_there_and_may_be_silent_for_long(office: Siege) -> None:
    hers, his = talk(office)
    hers.hold()
    until(lambda: hers.answered("INVITE") == [200])
    hers.talking = False
    asked = until(lambda: len([r for r in hers.got if r.method == "OPTIONS"]) >= 4, 90, what="four questions")
    assert asked and not hers.ended and not his.ended, (
        "the first one's answer came, or 32 s after it the call had ended"
    )
    hers.bye()


@pytest.mark.skipif(not BINARY, reason="baresip is not installed (apt-get install baresip-core)")
def test_a_foreign_phone_may_hold_for_long(office: Siege, tmp_path: Path) -> None:
    bob = office.phone("102")
    account = Account("103", ACME, office.passwords[ACME, "103"], office.sip_port)
    with Baresip(tmp_path / "carol", [account]) as carol:
        carol.wait_registered()
        carol.dial(f"sip:102@{ACME}")
        carol.wait_event("CALL_ESTABLISHED")
        before = _held(office)
        carol.command("hold")
        until(lambda: _held(office) > before)
        lasting(2 * SILENCE_S)
        assert "CALL_CLOSED" not in carol.types() and not bob.incoming[0].ended


def test_a_simulated_phone_may_hold_for_long(office: Siege) -> None:
    bob = office.phone("102")
    with Phones(rtp_port=free_range(40), rtp_ports=40) as phones:
        edge = f"sip:127.0.0.1:{office.sip_port};transport=udp"
        phones.register("103", "103", ACME, office.passwords[ACME, "103"], edge, Plan(), name="Carol")
        assert phones.wait("registered", account="103")["status"] == 200
        before = _held(office)
        phones.call("103", "talk", "102", Plan(hold=((0.5, 60.0),)))
        phones.wait("answered", call="talk")
        call = until(lambda: bob.incoming)[0]
        until(lambda: _held(office) > before)
        lasting(2 * SILENCE_S)
        assert not call.ended


def _held(office: Siege) -> int:
    return len([e for e in office.events() if e.type == "held"])


# two customers with the same numbers


def test_nothing_of_one_customer_is_reached_by_the_numbers_of_another(office: Siege) -> None:
    hers, his = talk(office)
    spy = office.phone("101", BIRCH)
    agent_there, colleague_there = office.phone("104", BIRCH), office.phone("102", BIRCH)
    for code in ("*31102", "*32102", "*33102", "*31101", "**102", "*8"):
        spy.decided(spy.call(code))
    his.press("*7")
    slot = until(lambda: [r.slot for r in office.rows(live_call) if r.state == "parked"])[0]
    for code in (slot, f"*70{slot}"):
        spy.decided(spy.call(code))
    assert [r.slot for r in office.rows(live_call) if r.state == "parked"] == [slot]
    ids = f"{hers.call_id};to-tag={sip.tag_of(hers.invite, 'from')};from-tag=x"
    spy.decided(spy.call("102", Replaces=ids, Join=ids, Require="replaces"))
    theirs = office.tenants[ACME], office.tenants[BIRCH]
    for event in office.events():
        if event.type in ("joined", "picked_up", "retrieved", "supervised"):
            assert event.tenant_id == theirs[0] or "other" in event.detail, event
    assert not hers.ended
    hers.bye()
    waiting = answered(office.phone("103").call("200"))
    lasting(3.0)
    assert not agent_there.incoming and not colleague_there.incoming
    assert [r.tenant_id for r in office.rows(queue_call)] == [theirs[0]]
    waiting.bye()
    answered(office.phone("103").call("600"))
    answered(spy.call("600"))
    rooms = until(lambda: len(r := office.rows(live_room)) == 2 and r)
    assert {(r.tenant_id, r.people) for r in rooms} == {(t, 1) for t in theirs}


HOSTILE = (
    "../../../../../../tmp/evil", "..%2f..%2f..%2ftmp%2fevil", "..\\..\\evil", "/etc/passwd", "a" * 4096,
    "\u202egpj.exe", "evil\x01\x1b[2J", "$(touch /tmp/evil)", "'; DROP TABLE live_call;--", "{0.__class__}",
)  # fmt: skip


def test_hostile_names_write_nothing_anywhere_else(office: Siege) -> None:
    data = office.worker.settings.data
    around = set(data.parent.iterdir()) | set(Path("/tmp").glob("evil*"))
    alice, bob = office.phone("101"), office.phone("102")
    answers = []
    for name in HOSTILE:
        if len(name) < 1000 and name.isprintable():
            answers.append(alice.decided(alice.call("102", Call_ID=name.replace(" ", "_"))))
        answers.append(alice.decided(alice.call("102", caller=f'"{name}" <sip:101@{ACME}>')))
        answers.append(alice.decided(alice.call(f"sip:{name[:300].replace(' ', '')}@{ACME}")))
    assert answers.count(200) >= len(HOSTILE), "as caller names they are just names"
    assert bob.incoming
    assert set(data.parent.iterdir()) | set(Path("/tmp").glob("evil*")) == around
    names = [p.name for p in data.rglob("*")]
    assert not [n for n in names if "evil" in n or "passwd" in n or ".." in n or len(n) > 100]
    assert office.worker.row() is not None
