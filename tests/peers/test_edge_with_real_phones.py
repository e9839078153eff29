"""The edge as a process, with real phones (baresip) and sipp in the workers' place."""

from __future__ import annotations

import socket
import ssl
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pbx_core.edge.network import HANDSHAKES_PER_SOURCE_MAX
from pbx_core.store import bindings, services
from tests.conftest import World
from tests.support.baresip import Account, Baresip
from tests.support.edge import EdgeProcess, edge_settings, refusal, running_edge
from tests.support.ports import free_port
from tests.support.sipp import Sipp, answer_scenario, register_scenario, row, tone
from tests.support.waiting import until

pytestmark = pytest.mark.peers
ACME = "acme.test"

WORKER_CALLS_102 = """<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="a worker calls 102">
<send retrans="500"><![CDATA[
INVITE sip:102@acme.test SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch];rport
Route: <sip:[remote_ip]:[remote_port];transport=udp;lr>
From: "Alice" <sip:101@acme.test>;tag=w[call_number]
To: <sip:102@acme.test>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:worker@[local_ip]:[local_port]>
Max-Forwards: 70
X-Tenant: {tenant_id}
X-Call-Id: c1
Content-Type: application/sdp
Content-Length: [len]

v=0
o=- 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000
]]></send>
<recv response="100" optional="true"/>
<recv response="180" optional="true"/>
<recv response="180" optional="true"/>
<recv response="200" rrs="true"/>
<send><![CDATA[
ACK [next_url] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch];rport
[routes]
From: "Alice" <sip:101@acme.test>;tag=w[call_number]
To: <sip:102@acme.test>[peer_tag_param]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0
]]></send>
<pause milliseconds="500"/>
<send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch];rport
[routes]
From: "Alice" <sip:101@acme.test>;tag=w[call_number]
To: <sip:102@acme.test>[peer_tag_param]
Call-ID: [call_id]
CSeq: 2 BYE
Max-Forwards: 70
Content-Length: 0
]]></send>
<recv response="200"/>
</scenario>
"""


@pytest.fixture
def edge(world: World) -> Iterator[EdgeProcess]:
    with running_edge(edge_settings(world.settings.data), world.db) as made:
        yield made


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as held:
        yield held


def phone(
    stack: ExitStack, edge: EdgeProcess, directory: Path, number: str, transport: str = "udp", wrong: bool = False
) -> Baresip:
    s = edge.settings
    port = s.sip_tls_port if transport == "tls" else s.sip_port
    account = Account(number, ACME, "wrong" if wrong else f"pw-{ACME}-{number}", port, transport)
    return stack.enter_context(Baresip(directory, [account]))


def worker_calls_102(world: World, edge: EdgeProcess, directory: Path) -> subprocess.Popen[bytes]:
    scenario = WORKER_CALLS_102.format(tenant_id=world.acme.tenant_id)
    return Sipp(directory, "worker", scenario, free_port(), edge.settings.sip_internal_port, calls=1).start()


def ended_well(sipp: subprocess.Popen[bytes]) -> None:
    assert sipp.wait(120) == 0


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_bob_registers_is_called_and_hung_up_on(
    world: World, edge: EdgeProcess, stack: ExitStack, tmp_path: Path, transport: str
) -> None:
    bob = phone(stack, edge, tmp_path / "bob", "102", transport)
    bob.wait_registered()
    call = worker_calls_102(world, edge, tmp_path)
    bob.wait_event("CALL_INCOMING")
    bob.answer()
    bob.wait_event("CALL_ESTABLISHED")
    bob.wait_event("CALL_CLOSED")
    ended_well(call)


def test_alice_calls_a_worker_and_hangs_up(world: World, edge: EdgeProcess, stack: ExitStack, tmp_path: Path) -> None:
    port = free_port()
    trace = ("-trace_msg", "-message_file", str(tmp_path / "messages.log"))
    fake = Sipp(
        tmp_path, "worker", answer_scenario(tone(tmp_path / "tone.ulaw", 440)), port, 9, calls=1, options=trace
    ).start()
    services.beat(world.db, world.clock, "worker-0", 0.0, {"sip_port": port, "capacity_calls": 2, "calls": 0})
    alice = phone(stack, edge, tmp_path / "alice", "101", "tls")
    alice.wait_registered()
    alice.dial(f"sip:102@{ACME}")
    alice.wait_event("CALL_ESTABLISHED")
    alice.hangup()
    ended_well(fake)
    invite = (tmp_path / "messages.log").read_text()
    assert f"X-Tenant: {world.acme.tenant_id}" in invite and "X-Auth-User: 101" in invite
    assert "X-Source: tls:127.0.0.1:" in invite and "Proxy-Authorization" not in invite


def test_two_phones_ring_and_the_slower_one_is_told_that_the_other_answered(
    world: World, edge: EdgeProcess, stack: ExitStack, tmp_path: Path
) -> None:
    desk, mobile = (phone(stack, edge, tmp_path / t, "102", t) for t in ("udp", "tcp"))
    for one in (desk, mobile):
        one.wait_registered()
    call = worker_calls_102(world, edge, tmp_path)
    for one in (desk, mobile):
        one.wait_event("CALL_INCOMING")
    mobile.answer()
    mobile.wait_event("CALL_ESTABLISHED")
    desk.wait_event("CALL_CLOSED")
    assert "CALL_ESTABLISHED" not in desk.types()
    mobile.wait_event("CALL_CLOSED")
    ended_well(call)


def test_phones_are_reachable_after_kill_9_without_registering_again(
    world: World, edge: EdgeProcess, stack: ExitStack, tmp_path: Path
) -> None:
    bob = phone(stack, edge, tmp_path / "bob", "102")
    bob.wait_registered()
    edge.kill()
    edge.start()
    assert sum("200 OK" in line for line in bob.lines) == 1
    call = worker_calls_102(world, edge, tmp_path)
    bob.wait_event("CALL_INCOMING")
    bob.answer()
    bob.wait_event("CALL_CLOSED")
    ended_well(call)


def test_a_call_goes_on_over_a_restart_of_the_edge(
    world: World, edge: EdgeProcess, stack: ExitStack, tmp_path: Path
) -> None:
    bob = phone(stack, edge, tmp_path / "bob", "102")
    bob.wait_registered()
    scenario = WORKER_CALLS_102.format(tenant_id=world.acme.tenant_id).replace('"500"/>\n<send', '"6000"/>\n<send')
    call = Sipp(tmp_path, "worker", scenario, free_port(), edge.settings.sip_internal_port, calls=1).start()
    bob.wait_event("CALL_INCOMING")
    bob.answer()
    bob.wait_event("CALL_ESTABLISHED")
    edge.kill()
    edge.start()
    bob.wait_event("CALL_CLOSED")  # the worker's BYE found its way through the new process
    ended_well(call)


def test_a_phone_that_is_switched_off_is_forgotten(
    world: World, edge: EdgeProcess, stack: ExitStack, tmp_path: Path
) -> None:
    bob = phone(stack, edge, tmp_path / "bob", "102")
    bob.wait_registered()
    now = world.clock.now().timestamp()
    assert len(bindings.of(world.db, world.acme.tenant_id, "102", now)) == 1
    until(lambda: edge.detail()["phones"] == 1)
    bob.close()
    until(lambda: not bindings.of(world.db, world.acme.tenant_id, "102", now))


def test_a_phone_that_insists_on_a_wrong_password_is_not_listened_to(
    edge: EdgeProcess, stack: ExitStack, tmp_path: Path
) -> None:
    phone(stack, edge, tmp_path / "eve", "101", wrong=True)  # baresip tries again without a pause
    until(lambda: any(line.get("msg") == "banned for guessing" for line in edge.logs), what="the ban")
    assert edge.detail()["phones"] == 0


@pytest.mark.parametrize("transport", ["u1", "t1"])
def test_sipp_registers_with_digest(world: World, edge: EdgeProcess, tmp_path: Path, transport: str) -> None:
    lines = [row(n, n, f"pw-{d}-{n}", d) for d in (ACME, "birch.test") for n in ("101", "102", "103")]
    options = ("-t", transport)
    port = edge.settings.sip_port
    sipp = Sipp(tmp_path, "phones", register_scenario(), free_port(), port, lines, calls=6, options=options)
    ended_well(sipp.start())
    held = bindings.load(world.db, world.clock.now().timestamp())
    assert len(held) == 6 and {owner[0] for owner in held} == {world.acme.tenant_id, world.birch.tenant_id}


def test_a_flood_from_one_address_does_not_keep_another_from_registering(
    edge: EdgeProcess, stack: ExitStack, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as eve:
        eve.bind(("127.0.0.2", 0))
        eve.setblocking(False)
        target = ("127.0.0.1", edge.settings.sip_port)
        for n in range(3000):
            eve.sendto(_register(n, eve.getsockname()[1]), target)
        alice = phone(stack, edge, tmp_path / "alice", "101")
        alice.wait_registered()
        answers = 0
        while True:
            try:
                eve.recv(65536)
                answers += 1
            except BlockingIOError:
                break
    assert answers <= edge.settings.flood_requests_max
    assert any(line["msg"] == "banned for flooding" for line in edge.logs)


def _register(n: int, port: int) -> bytes:
    return (
        f"REGISTER sip:{ACME} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.2:{port};branch=z9hG4bKe{n};rport\r\n"
        f"From: <sip:101@{ACME}>;tag=1\r\nTo: <sip:101@{ACME}>\r\nCall-ID: e{n}\r\nCSeq: 1 REGISTER\r\n"
        f"Contact: <sip:101@127.0.0.2>\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def test_a_stream_keeps_alive_and_oversized_messages_end_it(edge: EdgeProcess) -> None:
    with socket.create_connection(("127.0.0.1", edge.settings.sip_port), timeout=30) as stream:
        stream.sendall(b"\r\n\r\n")
        assert stream.recv(100) == b"\r\n"
        stream.sendall(b"OPTIONS sip:acme.test SIP/2.0\r\n" + b"X: " + b"y" * 20_000)
        with pytest.raises(ConnectionError):
            until(lambda: stream.recv(100) == b"" and _raise(ConnectionResetError()), 5)


def _raise(error: Exception) -> bool:
    raise error


def _tls(lowest: ssl.TLSVersion, highest: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = lowest, highest
    return context


def test_tls_older_than_1_2_is_refused(edge: EdgeProcess) -> None:
    target = ("127.0.0.1", edge.settings.sip_tls_port)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with socket.create_connection(target, timeout=30) as raw, _tls(version, version).wrap_socket(raw) as good:
            good.sendall(b"\r\n\r\n")
            assert good.recv(10) == b"\r\n"
    old = _tls(ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)
    with socket.create_connection(target, timeout=30) as raw, pytest.raises(OSError):
        old.wrap_socket(raw)


def test_half_open_handshakes_are_limited_per_address(edge: EdgeProcess) -> None:
    target = ("127.0.0.1", edge.settings.sip_tls_port)
    with ExitStack() as held:
        for _ in range(HANDSHAKES_PER_SOURCE_MAX):
            held.enter_context(socket.create_connection(target, timeout=30))
        with socket.create_connection(target, timeout=30) as one_more:
            try:
                assert one_more.recv(10) == b""
            except ConnectionResetError:
                pass


def test_connections_have_a_limit_per_address(world: World) -> None:
    settings = edge_settings(world.settings.data, sip_connections_per_source_max=3)
    with running_edge(settings, world.db), ExitStack() as held:
        for _ in range(3):
            stream = held.enter_context(socket.create_connection(("127.0.0.1", settings.sip_port), timeout=30))
            stream.sendall(b"\r\n\r\n")
            assert stream.recv(10) == b"\r\n"
        with socket.create_connection(("127.0.0.1", settings.sip_port), timeout=30) as fourth:
            try:
                assert fourth.recv(10) == b""
            except ConnectionResetError:
                pass


@pytest.mark.parametrize("setting", ["sip_port", "sip_tls_port", "sip_internal_port"])
def test_a_busy_port_ends_the_edge_with_a_sentence(world: World, setting: str) -> None:
    settings = edge_settings(world.settings.data)
    port = getattr(settings, setting)
    kind = socket.SOCK_STREAM if setting == "sip_tls_port" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", port))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        sentence = refusal(settings, "edge").splitlines()[-1]
    assert str(port) in sentence and setting in sentence


def test_told_to_stop_it_leaves_cleanly_and_secrets_are_private(world: World, edge: EdgeProcess) -> None:
    assert edge.stop() == 0
    assert not [r for r in services.all_services(world.db) if r.name == "edge"]
    for name in ("edge.key", "flow.key"):
        mode = (edge.settings.data / "tls" / name).stat().st_mode & 0o777
        assert mode == 0o600
