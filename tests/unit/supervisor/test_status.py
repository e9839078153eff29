"""`callbench status`: what runs, since when, with how many phones and calls."""

from __future__ import annotations

import json

import sqlalchemy as sa
from click.testing import CliRunner

from pbx_core.cli import callbench
from pbx_core.store import services
from pbx_core.store.schema import binding
from tests.conftest import World


def _register(world: World, tenant_id: str, number: str, contact: str, expires_in_s: float) -> None:
    now = world.clock.now().timestamp()
    with world.db.begin() as connection:
        connection.execute(
            sa.insert(binding).values(
                tenant_id=tenant_id,
                number=number,
                contact=contact,
                source="udp:127.0.0.1:5060",
                call_id="x",
                cseq=1,
                registered_at=now,
                expires_at=now + expires_in_s,
            )
        )


def test_it_counts_phones_by_tenant_and_calls_of_living_workers(world: World) -> None:
    now = world.clock.now().timestamp()
    services.beat(world.db, world.clock, "supervisor", now - 90, {})
    services.beat(world.db, world.clock, "worker-0", now - 60, {"capacity_calls": 2, "calls": 1})
    _register(world, world.acme.tenant_id, "101", "sip:101@192.0.2.1", 60)
    _register(world, world.acme.tenant_id, "101", "sip:101@192.0.2.2", 60)
    _register(world, world.acme.tenant_id, "102", "sip:102@192.0.2.3", -1)
    done = CliRunner().invoke(callbench, ["--data", str(world.settings.data), "status", "--json"])
    said = json.loads(done.output)
    assert done.exit_code == 0
    assert said["phones"] == {"acme.test": 2, "birch.test": 0}
    assert (said["calls"], said["capacity_calls"]) == (1, 2)
    (worker,) = [p for p in said["processes"] if p["name"] == "worker-0"]
    assert worker["alive"]
    assert 59 < worker["up_s"] < 90


def test_it_says_that_nothing_runs_and_how_to_start(world: World) -> None:
    done = CliRunner().invoke(callbench, ["--data", str(world.settings.data), "status"])
    assert done.exit_code == 1
    assert "callbench up" in done.output


def test_details_of_a_process_are_text_not_markup(world: World) -> None:
    services.beat(world.db, world.clock, "transcribe-0", 0.0, {"state": "no model: [red]x[/]", "recording_id": None})
    done = CliRunner().invoke(callbench, ["--data", str(world.settings.data), "status"], terminal_width=200)
    assert "[red]x[/]" in done.output.replace("\n", "")
    assert "None" not in done.output


def test_a_disk_below_the_warning_line_is_said(world: World) -> None:
    environment = {"CALLBENCH_DISK_WARN_SHARE": "1.0"}  # every disk is fuller than that
    done = CliRunner().invoke(callbench, ["--data", str(world.settings.data), "status"], env=environment)
    assert "running full" in done.output
