"""`callbench jobs`, as an operator types it."""

from __future__ import annotations

import io
import json

from click.testing import CliRunner
from rich.console import Console

from pbx_core.errors import InputError
from pbx_core.store import jobs as jobs_
from pbx_core.store import services
from pbx_core.store.jobs_command import jobs
from pbx_core.supervisor import screen
from pbx_core.supervisor.status import gather
from tests.conftest import World


def said(world: World, *words: str) -> str:
    done = CliRunner().invoke(jobs, words, obj=world.settings.data)
    if isinstance(done.exception, InputError):
        return str(done.exception)
    assert done.exception is None, done.output
    return done.output


def waiting(world: World) -> None:
    for job_id, tenant in (("a1", world.acme), ("a2", world.acme), ("b1", world.birch)):
        jobs_.enqueue(world.db, world.clock, "transcribe", job_id, tenant.tenant_id, {})


def rows(world: World, *words: str) -> dict[str, list[str]]:
    """The list by recording."""
    lines = [line.split("\t") for line in said(world, "list", *words).splitlines()]
    return {cells[0]: cells[1:] for cells in lines if len(cells) > 1}


def test_the_list_shows_who_waits_and_how_far_the_running_one_is(world: World) -> None:
    assert said(world, "list") == "There are no such jobs.\n"
    waiting(world)
    assert jobs_.lease(world.db, world.clock, "transcribe", "transcribe-0/1", 30)
    services.beat(world.db, world.clock, "transcribe-0", 0.0, {"state": "working", "jobs": {"a1": 0.42}})
    found = rows(world)
    assert found["a1"][:3] == ["acme.test", "running", "42%"]
    assert found["b1"][:4] == ["birch.test", "ready", "", "in turn"]
    assert set(rows(world, "--tenant", "acme.test", "--state", "ready")) == {"a2"}
    told = {one["job_id"]: one for one in json.loads(said(world, "list", "--json"))}
    assert (told["a1"]["state"], told["a1"]["progress"], told["a2"]["progress"]) == ("leased", 0.42, None)


def test_a_pause_is_shown_holds_and_ends(world: World) -> None:
    waiting(world)
    assert said(world, "pause", "--tenant", "acme.test").startswith("Paused for acme.test")
    assert said(world, "pause", "--all").startswith("Paused for every tenant")
    listed = said(world, "list")
    assert ": acme.test." in listed and ": every tenant." in listed
    assert jobs_.lease(world.db, world.clock, "transcribe", "x", 30) is None
    assert said(world, "resume", "--all") == "Goes on for every tenant.\n"
    taken = jobs_.lease(world.db, world.clock, "transcribe", "x", 30)
    assert taken and taken.job_id == "b1"
    assert said(world, "resume", "--tenant", "acme.test") == "Goes on for acme.test.\n"
    assert said(world, "resume", "--tenant", "acme.test") == "Was not paused for acme.test.\n"


def test_jobs_are_given_up_moved_and_tried_again_by_name_or_tenant(world: World) -> None:
    waiting(world)
    assert said(world, "first", "b1") == "1 moved to the front.\n"
    assert rows(world)["b1"][3] == "somebody waits"
    assert said(world, "cancel", "--tenant", "acme.test") == "2 given up.\n"
    assert rows(world)["a1"][1] == "cancelled" and rows(world)["a1"][-1] == "cancelled by the operator"
    assert said(world, "retry", "a1") == "1 wait again.\n"
    assert said(world, "retry", "--all") == "1 wait again.\n"
    assert {cells[1] for cells in rows(world).values()} == {"ready"}
    taken = jobs_.lease(world.db, world.clock, "transcribe", "x", 30)
    assert taken
    jobs_.finish(world.db, world.clock, taken)
    assert said(world, "retry", "--all") == "0 wait again.\n"
    assert said(world, "retry", taken.job_id) == "1 wait again.\n"


def test_whose_jobs_must_be_said(world: World) -> None:
    waiting(world)
    for words in (
        ("cancel",),
        ("retry",),
        ("pause",),
        ("pause", "--all", "--tenant", "acme.test"),
        ("cancel", "--all", "a1"),
    ):
        assert "nothing was changed" in said(world, *words)
    assert "there are: acme.test" in said(world, "pause", "--tenant", "eve.test")
    assert said(world, "cancel", "--tenant", "birch.test", "a1") == "0 given up.\n"
    assert {cells[1] for cells in rows(world).values()} == {"ready"}


def test_the_status_says_whose_jobs_are_paused(world: World) -> None:
    waiting(world)

    def status() -> str:
        now = gather(world.settings, world.db, world.clock)
        console = Console(width=120, record=True, file=io.StringIO())
        console.print(screen.system(now, world.settings))
        return console.export_text()

    assert "transcriptions: 3 ready" in status() and "paused" not in status()
    said(world, "pause", "--tenant", "birch.test")
    assert "3 ready; paused for birch.test" in status()
    said(world, "pause", "--all")
    assert "paused for every tenant" in status()
