"""The ingest process from outside: signals, kill -9, the lock, readers beside it."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import threading

import pytest

from analytics.queries import open_reader
from ingest import maintenance, warehouse
from ingest.sources.feed import FeedSource
from ingest.writer import Writer
from pbx_core.settings import load
from pbx_core.store import engine, services
from tests.support import facts, lake
from tests.support.waiting import until

CALLBENCH = [sys.executable, "-m", "pbx_core.cli"]


def start(settings, *args: str, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*CALLBENCH, "--data", str(settings.data), "ingest", *args],
        env={**os.environ, "CALLBENCH_INGEST_INTERVAL_S": "0.02", **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(settings, *args: str) -> subprocess.CompletedProcess[str]:
    process = start(settings, *args)
    out, err = process.communicate(timeout=200)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def board(world):
    return next((s.detail for s in services.all_services(world.db) if s.name == "ingest"), {})


@pytest.fixture
def other(tmp_path):
    settings = load(tmp_path / "other")
    engine.migrate(settings).dispose()
    return settings


def test_sigterm_ends_with_everything_loaded_that_was_written_before(world):
    facts.write_calls(world.settings, world.clock, world.acme, 10)
    process = start(world.settings, CALLBENCH_INGEST_INTERVAL_S="60")
    until(lambda: board(world).get("rows"), timeout_s=30)
    assert board(world)["rejects"] == 0 and board(world)["last_round"]
    facts.write_calls(world.settings, world.clock, world.birch, 10)  # while it sleeps
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=120) == 0, process.stderr.read()
    assert lake.content(world.settings)["call"][0] == 20
    assert board(world) == {}


def test_once_loads_and_ends_and_a_second_ingest_is_told_who_holds_the_warehouse(world):
    facts.write_calls(world.settings, world.clock, world.acme, 10)
    done = run(world.settings, "--once")
    assert done.returncode == 0, done.stderr
    assert "0 lines rejected" in done.stdout
    with warehouse.exclusive(world.settings, world.clock):
        refused = run(world.settings, "--once")
    assert refused.returncode == 1
    assert str(os.getpid()) in refused.stderr and "Another ingest" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_rebuild_keeps_the_old_warehouse_and_gives_equal_content(world):
    facts.write_calls(world.settings, world.clock, world.acme, 10)
    lake.ingest_once(world.settings, world.clock)
    before = lake.content(world.settings)
    world.settings.lake_catalog.write_bytes(b"damaged")
    refused = run(world.settings, "--once")
    assert refused.returncode == 1 and "callbench ingest --rebuild" in refused.stderr
    done = run(world.settings, "--rebuild")
    assert done.returncode == 0, done.stderr
    assert "kept in" in done.stdout
    assert lake.content(world.settings) == before


def test_kill_9_at_random_moments_neither_loses_nor_doubles_a_row(world, other):
    """A producer writes without pause while ingest is killed, in mid-round as a rule, again and again."""
    rng = random.Random(9)
    stop = threading.Event()
    calls = []

    def produce() -> None:
        for seed in itertools.count():
            made = facts.make_calls(world.acme, 10, until=world.clock.now(), seed=seed)
            facts.write(world.settings, world.clock, made)
            calls.extend(made)
            if stop.wait(0.25):
                return

    lake.ingest_once(world.settings, world.clock)
    reader = open_reader(world.settings)

    def commits() -> int:
        return reader.rows("SELECT id FROM ducklake_current_snapshot('lk')")[0]["id"]

    producer = threading.Thread(target=produce)
    producer.start()
    try:
        for _ in range(5):
            before = commits()
            process = start(world.settings)
            until(lambda before=before: commits() > before, timeout_s=60, what="a commit")
            stop.wait(rng.uniform(0, 0.5))
            process.kill()
            process.communicate(timeout=60)
    finally:
        stop.set()
        producer.join()
        reader.close()
    lake.ingest_once(world.settings, world.clock)
    assert lake.content(world.settings)["call"][0] == len(calls)

    world.settings.journal_dir.rename(other.journal_dir)  # the same journals, read in one go by a fresh warehouse
    lake.ingest_once(other, world.clock)
    assert lake.content(world.settings) == lake.content(other)


READER = """
import json, sys, time
from analytics.queries import open_reader
from pbx_core.settings import load
reader = open_reader(load(sys.argv[1]))
seen, torn = [], 0
print("ready", flush=True)
while not seen or seen[-1] < int(sys.argv[2]):
    (row,) = reader.rows('''
        SELECT (SELECT count(*) FROM lk.main.call) AS calls, (SELECT count(*) FROM lk.main.leg) AS legs''')
    torn += row["legs"] != 2 * row["calls"]
    seen.append(row["calls"])
    time.sleep(0.01)
print(json.dumps({"reads": len(seen), "distinct": len(set(seen)), "torn": torn, "grows": seen == sorted(seen)}))
"""


def test_readers_in_other_processes_see_every_commit_whole_and_at_once(world):
    settings = world.settings
    con = warehouse.open_writer(settings)
    writer = Writer(con, world.clock, [FeedSource(settings.journal_dir, world.clock)])
    readers = [
        subprocess.Popen([sys.executable, "-c", READER, str(settings.data), "120"], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        for reader in readers:
            assert reader.stdout.readline() == "ready\n"
        for seed in range(10):
            facts.write_calls(settings, world.clock, world.acme, 12, seed=seed)
            writer.round()
            if seed % 3 == 2:  # harsher than in service: replaced files vanish at once
                maintenance.tidy(con, world.clock, maintenance.Epoch(settings), keep_s=0)
        for reader in readers:
            out, _ = reader.communicate(timeout=200)
            result = json.loads(out)
            assert result["torn"] == 0 and result["grows"], result
            assert result["distinct"] > 1, result
    finally:
        for reader in readers:
            reader.kill()
            reader.communicate()
        con.close()
