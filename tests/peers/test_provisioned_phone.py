"""A phone sets itself up: fetches its file over TLS, signs in at the real edge with what it got."""

from __future__ import annotations

import re
import socket
import ssl
import warnings
import xml.etree.ElementTree as ET
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner

from pbx_core.api.doorstep import PER_ADDRESS_MAX
from pbx_core.cli import callbench
from pbx_core.store import bindings, services, tokens
from pbx_core.store.tokens import Right
from tests.conftest import World
from tests.support.apiserver import ApiServer, running_api
from tests.support.baresip import Account, Baresip
from tests.support.edge import edge_settings, environment, refusal, running_edge
from tests.support.ports import free_port
from tests.support.waiting import until

REQUEST_S = 8.0  # here; 20 in the field
LP = "{http://www.linphone.org/xsds/lpconfig.xsd}"


def invited(server: ApiServer, *words: str) -> str:
    """The path that `callbench phone add` prints."""
    done = CliRunner().invoke(
        callbench,
        ["--data", str(server.settings.data), "phone", "add", "--tenant", "acme.test", *words],
        env={k: v for k, v in environment(server.settings).items() if k.startswith("CALLBENCH_")},
    )
    assert done.exit_code == 0, done.output
    found = re.search(rf"^{re.escape(server.base)}(/provision/\S+)$", done.output, re.MULTILINE)
    assert found, done.output
    return found[1]


@pytest.mark.peers
@pytest.mark.parametrize("transport", ["tls", "udp"])
def test_the_delivered_password_registers_and_the_old_one_does_not(
    world: World, tmp_path: Path, transport: str
) -> None:
    settings = edge_settings(world.settings.data, api_port=free_port())
    with running_edge(settings, world.db) as edge, running_api(settings) as server:
        path = invited(server, "--number", "101", "--vendor", "linphone", "--transport", transport)
        with server.client() as client:
            file = client.get(path)
        assert file.status_code == 200, file.text
        section = ET.fromstring(file.text).find(f"{LP}section[@name='auth_info_0']")
        route = ET.fromstring(file.text).find(f"{LP}section[@name='proxy_0']/{LP}entry[@name='reg_route']")
        assert section is not None and route is not None
        told = {str(entry.get("name")): str(entry.text) for entry in section}
        way = re.fullmatch(r"<sip:127\.0\.0\.1:(\d+);transport=(\w+)>", str(route.text))
        assert way and way[2] == transport
        account = Account(told["username"], told["domain"], told["passwd"], int(way[1]), way[2])
        with Baresip(tmp_path / "phone", [account]) as phone:
            phone.wait_registered()
            now = world.clock.now().timestamp()
            [held] = bindings.of(world.db, world.acme.tenant_id, "101", now)
            assert held.source.startswith(transport)
        old = Account("101", "acme.test", "pw-acme.test-101", int(way[1]), transport)
        with Baresip(tmp_path / "old", [old]) as phone:
            until(lambda: any("guess" in str(line.get("msg")) for line in edge.logs), 20, what="the guess noticed")
            assert not bindings.of(world.db, world.acme.tenant_id, "101", world.clock.now().timestamp())


def test_the_api_as_a_process_serves_tls_only_and_stops_cleanly(world: World) -> None:
    settings = edge_settings(world.settings.data, api_port=free_port())
    _, text = tokens.add(world.db, world.clock, world.birch.tenant_id, "crm", [Right.READ])
    with running_api(settings) as server:
        with server.client(text) as client:
            phones = client.get("/v1/live/phones").json()["phones"]
            assert [p["number"] for p in phones] == ["101", "102", "103"]
            assert {p["tenant"] for p in phones} == {"birch.test"}
        [row] = [s for s in services.all_services(world.db) if s.name == "api"]
        assert row.detail["port"] == settings.api_port
        with socket.create_connection(("127.0.0.1", settings.api_port), timeout=30) as plain:
            plain.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n")
            try:
                assert b"200" not in plain.recv(1000)
            except ConnectionResetError:
                pass
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            old.maximum_version = ssl.TLSVersion.TLSv1_1
            old.minimum_version = ssl.TLSVersion.TLSv1
        old.set_ciphers("ALL:@SECLEVEL=0")
        with socket.create_connection(("127.0.0.1", settings.api_port), timeout=30) as raw, pytest.raises(OSError):
            old.wrap_socket(raw)
        assert server.stop() == 0
        assert text not in server.log.read_text() and "127.0.0.1" in server.log.read_text()
    assert not [s for s in services.all_services(world.db) if s.name == "api"]


def test_one_address_cannot_take_all_connections_and_none_may_dawdle(world: World) -> None:
    settings = edge_settings(world.settings.data, api_port=free_port())
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with running_api(settings, REQUEST_S) as server, ExitStack() as held:

        def connect(host: str) -> ssl.SSLSocket:
            raw = socket.create_connection(("127.0.0.1", settings.api_port), timeout=120, source_address=(host, 0))
            return held.enter_context(context.wrap_socket(raw))

        slow = connect("127.0.0.2")
        slow.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n")
        crowd = [connect("127.0.0.2") for _ in range(PER_ADDRESS_MAX - 1)]
        with pytest.raises(OSError):
            one_more = connect("127.0.0.2")
            one_more.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n")
            if not one_more.recv(100):
                raise ConnectionResetError
        with server.client() as client:
            assert client.get("/openapi.json").status_code == 200
        assert _ended(slow)  # within REQUEST_S
        assert all(_ended(one) for one in crowd)


def _ended(connection: ssl.SSLSocket) -> bool:
    try:
        return connection.recv(100) == b""
    except ConnectionResetError:
        return True


def test_a_busy_port_ends_the_api_with_a_sentence(world: World) -> None:
    settings = edge_settings(world.settings.data, api_port=free_port())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", settings.api_port))
        taken.listen()
        assert "api_port" in refusal(settings, "api")
