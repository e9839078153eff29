"""The writer against a real DuckLake: each fact once, whatever is repeated, shuffled, damaged, locked or missing."""

from __future__ import annotations

import dataclasses
import random
import subprocess
import sys

import pytest
import sqlalchemy as sa

from ingest import command, maintenance, warehouse
from ingest.places import local
from ingest.sources.feed import FeedSource
from ingest.writer import Writer
from pbx_core import feed
from pbx_core.errors import ConfigError, Unavailable
from pbx_core.settings import load
from pbx_core.store import engine, schema
from tests.support import facts, lake


def journal_lines(settings) -> list[bytes]:
    """Every line of every journal but the `closed` marks."""
    lines = [line.raw for s in feed.segments(settings.journal_dir) for line in feed.read(settings.journal_dir, s)]
    return [raw for raw in lines if not raw.startswith(b'{"kind":"closed"')]


def put(settings, segment: str, lines: list[bytes]) -> None:
    path = settings.journal_dir / segment
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(raw + b"\n" for raw in lines))


@pytest.fixture
def other(tmp_path):
    """A second, empty data directory."""
    settings = load(tmp_path / "other")
    engine.migrate(settings).dispose()
    return settings


def add_comment(world, seq: int, comment_id: str = "c1", text: str = "well done", deleted: bool = False) -> None:
    with world.db.begin() as connection:
        person_id = connection.execute(
            sa.select(schema.person.c.person_id).where(schema.person.c.tenant_id == world.acme.tenant_id).limit(1)
        ).scalar_one()
        connection.execute(sa.delete(schema.comment).where(schema.comment.c.comment_id == comment_id))
        connection.execute(
            sa.insert(schema.comment).values(
                comment_id=comment_id,
                tenant_id=world.acme.tenant_id,
                call_id="x",
                author_id=person_id,
                at_s=1.5,
                text=text,
                idempotency_key=comment_id,
                created_at=1000.0,
                deleted_at=2000.0 if deleted else None,
                changed_seq=seq,
            )
        )


def test_every_record_of_both_tenants_arrives_with_its_parts(world):
    written = facts.write_calls(world.settings, world.clock, world.acme, 40)
    written += facts.write_calls(world.settings, world.clock, world.birch, 20)
    progress = lake.ingest_once(world.settings, world.clock)
    content = lake.content(world.settings)
    assert progress.rejects == 0
    assert content["call"][0] == 60
    assert content["leg"][0] == 120
    assert content["recording"][0] == sum(1 for c in written if c.recording_id)
    assert content["utterance"][0] > content["transcript"][0] > 0
    assert content["party_turns"][0] == 2 * content["turns"][0] > 0
    assert content["call_event"][0] > 120


def test_a_second_round_finds_nothing_new(world):
    facts.write_calls(world.settings, world.clock, world.acme, 5)
    lake.ingest_once(world.settings, world.clock)
    before = lake.query(world.settings, "SELECT max(snapshot_id) FROM ducklake_snapshots('lk')")
    assert lake.ingest_once(world.settings, world.clock).rows == 0
    assert lake.query(world.settings, "SELECT max(snapshot_id) FROM ducklake_snapshots('lk')") == before


def test_replaying_the_journal_changes_nothing(world):
    facts.write_calls(world.settings, world.clock, world.acme, 30)
    lake.ingest_once(world.settings, world.clock)
    before = lake.content(world.settings)
    put(world.settings, "replayed/0001.jsonl", journal_lines(world.settings))
    assert lake.ingest_once(world.settings, world.clock).rows == 0
    assert lake.content(world.settings) == before


@pytest.mark.parametrize("seed", range(2))
def test_lines_in_random_order_doubled_and_in_many_rounds_give_the_same_content(world, other, seed):
    calls = facts.make_calls(world.acme, 20, until=world.clock.now(), seed=seed)
    facts.write(world.settings, world.clock, calls)
    for name in ("first", "second"):  # rows that change: the later version must stay, its parts with it
        for call in calls[::3]:
            cdr = dataclasses.replace(call.cdr, caller_name=name, legs=call.cdr.legs[: 1 if name == "second" else 2])
            facts.write(world.settings, world.clock, [dataclasses.replace(call, cdr=cdr)])
    lake.ingest_once(world.settings, world.clock)

    lines = journal_lines(world.settings) * 2
    random.Random(seed).shuffle(lines)
    for part in range(3):
        put(other, f"worker-{part}/0001.jsonl", lines[part::3])
        lake.ingest_once(other, world.clock)
    assert lake.content(other) == lake.content(world.settings)
    names = lake.query(other, "SELECT DISTINCT caller_name FROM lk.main.call WHERE caller_name IN ('first', 'second')")
    assert names == [("second",)]


def test_bad_lines_are_kept_with_place_and_reason_and_nothing_else_stops(world):
    facts.write_calls(world.settings, world.clock, world.acme, 3)
    put(world.settings, "worker-9/0001.jsonl", [b"{broken", *journal_lines(world.settings)[:2], b"x" * 5000])
    put(world.settings, "worker-8/0001.jsonl", [b""])
    progress = lake.ingest_once(world.settings, world.clock)
    assert progress.rejects == 3
    rows = lake.query(world.settings, "SELECT segment, line, reason, length(raw) FROM lk.main.reject ORDER BY ALL")
    assert [(r[0], r[1], r[3]) for r in rows] == [
        ("worker-8/0001.jsonl", 1, 0),
        ("worker-9/0001.jsonl", 1, 7),
        ("worker-9/0001.jsonl", 4, 2000),
    ]
    assert lake.content(world.settings)["call"][0] == 3
    assert lake.ingest_once(world.settings, world.clock).rejects == 0


def test_a_comment_follows_its_changes_to_the_deletion(world):
    for seq, text, deleted in ((1, "first", False), (2, "better", False), (5, "better", True)):
        add_comment(world, seq, text=text, deleted=deleted)
        assert lake.ingest_once(world.settings, world.clock).rows == 1
        assert lake.query(world.settings, "SELECT text, deleted FROM lk.main.comment") == [(text, deleted)]
    assert lake.ingest_once(world.settings, world.clock).rows == 0


def test_comments_with_one_change_number_are_never_split_between_rounds(world, monkeypatch):
    monkeypatch.setattr("ingest.sources.changed.ROWS_MAX", 2)
    for number, seq in enumerate((1, 2, 2, 2, 3)):
        add_comment(world, seq, comment_id=f"c{number}")
    assert lake.ingest_once(world.settings, world.clock).rows == 5


LOCKER = """
import sqlite3, sys
con = sqlite3.connect(sys.argv[1], isolation_level=None)
con.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
con.execute("ROLLBACK")
"""


def test_a_locked_catalog_loses_nothing_and_is_caught_up(world):
    settings = world.settings
    facts.write_calls(settings, world.clock, world.acme, 20)
    con = warehouse.open_writer(settings, busy_timeout_ms=100)
    writer = Writer(con, world.clock, [FeedSource(settings.journal_dir, world.clock)])
    with subprocess.Popen(
        [sys.executable, "-c", LOCKER, str(settings.lake_catalog)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(Unavailable, match="journals keep everything"):
            writer.round()
        other.communicate("go on\n")
    assert writer.round().rows > 20
    con.close()
    assert lake.content(settings)["call"][0] == 20


def test_an_error_in_mid_round_leaves_nothing_and_the_loop_takes_it_up_again(world, monkeypatch):
    facts.write_calls(world.settings, world.clock, world.acme, 20)
    loop = command.Loop(world.settings, world.clock, world.db)
    monkeypatch.setattr(Writer, "_put_offsets", lambda *_: warehouse.duckdb.sql("SELECT error('disk full')").fetchall())
    assert not loop.step()
    assert "disk full" in loop.progress.problem
    monkeypatch.undo()
    loop.close()
    assert lake.query(world.settings, "SELECT count(*) FROM lk.main.call") == [(0,)]
    while loop.step():
        pass
    loop.close()
    assert loop.progress.problem is None
    assert lake.content(world.settings)["call"][0] == 20


def test_maintenance_changes_no_content_and_leaves_few_files(world):
    settings = world.settings
    con = warehouse.open_writer(settings)
    writer = Writer(con, world.clock, [FeedSource(settings.journal_dir, world.clock)])
    for seed in range(8):
        facts.write_calls(settings, world.clock, world.acme, 12, seed=seed)
        writer.round()
    before, files = lake.content(settings), len(list(settings.lake_dir.rglob("*.parquet")))
    done = maintenance.tidy(con, world.clock, maintenance.Epoch(settings), keep_s=0)
    assert done.snapshots_expired > 0 and done.files_removed > 0
    con.close()
    assert lake.content(settings) == before
    left = len(list(settings.lake_dir.rglob("*.parquet")))
    assert left < files / 3
    assert lake.ingest_once(settings, world.clock).rows == 0  # offsets survived it, too


def test_what_is_replaced_stays_as_long_as_a_reader_may_need_it(world):
    settings = world.settings
    facts.write_calls(settings, world.clock, world.acme, 12)
    con = warehouse.open_writer(settings)
    Writer(con, world.clock, [FeedSource(settings.journal_dir, world.clock)]).round()
    (snapshot,) = con.execute("SELECT id FROM ducklake_current_snapshot('lk')").fetchone()
    for _ in range(2):  # the second list of deleted rows replaces the first
        con.execute("DELETE FROM lk.main.call WHERE call_id = (SELECT min(call_id) FROM lk.main.call)")
    files = set(settings.lake_dir.rglob("*.parquet"))
    kept = maintenance.tidy(con, world.clock, maintenance.Epoch(settings))
    assert (kept.snapshots_expired, kept.files_removed) == (0, 0)
    assert files <= set(settings.lake_dir.rglob("*.parquet"))
    then = f"SELECT count(*) FROM lk.main.call AT (VERSION => {snapshot})"  # noqa: S608
    assert con.execute(then).fetchone() == (12,)
    maintenance.tidy(con, world.clock, maintenance.Epoch(settings), keep_s=0)
    assert not files <= set(settings.lake_dir.rglob("*.parquet"))
    assert con.execute("SELECT count(*) FROM lk.main.call").fetchone() == (10,)
    con.close()


def test_files_of_a_killed_writer_are_removed_at_the_next_start(world):
    facts.write_calls(world.settings, world.clock, world.acme, 12)
    lake.ingest_once(world.settings, world.clock)
    litter = world.settings.lake_dir / "main" / "call" / "ducklake-left-behind.parquet"
    litter.write_bytes(b"PAR1")
    before = lake.content(world.settings)
    lake.ingest_once(world.settings, world.clock)
    assert not litter.exists()
    assert lake.content(world.settings) == before


def test_a_damaged_catalog_says_how_to_rebuild_and_the_rebuild_restores_every_row(world):
    facts.write_calls(world.settings, world.clock, world.acme, 25)
    add_comment(world, 1)
    lake.ingest_once(world.settings, world.clock)
    before = lake.content(world.settings)
    world.settings.lake_catalog.write_bytes(b"this is no database" * 500)
    with pytest.raises(ConfigError, match="ingest --rebuild"):
        lake.ingest_once(world.settings, world.clock)
    with pytest.raises(ConfigError, match="ingest --rebuild"):
        warehouse.open_reader(world.settings)
    with warehouse.exclusive(world.settings, world.clock):
        aside = local.move_aside(world.settings, world.clock)
    assert aside and (world.settings.data / aside / "catalog.sqlite").exists()
    lake.ingest_once(world.settings, world.clock)
    assert lake.content(world.settings) == before


def test_a_vanished_warehouse_is_made_anew(world):
    facts.write_calls(world.settings, world.clock, world.acme, 25)
    lake.ingest_once(world.settings, world.clock)
    before = lake.content(world.settings)
    for path in world.settings.data.glob("catalog.sqlite*"):
        path.unlink()
    lake.ingest_once(world.settings, world.clock)
    assert lake.content(world.settings) == before


def test_the_tables_explain_themselves_in_the_catalog(world):
    lake.ingest_once(world.settings, world.clock)
    silent = "SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = 'lk' AND comment IS NULL"
    assert lake.query(world.settings, silent) == []
    grain = "SELECT comment FROM duckdb_tables() WHERE database_name = 'lk' AND table_name = 'call'"
    assert lake.query(world.settings, grain) == [("one call as a person sees it (kind cdr)",)]
