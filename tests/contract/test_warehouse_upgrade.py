"""A warehouse of another version is made anew by itself; nothing is lost, whenever the process dies."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from analytics.queries import Scope, calls, open_reader
from ingest import command, renewal, upgrade, warehouse
from ingest.renewal import Phase, Renewal
from pbx_core.errors import ConfigError, Unavailable
from tests.support import facts, lake

KILLED_AT_A_RENAME = """
import os, pathlib, signal, sys
from ingest import upgrade, warehouse
from pbx_core.clock import SystemClock
from pbx_core.settings import load
moves = [int(sys.argv[2])]
def dies(event, arguments):
    if event == "os.rename" and "/warehouse-" in str(arguments[1]):
        if moves[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        moves[0] -= 1
sys.addaudithook(dies)
settings = load(sys.argv[1])
with warehouse.exclusive(settings, SystemClock()):
    upgrade.prepare(settings, SystemClock(), print)
"""


def grow_old(settings) -> None:
    """What another version would have left: a table less, a column less, a table that we do not know."""
    con = warehouse.open_writer(settings)
    con.execute("DROP TABLE lk.main.queue_event")
    con.execute("ALTER TABLE lk.main.call DROP COLUMN caller_name")
    con.execute("CREATE TABLE lk.main.of_tomorrow (a VARCHAR)")
    con.close()


def ingest(settings, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "pbx_core.cli", "--data", str(settings.data), "ingest", *args]
    return subprocess.run(line, env={**os.environ, **env}, capture_output=True, text=True, timeout=200)


def load(world) -> list[str]:
    """What `callbench ingest --once` does, in this process; what it said."""
    said: list[str] = []
    with warehouse.exclusive(world.settings, world.clock):
        under_way = upgrade.prepare(world.settings, world.clock, said.append)
        command.load_all(command.Loop(world.settings, world.clock, world.db, under_way, said.append))
    return said


@pytest.fixture
def old(world):
    """A warehouse with calls of two tenants, then grown old; and what was in it before."""
    facts.write_calls(world.settings, world.clock, world.acme, 20)
    facts.write_calls(world.settings, world.clock, world.birch, 7)
    lake.ingest_once(world.settings, world.clock)
    before = lake.content(world.settings)
    grow_old(world.settings)
    return world, before


def test_ingest_says_so_keeps_the_old_one_and_makes_an_equal_new_one(old, monkeypatch):
    world, before = old
    with monkeypatch.context() as full:
        full.setattr(upgrade, "SPARE_BYTES", 1 << 62)
        with pytest.raises(Unavailable, match="too little room beside the old one"):
            upgrade.prepare(world.settings, world.clock, print)
    assert renewal.read(world.settings) is None and world.settings.lake_catalog.exists()
    with pytest.raises(Unavailable, match=r"another version.*no table queue_event"):
        open_reader(world.settings)
    with pytest.raises(ConfigError, match="another version"):
        warehouse.open_writer(world.settings)
    done = ingest(world.settings, "--once")
    assert done.returncode == 0, done.stderr
    (copy,) = upgrade.old_copies(world.settings)
    assert str(copy) in done.stdout and "no table queue_event; an unknown table of_tomorrow" in done.stdout
    assert "table call differs in caller_name" in done.stdout and "The new warehouse is ready" in done.stdout
    assert {"catalog.sqlite", "lake"} <= {p.name for p in copy.iterdir()}
    assert lake.content(world.settings) == before
    assert load(world) == [] and upgrade.old_copies(world.settings) == [copy]


@pytest.mark.parametrize("moved", [0, 1])
def test_killed_while_files_are_moved_the_next_start_moves_the_rest(old, moved):
    world, before = old
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_AT_A_RENAME, str(world.settings.data), str(moved)], timeout=60
    )
    assert killed.returncode == -9
    noted = renewal.read(world.settings)
    assert noted and noted.phase is Phase.MOVING
    with pytest.raises(Unavailable, match=r"anew \(0% done\)"):
        open_reader(world.settings)
    load(world)
    (copy,) = upgrade.old_copies(world.settings)
    assert copy.name == noted.target and {"catalog.sqlite", "lake"} <= {p.name for p in copy.iterdir()}
    assert lake.content(world.settings) == before


def test_killed_while_it_loads_readers_wait_and_the_next_start_goes_on(old, monkeypatch):
    world, before = old
    monkeypatch.setattr("ingest.sources.feed.ROUND_BYTES_MAX", 20_000)
    monkeypatch.setattr("ingest.sources.feed.SEGMENT_BYTES_MAX", 20_000)
    reader_of_then = Scope(world.acme.tenant_id)
    with warehouse.exclusive(world.settings, world.clock):
        under_way = upgrade.prepare(world.settings, world.clock, print)
        loop = command.Loop(world.settings, world.clock, world.db, under_way)
        assert loop.step()  # one round of several; then the process is gone
        share = upgrade.share_loaded(world.settings, loop._writer.con)
        renewal.loading(world.settings, under_way, share)
        loop.close()
    assert 0 < share < 1
    with pytest.raises(Unavailable, match=f"{share:.0%} done"):
        open_reader(world.settings)
    assert load(world)[0] == f"Going on to make the warehouse anew ({share:.0%} was loaded)."
    assert lake.content(world.settings) == before
    reader = open_reader(world.settings)
    assert len(calls(reader, reader_of_then).frame) == 20
    reader.close()


def test_a_version_that_changes_again_while_one_is_loading_begins_anew(old):
    world, before = old
    renewal.write(
        world.settings, Renewal("x", "2026-01-01T00:00:00Z", "warehouse-20260101T000000000000", Phase.LOADING)
    )
    assert ingest(world.settings, "--once").returncode == 0
    assert lake.content(world.settings) == before
    assert len(upgrade.old_copies(world.settings)) == 1


def test_a_damaged_note_is_none(world):
    path = world.settings.data / "warehouse.renewal.json"
    for text in ("", "{", "[]", '{"phase": "loading"}', '{"phase": 7}', '{"a": 1}'):
        path.write_text(text)
        assert renewal.read(world.settings) is None
