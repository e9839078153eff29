"""The edge as a process with carriers played by sipp: refusing, silent, asking for a digest, keeping a registration;
and workers played by sipp, which dial through them. Models and passwords come from the database."""

from __future__ import annotations

import re
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from pbx_core.domain.model import Did, Outbound, Trunk
from pbx_core.edge.tls import self_signed
from pbx_core.store import models, secrets, services
from pbx_core.store.schema import trunk_state
from tests.conftest import World
from tests.support import edge_role as sip
from tests.support.edge import EdgeProcess, edge_settings, running_edge
from tests.support.ports import free_port
from tests.support.waiting import until

pytestmark = pytest.mark.peers
DID = "+996312900101"
FAR = "+4930123456"
CHALLENGE = 'Digest realm="carrier", nonce="47ebe028cda119c35d4877b383027d28da013815", qop="auth", algorithm={}'


def office(world: World, *trunks: Trunk) -> None:
    """Acme's model with these trunks and one public number; the password of all is `geheim`."""
    tenant_id = world.acme.tenant_id
    _, model = models.active(world.db, tenant_id)
    changed = replace(model, trunks=trunks, dids=(Did(DID, "extension:101"),), outbound=Outbound(country="KG"))
    models.apply(world.db, world.clock, tenant_id, changed, "test")
    for trunk in trunks:
        secrets.put(world.db, world.settings, world.clock, tenant_id, secrets.trunk(trunk.id), "geheim")


@contextmanager
def edge_with(world: World, *trunks: Trunk, **settings: Any) -> Iterator[EdgeProcess]:
    office(world, *trunks)
    with running_edge(edge_settings(world.settings.data, **settings), world.db) as edge:
        until(lambda: len(states(world)) == len(trunks), what="the trunks")
        yield edge


def states(world: World) -> dict[str, Any]:
    with world.db.connect() as connection:
        return {row.trunk_id: row for row in connection.execute(sa.select(trunk_state))}


def carrier(directory: Path, scenario: str, port: int, calls: int = 1) -> subprocess.Popen[bytes]:
    return sip.Peer(directory, f"carrier-{port}", scenario, port, free_port(), calls=calls).start()


def dials(world: World, edge: EdgeProcess, directory: Path, rest: str, trunk: str = "main") -> None:
    """A worker dials FAR over a trunk; AssertionError when it does not go as `rest` says."""
    headers = f"X-Tenant: {world.acme.tenant_id}\nX-Trunk: {trunk}\nX-Caller-Id: {DID}\nX-Call-Id: c1\n"
    invite = sip.invite(headers=headers).replace("INVITE sip:102@acme.test", f"INVITE sip:{FAR}@trunk")
    invite = re.sub(r"Record-Route: .*\n", "", invite)
    name = f"worker-{free_port()}"
    target = f"127.0.0.1:{edge.settings.sip_internal_port}"
    done = sip.Peer(directory, name, invite + rest, free_port(), free_port(), target).start()
    assert done.wait(sip.PEER_S + 10) == 0, (directory / f"{name}.err").read_text()


ANSWERED = sip.progress() + sip.receive("200", keep_route=True) + sip.ack() + sip.pause(200) + sip.bye()


def refused(status: str, reason: str) -> str:
    return sip.progress() + sip.receive(status, check=f"X-Reason: {reason}") + sip.ack_failure()


def talks() -> str:
    """The carrier's side of a call that is answered."""
    return (
        sip.reply("180 Ringing", tag=True)
        + sip.reply("200 OK", tag=True, body=sip.sdp(), again=True)
        + sip.receive("ACK")
        + sip.receive("BYE", keep_route=True)
        + sip.reply("200 OK")
    )


def asks(status: str, header: str, algorithm: str) -> str:
    """A challenge."""
    return sip.reply(f"{status} Who", tag=True, body=f"{header}: {CHALLENGE.format(algorithm)}\n{sip.NO_BODY}")


def proven(method: str) -> str:
    """The request again, with a digest that sipp checks itself."""
    return (
        f'<recv request="{method}" rrs="true"><action><verifyauth assign_to="1" username="acme" password="geheim"/>'
        '</action></recv>\n<nop hide="true" test="1" next="5"/>\n'
        + sip.reply("403 Forbidden", tag=True)
        + '<label id="5"/>\n'
    )


def test_a_carrier_asks_for_a_digest_and_the_call_is_held(world: World, tmp_path: Path) -> None:
    port = free_port()
    scenario = sip.receive("INVITE", keep_route=True) + asks("401", "WWW-Authenticate", "MD5") + sip.receive("ACK")
    far = carrier(tmp_path, scenario + proven("INVITE") + talks(), port)
    with edge_with(world, Trunk("main", "127.0.0.1", port=port, username="acme")) as edge:
        dials(world, edge, tmp_path, ANSWERED)
        assert far.wait(sip.PEER_S + 10) == 0
        until(lambda: states(world)["main"].calls == 0)
    seen = (tmp_path / f"carrier-{port}.msg").read_text()
    assert f"From: <sip:{DID}@127.0.0.1>" in seen and f"P-Asserted-Identity: <sip:{DID}@127.0.0.1>" in seen
    assert "acme.test" not in seen and "X-Tenant" not in seen


def test_a_refusing_trunk_opens_its_circuit_and_the_other_carries_on(world: World, tmp_path: Path) -> None:
    bad, good = free_port(), free_port()
    no = sip.receive("INVITE") + sip.reply("503 Service Unavailable", tag=True) + sip.receive("ACK")
    far = carrier(tmp_path, no, bad, calls=3)
    other = carrier(tmp_path, sip.receive("INVITE", keep_route=True) + talks(), good)
    trunks = Trunk("main", "127.0.0.1", port=bad), Trunk("next", "127.0.0.1", port=good)
    with edge_with(world, *trunks) as edge:
        for _ in range(3):
            dials(world, edge, tmp_path, sip.progress() + sip.receive("503") + sip.ack_failure())
        assert far.wait(sip.PEER_S + 10) == 0
        dials(world, edge, tmp_path, refused("503", "circuit_open"))
        dials(world, edge, tmp_path, ANSWERED, trunk="next")
        assert other.wait(sip.PEER_S + 10) == 0
        until(lambda: states(world)["main"].circuit == "open")
        assert (states(world)["main"].failures, states(world)["next"].circuit) == (3, "closed")
        assert states(world)["main"].reason.startswith("503")


def test_a_silent_trunk_is_given_up(world: World, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hole:
        hole.bind(("127.0.0.1", 0))
        with edge_with(world, Trunk("main", "127.0.0.1", port=hole.getsockname()[1])) as edge:
            dials(world, edge, tmp_path, refused("408", "no_reply"))
            until(lambda: states(world)["main"].reason == "no reply")


def test_we_register_and_a_call_comes_to_our_contact(world: World, tmp_path: Path) -> None:
    port, worker = free_port(), free_port()
    registrar = sip.receive("REGISTER") + asks("401", "WWW-Authenticate", "MD5") + proven("REGISTER")
    granted = sip.reply("200 OK", tag=True, body="Expires: 600\n" + sip.NO_BODY)
    far = carrier(tmp_path, registrar + granted, port)
    with edge_with(world, Trunk("main", "127.0.0.1", port=port, username="acme", register=True)) as edge:
        until(lambda: states(world)["main"].registered_until is not None, what="the registration")
        assert far.wait(sip.PEER_S + 10) == 0
        seen = (tmp_path / f"carrier-{port}.msg").read_text()
        contact = re.findall(r"Contact: <sip:(\w+)@", seen)[0]
        taken = sip.receive("INVITE", keep_route=True, check=f"X-Did: .{DID[1:]}") + talks()
        called = carrier(tmp_path, taken, worker)
        services.beat(world.db, world.clock, "worker-0", 0.0, {"sip_port": worker, "capacity_calls": 2, "calls": 0})
        invite = re.sub(r"Record-Route: .*\n", "", sip.invite(headers=""))
        invite = invite.replace("INVITE sip:102@acme.test", f"INVITE sip:{contact}@127.0.0.1")
        invite = invite.replace("To: <sip:102@acme.test>", f"To: <sip:{DID}@127.0.0.1>")
        invite = invite.replace("sip:101@acme.test", "sip:+491701234567@carrier")
        target = f"127.0.0.1:{edge.settings.sip_port}"
        done = sip.Peer(tmp_path, "caller", invite + ANSWERED, free_port(), free_port(), target).start()
        assert done.wait(sip.PEER_S + 10) == 0, (tmp_path / "caller.err").read_text()
        assert called.wait(sip.PEER_S + 10) == 0
    got = (tmp_path / f"carrier-{worker}.msg").read_text()
    assert f"INVITE sip:{DID}@acme.test" in got and "X-Trunk: main" in got and "X-Caller: +491701234567" in got


@contextmanager
def tls_carrier(directory: Path) -> Iterator[tuple[int, Path]]:
    """A carrier on TLS that refuses the first call with 486; its port, and the certificate to trust."""
    certificate, key = self_signed(directory, "127.0.0.1", datetime.now(UTC))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def serve() -> None:
        try:
            with context.wrap_socket(listener.accept()[0], server_side=True) as stream:
                lines = stream.recv(65536).decode().split("\r\n")
                kept = [line for line in lines if line.startswith(("Via:", "From:", "To:", "Call-ID:", "CSeq:"))]
                stream.sendall("\r\n".join(["SIP/2.0 486 Busy", *kept, "Content-Length: 0", "", ""]).encode())
                stream.recv(65536)  # the ACK
        except OSError:  # the edge does not trust us
            pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], certificate
        thread.join(60)


@pytest.mark.parametrize("trusted", [True, False])
def test_a_carrier_on_tls_is_called_if_its_certificate_fits(world: World, tmp_path: Path, trusted: bool) -> None:
    with tls_carrier(tmp_path / "carrier") as (port, certificate):
        settings = {"trunk_tls_ca": certificate} if trusted else {}
        with edge_with(world, Trunk("main", "127.0.0.1", port=port, transport="tls"), **settings) as edge:
            busy = sip.progress() + sip.receive("486") + sip.ack_failure()
            dials(world, edge, tmp_path, busy if trusted else refused("503", "no_reply"))


def test_every_message_is_shown_to_a_capture_server(world: World, tmp_path: Path) -> None:
    with ExitStack() as held, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as homer:
        homer.bind(("127.0.0.1", 0))
        homer.settimeout(60)
        where = f"127.0.0.1:{homer.getsockname()[1]}"
        edge = held.enter_context(edge_with(world, hep_server=where, hep_node_id=7))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            phone.bind(("127.0.0.1", 0))
            source = phone.getsockname()[1]
            request = (
                f"OPTIONS sip:acme.test SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{source};branch=z9hG4bKh;rport\r\n"
                "From: <sip:a@b>;tag=1\r\nTo: <sip:acme.test>\r\nCall-ID: h1\r\nCSeq: 1 OPTIONS\r\n\r\n"
            ).encode()
            phone.sendto(request, ("127.0.0.1", edge.settings.sip_port))
            seen = [chunks(homer.recv(65536)) for _ in range(2)]
        ours = edge.settings.sip_port
    assert [c[0x000F].split(b" ")[0] for c in seen] == [b"OPTIONS", b"SIP/2.0"]
    ports = [(struct.unpack("!H", c[7])[0], struct.unpack("!H", c[8])[0]) for c in seen]
    assert ports == [(source, ours), (ours, source)]
    assert all(c[0x0011] == b"h1" and struct.unpack("!I", c[0x000C]) == (7,) for c in seen)


def chunks(packet: bytes) -> dict[int, bytes]:
    """A decoder of HEP v3 of our own, from the specification."""
    assert packet[:4] == b"HEP3" and struct.unpack("!H", packet[4:6])[0] == len(packet)
    found, at = {}, 6
    while at < len(packet):
        vendor, kind, length = struct.unpack("!HHH", packet[at : at + 6])
        assert vendor == 0 and length >= 6
        found[kind] = packet[at + 6 : at + length]
        at += length
    assert at == len(packet)
    return found
