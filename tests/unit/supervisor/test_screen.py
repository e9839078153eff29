"""What `callbench status` draws: offices, calls, queues, trunks, phones; in 80 columns, with hostile text as text."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from rich.cells import cell_len

from pbx_core.cli import callbench
from pbx_core.errors import InputError
from pbx_core.store import services
from pbx_core.store.schema import agent, binding, live_call, queue_call, trunk_state
from pbx_core.supervisor.screen import span
from tests.conftest import World
from tests.support.waiting import until


@pytest.fixture
def busy(world: World) -> World:
    """Acme has a call, a queue, two trunks and a phone; Birch a call of its own."""
    now = world.clock.now().timestamp()
    services.beat(world.db, world.clock, "supervisor", now - 90_000, {"processes": 14, "restarts": 0})
    services.beat(world.db, world.clock, "worker-0", now - 60, {"sip_port": 5080, "capacity_calls": 2, "calls": 1})
    detail = {"caller": "101", "callee": "+49301234567890", "since": "2026-01-01T00:00:00+00:00", "recording": True}
    with world.db.begin() as connection:
        for tenant, call_id in ((world.acme, "a" * 32), (world.birch, "b" * 32)):
            connection.execute(
                sa.insert(live_call).values(
                    tenant_id=tenant.tenant_id,
                    call_id=call_id,
                    worker="worker-0",
                    state="talking",
                    extensions='["101"]',
                    detail=json.dumps(detail if tenant is world.acme else {"caller": "+777", "since": ""}),
                    changed_at=now,
                )
            )
        acme = world.acme.tenant_id
        connection.execute(
            sa.insert(queue_call).values(
                tenant_id=acme,
                entry_id="q",
                queue="sales [red]",
                worker="worker-0",
                number="+1",
                joined_at=now - 95,
                state="waiting",
            )
        )
        connection.execute(
            sa.insert(agent).values(
                tenant_id=acme, queue="sales [red]", number="102", logged_in_at=now, pause_reason="x"
            )
        )
        for trunk_id, circuit, reason in (("good", "closed", ""), ("dead", "open", "no reply")):
            connection.execute(
                sa.insert(trunk_state).values(
                    tenant_id=acme, trunk_id=trunk_id, circuit=circuit, reason=reason, changed_at=now
                )
            )
        connection.execute(
            sa.insert(binding).values(
                tenant_id=acme,
                number="101",
                contact="sip:101@x",
                source="udp:203.0.113.250:50600",
                call_id="x",
                cseq=1,
                user_agent="[bold]Evil\x1b[31m Phone 1.2.3 with a name that does not end " * 3,
                registered_at=now - 5,
                expires_at=now + 60,
            )
        )
    return world


def drawn(world: World, *words: str, columns: str = "80") -> str:
    done = CliRunner().invoke(
        callbench, ["--data", str(world.settings.data), "status", *words], env={"COLUMNS": columns}
    )
    assert done.exit_code == 0, done.output
    assert all(cell_len(line) <= int(columns) for line in done.output.splitlines())
    return done.output


def test_every_office_has_its_line(busy: World) -> None:
    lines = drawn(busy).splitlines()
    [acme] = [line.split() for line in lines if line.startswith("acme.test")]
    assert acme == ["acme.test", "1", "on", "3", "1", "1", acme[6], "1", "of", "2"] and acme[6].startswith("1:3")
    [birch] = [line.split() for line in lines if line.startswith("birch.test")]
    assert birch == ["birch.test", "0", "on", "3", "1", "–", "–"]
    assert any(line.startswith("supervisor") and "1 d 01 h" in line for line in lines)


def test_one_office_is_shown_in_full_and_nothing_of_another(busy: World) -> None:
    text = drawn(busy, "--tenant", "acme.test", columns="160")
    assert "acme.test: phones 1 on 3 extensions, calls 1, waiting 1, trunks up 1 of 2" in text
    assert "talking" in text and "+49301234567890" in text and "recorded" in text
    assert "sales [red]" in text and "1 paused" in text
    assert "no reply, circuit open" in text and "203.0.113.250:50600" in text and "[bold]Evil" in text
    assert "+777" not in text and "birch" not in text and "\x1b[31m" not in text
    narrow = drawn(busy, "--tenant", "acme.test")
    assert "203.0.113.250:50600" in narrow and "+49301234567890" in narrow
    other = drawn(busy, "--tenant", "birch.test", columns="160")
    assert "+777" in other and "sales" not in other


def test_programs_get_everything(busy: World) -> None:
    said = json.loads(drawn(busy, "--json", "--tenant", "acme.test", columns="1000000"))
    [office] = said["offices"]
    assert office["tenant"] == "acme.test" and office["queues"][0]["agents"][0]["state"] == "paused"
    assert [t["up"] for t in office["trunks"]] == [False, True]


def test_an_unknown_office_is_refused(world: World) -> None:
    done = CliRunner().invoke(callbench, ["--data", str(world.settings.data), "status", "--tenant", "x.test"])
    assert isinstance(done.exception, InputError)


def test_it_can_be_watched_until_it_is_told_to_stop(busy: World) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pbx_core.cli", "--data", str(busy.settings.data), "status", "--watch"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "40"},
    )
    os.close(theirs)
    os.set_blocking(ours, False)
    seen = b""

    def read() -> bytes:
        nonlocal seen
        try:
            seen += os.read(ours, 65536)
        except OSError:  # nothing yet, or the other end is closed
            pass
        return seen

    try:
        until(lambda: read().count(b"acme.test") >= 2, 30, what="two drawings")
    finally:
        process.send_signal(signal.SIGINT)
        until(lambda: read() and process.poll() is not None, 10, what="the end")
        os.close(ours)
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (7.9, "0:07"), (754, "12:34"), (3600, "1:00:00"), (86_400 * 4 + 5 * 3600, "4 d 05 h"), (-5, "0:00")],
)
def test_spans_are_short(seconds: float, text: str) -> None:
    assert span(seconds) == text
