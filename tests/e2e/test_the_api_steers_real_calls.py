"""A program steers real calls of real phones: click to call, pause of a recording, transfer, hang-up, figures."""

from __future__ import annotations

import shutil
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from pbx_core.store import tokens
from pbx_core.store.tokens import Right
from tests.conftest import World
from tests.support.baresip import Account, Baresip
from tests.support.system import System, running
from tests.support.waiting import until

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(not shutil.which("baresip"), reason="baresip is not installed (apt-get install baresip-core)"),
]


def _client(system: System, token: str) -> httpx.Client:
    context = ssl.create_default_context(cafile=str(system.settings.data / "tls" / "edge.crt"))
    base = f"https://127.0.0.1:{system.settings.api_port}"
    return httpx.Client(base_url=base, verify=context, headers={"Authorization": f"Bearer {token}"}, timeout=60)


def _calls(program: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = program.get("/v1/live/calls").json()["calls"]
    return found


def _answered(operator: httpx.Client) -> float:
    families = text_string_to_metric_families(operator.get("/metrics").text)
    samples = [s for f in families for s in f.samples if s.name == "callbench_calls_total"]
    return sum(s.value for s in samples if s.labels == {"disposition": "answered"})


def test_a_program_places_pauses_transfers_and_ends_a_call(world: World, tmp_path: Path) -> None:
    _, crm = tokens.add(world.db, world.clock, world.acme.tenant_id, "crm", list(Right))
    _, foreign = tokens.add(world.db, world.clock, world.birch.tenant_id, "crm", list(Right))
    _, monitor = tokens.add(world.db, world.clock, tokens.OPERATOR, "prometheus", [Right.READ])
    with running(world.settings.data, world.db, transcribers=0) as system:
        port = system.settings.sip_port
        accounts = [Account(n, "acme.test", f"pw-acme.test-{n}", port) for n in ("101", "102", "103")]
        with (
            Baresip(tmp_path / "alice", [accounts[0]]) as alice,
            Baresip(tmp_path / "bob", [accounts[1]]) as bob,
            Baresip(tmp_path / "carol", [accounts[2]]) as carol,
            _client(system, crm) as program,
            _client(system, foreign) as stranger,
            _client(system, monitor) as operator,
        ):
            for phone in (alice, bob, carol):
                phone.wait_registered()
            placed = program.post(
                "/v1/calls", json={"extension": "101", "number": "102"}, headers={"Idempotency-Key": "click-to-call-1"}
            )
            assert placed.status_code == 201, placed.text
            call_id = placed.json()["call_id"]
            alice.wait_event("CALL_INCOMING")
            alice.answer()
            bob.wait_event("CALL_INCOMING")
            bob.answer()
            bob.wait_event("CALL_ESTABLISHED")
            until(lambda: [c["state"] for c in _calls(program)] == ["talking"], what="the call among the live ones")
            assert _calls(stranger) == []
            path = f"/v1/calls/{call_id}"
            assert stranger.post(f"{path}/hangup").json()["error_id"] == "not_found"
            until(lambda: _calls(program)[0]["detail"]["recording"], what="the recording")
            assert program.post(f"{path}/pause-recording").status_code == 200
            until(lambda: _calls(program)[0]["detail"]["paused"], what="the pause")
            assert program.post(f"{path}/resume-recording").status_code == 200
            until(lambda: not _calls(program)[0]["detail"]["paused"], what="the end of the pause")
            assert program.post(f"{path}/transfer", json={"target": "103"}).status_code == 200
            carol.wait_event("CALL_INCOMING")
            carol.answer()
            carol.wait_event("CALL_ESTABLISHED")
            bob.wait_event("CALL_CLOSED")
            [call] = _calls(program)
            assert call["call_id"] == call_id
            assert program.post(f"{path}/hangup").status_code == 200
            alice.wait_event("CALL_CLOSED")
            carol.wait_event("CALL_CLOSED")
            until(lambda: _calls(program) == [], what="the end among the live calls")
            assert program.post(f"{path}/hangup").json()["error_id"] == "not_found"
            until(lambda: _answered(operator) == 1, 60, 0.5, what="the call in the figures of all time")
