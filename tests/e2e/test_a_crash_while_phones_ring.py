"""A process is killed while phones ring: nobody rings on for nothing, nobody waits for an answer that cannot come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from pbx_core.store import models
from tests.conftest import World
from tests.support.baresip import BINARY, Account, Baresip
from tests.support.system import System, running
from tests.support.waiting import until

ACME = "acme.test"

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(not BINARY, reason="baresip is not installed (apt-get install baresip-core)"),
]


@pytest.fixture
def system(world: World) -> Iterator[System]:
    tenant_id = world.acme.tenant_id
    _, model = models.active(world.db, tenant_id)
    soon = tuple(replace(e, ring_s=15.0, voicemail=False) for e in model.extensions)
    models.apply(world.db, world.clock, tenant_id, replace(model, extensions=soon), "test")
    with running(world.settings.data, world.db, transcribers=0) as made:
        yield made


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as held:
        yield held


def phone(stack: ExitStack, system: System, directory: Path, number: str, transport: str = "udp") -> Baresip:
    port = system.settings.sip_tls_port if transport == "tls" else system.settings.sip_port
    made = Baresip(directory, [Account(number, ACME, f"pw-{ACME}-{number}", port, transport)], dump_audio=False)
    stack.enter_context(made).wait_registered()
    return made


def ringing(stack: ExitStack, system: System, tmp_path: Path) -> tuple[Baresip, Baresip, Baresip]:
    """Alice, and Bob's two phones, which her call makes ring."""
    alice = phone(stack, system, tmp_path / "alice", "101")
    desk, mobile = (phone(stack, system, tmp_path / f"bob-{t}", "102", t) for t in ("udp", "tcp"))
    alice.dial(f"sip:102@{ACME}")
    for one in (desk, mobile):
        one.wait_event("CALL_INCOMING")
    alice.wait_event("CALL_RINGING")
    return alice, desk, mobile


def test_the_caller_is_told_and_the_phones_stop_ringing_when_the_worker_dies(
    system: System, stack: ExitStack, tmp_path: Path
) -> None:
    alice, desk, mobile = ringing(stack, system, tmp_path)
    busy = until(lambda: [n for n, s in system.board().items() if s.detail.get("calls") and n.startswith("worker")])
    system.kill(busy[0])
    for one in (alice, desk, mobile):
        one.wait_event("CALL_CLOSED", timeout_s=5)
    assert "503" in str(alice.wait_event("CALL_CLOSED")["param"])


def test_a_call_that_rings_is_answered_although_the_edge_was_killed(
    system: System, stack: ExitStack, tmp_path: Path
) -> None:
    alice, desk, _mobile = ringing(stack, system, tmp_path)
    kill_edge(system)
    desk.answer()
    alice.wait_event("CALL_ESTABLISHED", timeout_s=5)
    desk.hangup()
    alice.wait_event("CALL_CLOSED", timeout_s=5)


def test_phones_stop_ringing_at_the_ring_limit_although_the_edge_was_killed(
    system: System, stack: ExitStack, tmp_path: Path
) -> None:
    phones = ringing(stack, system, tmp_path)
    kill_edge(system)
    for one in phones:
        one.wait_event("CALL_CLOSED", timeout_s=25)


def kill_edge(system: System) -> None:
    pid = system.kill("edge")
    until(lambda: (row := system.board().get("edge")) and row.pid != pid, 10, what="the edge back")
