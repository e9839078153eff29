"""The small decisions around the engine: whether a phone is still there, and who is connected to whom."""

from __future__ import annotations

import pytest

from pbx_core.errors import PeerError
from pbx_core.media import cpu
from pbx_core.media.invite import name_addr, parse, refer_to
from pbx_core.media.stream import StreamWatch
from pbx_core.media.wiring import Wiring
from pbx_core.sip.display import visible

TENANT = "a" * 32
INVITE = "\r\n".join(
    [
        "INVITE sip:102@acme.test SIP/2.0",
        'From: "Alice" <sip:101@acme.test>;tag=1',
        "To: <sip:102@acme.test>",
        "Call-ID: one@phone",
        "CSeq: 1 INVITE",
        f"X-Tenant: {TENANT}",
        "X-Auth-User: 101",
        "X-Source: udp:192.0.2.7:5060",
        "",
        "v=0",
    ]
)


def test_a_phone_is_gone_after_so_long_without_a_packet_and_that_is_told_once() -> None:
    watch = StreamWatch(heard_mono_s=100.0)
    watch.begin(100.0)
    assert not watch.silent(50, 101.0, 55.0)
    assert not watch.silent(50, 155.9, 55.0)
    assert watch.silent(50, 156.0, 55.0)
    assert watch.heard_mono_s == 101.0
    assert not watch.silent(50, 157.0, 55.0)


def test_a_phone_that_holds_is_there_as_long_as_it_answers() -> None:
    watch = StreamWatch(heard_mono_s=100.0)
    watch.begin(100.0)
    watch.silent(50, 101.0, 5.0)
    watch.heard_mono_s = 103.0  # it answered
    assert not watch.silent(50, 107.9, 5.0)
    assert watch.silent(50, 108.0, 5.0)


class Port:
    """A conference port that knows who listens."""

    def __init__(self) -> None:
        self.sinks: set[Port] = set()

    def startTransmit(self, sink: Port) -> None:
        self.sinks.add(sink)

    def stopTransmit(self, sink: Port) -> None:
        if sink not in self.sinks:
            raise LookupError("not connected")
        self.sinks.remove(sink)


def hear_each_other(wiring: Wiring, one: int, two: int, on: bool = True) -> None:
    wiring.hear(one, two, on)
    wiring.hear(two, one, on)


def test_a_new_port_after_a_reinvite_gets_the_connections_of_the_old_one() -> None:
    ports, tape = {1: Port(), 2: Port()}, Port()
    wiring = Wiring(ports.get, LookupError)
    hear_each_other(wiring, 1, 2)
    wiring.record(1, tape)
    ports[1] = Port()
    wiring.rewire(1)
    assert ports[1].sinks == {ports[2], tape}
    assert ports[1] in ports[2].sinks


def test_after_parting_nobody_hears_anybody_but_the_recorder() -> None:
    ports, tape = {1: Port(), 2: Port()}, Port()
    wiring = Wiring(ports.get, LookupError)
    wiring.record(1, tape)
    hear_each_other(wiring, 1, 2)
    hear_each_other(wiring, 1, 2, False)
    wiring.rewire(1)
    wiring.rewire(2)
    assert (ports[1].sinks, ports[2].sinks) == ({tape}, set())
    hear_each_other(wiring, 1, 2, False)


def test_a_supervisor_hears_both_and_is_heard_by_one() -> None:
    ports = {n: Port() for n in (1, 2, 3)}
    wiring = Wiring(ports.get, LookupError)
    hear_each_other(wiring, 1, 2)
    for speaker, listener in ((1, 3), (2, 3), (3, 2)):
        wiring.hear(speaker, listener, True)
    assert ports[1].sinks == {ports[2], ports[3]}
    assert ports[2].sinks == {ports[1], ports[3]}
    assert ports[3].sinks == {ports[2]}
    wiring.forget(3)
    ports[2] = Port()
    wiring.rewire(2)
    assert ports[2].sinks == {ports[1]}


def test_a_muted_recorder_stays_muted_whatever_reinvites_come() -> None:
    ports, tape = {1: Port()}, Port()
    wiring = Wiring(ports.get, LookupError)
    wiring.mute(1, True)
    wiring.record(1, tape)
    assert ports[1].sinks == {tape}, "muting what is not recorded is forgotten"
    wiring.mute(1, True)
    assert ports[1].sinks == set()
    ports[1] = Port()
    wiring.rewire(1)
    assert ports[1].sinks == set()
    wiring.mute(1, False)
    assert ports[1].sinks == {tape}


def test_a_paused_player_is_not_heard_whatever_reinvites_come() -> None:
    ports, player = {1: Port()}, Port()
    wiring = Wiring(ports.get, LookupError)
    wiring.play(1, player)
    wiring.pause(1, True)
    wiring.rewire(1)
    assert player.sinks == set()
    wiring.pause(1, False)
    wiring.rewire(1)
    assert player.sinks == {ports[1]}


def test_a_leg_without_a_port_yet_is_wired_when_it_has_one() -> None:
    ports: dict[int, Port] = {1: Port()}
    wiring = Wiring(ports.get, LookupError)
    hear_each_other(wiring, 1, 2)
    assert ports[1].sinks == set()
    ports[2] = Port()
    wiring.rewire(2)
    assert ports[1].sinks == {ports[2]}


def test_what_the_edge_says_is_read() -> None:
    wish = parse(INVITE.replace("From:", "f :").replace("Call-ID", "i"))
    assert (wish.tenant_id, wish.domain, wish.caller_number, wish.dialled) == (TENANT, "acme.test", "101", "102")
    assert (wish.caller_name, wish.trunk_id) == ("Alice", "")
    assert (wish.sip_call_id, wish.source) == ("one@phone", "udp:192.0.2.7:5060")


def test_a_call_of_a_trunk_is_its_did_and_not_a_phone() -> None:
    trunk = "X-Trunk: main\r\nX-Did: +996312000000\r\nX-Caller: +4930123456\r\nX-Overflow: 1"
    wish = parse(INVITE.replace("X-Auth-User: 101", trunk))
    assert (wish.trunk_id, wish.did, wish.caller_number, wish.overflow) == (
        "main",
        "+996312000000",
        "+4930123456",
        True,
    )
    assert (wish.origin.kind, wish.origin.extension) == ("trunk", "")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("<sip:103@acme.test>", ("103", "")),
        ("sip:103@acme.test", ("103", "")),
        ('"Bob" <sip:103@acme.test?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2>', ("103", "a@b")),
    ],
)
def test_what_a_transfer_names(value: str, expected: tuple[str, str]) -> None:
    assert refer_to(value) == expected


@pytest.mark.parametrize("value", ["", "<>", "http://evil.test/", "<sip:@acme.test>"])
def test_a_transfer_to_no_number_is_refused(value: str) -> None:
    with pytest.raises(PeerError):
        refer_to(value)


@pytest.mark.parametrize(
    "first", ["OPTIONS sip:102@acme.test SIP/2.0", "INVITE tel:102 SIP/2.0", "INVITE sip:102@ SIP/2.0"]
)
def test_another_request_line_is_refused(first: str) -> None:
    with pytest.raises(PeerError):
        parse(INVITE.replace("INVITE sip:102@acme.test SIP/2.0", first))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Alice", '"Alice" <sip:101@acme.test>'),
        ('Al"ice\\', '"Al\\"ice\\\\" <sip:101@acme.test>'),
        ("Al\r\nX-Tenant: evil", '"AlX-Tenant: evil" <sip:101@acme.test>'),
        ("\u202eecilA", '"ecilA" <sip:101@acme.test>'),
        ("", "<sip:101@acme.test>"),
    ],
)
def test_a_hostile_display_name_stays_a_display_name(name: str, expected: str) -> None:
    assert name_addr(name, "sip:101@acme.test") == expected


def test_a_display_name_is_cut() -> None:
    assert len(visible("x" * 1000)) == 64


def test_waiting_for_a_processor_only_grows() -> None:
    begin = cpu.mark()
    if not begin:
        pytest.skip("the kernel does not count it")
    first = cpu.waited_s(begin)
    again = cpu.waited_s(begin)
    assert first is not None
    assert again is not None
    assert 0.0 <= first <= again
