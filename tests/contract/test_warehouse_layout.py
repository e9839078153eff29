"""Rows lie in files so that little is read in vain; a month's file is not written again for the calls of a minute."""

from __future__ import annotations

import shutil
import sqlite3

import pytest

from ingest import layout, maintenance, tables, warehouse
from ingest.places.base import LAKE
from ingest.sources.feed import FeedSource
from ingest.writer import Writer
from pbx_core.errors import Unavailable
from tests.support import facts, lake


def rows_in_order(settings, table: str) -> list[list[tuple[str, str]]]:
    """(tenant_id, call_id) as they lie, of every file of a table."""
    con = warehouse.open_reader(settings)
    try:
        files = con.execute("SELECT data_file FROM ducklake_list_files('lk', ?)", [table]).fetchall()
        sql = "SELECT tenant_id, call_id FROM read_parquet(?, file_row_number = true) ORDER BY file_row_number"
        return [con.execute(sql, [path]).fetchall() for (path,) in files]
    finally:
        con.close()


def round_of(world, writer: Writer, seed: int, calls: int = 6) -> None:
    for number, tenant in enumerate((world.birch, world.acme)):
        facts.write_calls(world.settings, world.clock, tenant, calls, seed=2 * seed + number)
    writer.round()


@pytest.fixture
def writer(world):
    con = warehouse.open_writer(world.settings)
    yield Writer(con, world.clock, [FeedSource(world.settings.journal_dir, world.clock)])
    con.close()


def test_rows_lie_in_the_order_of_the_key_in_each_file_and_after_files_were_merged(world, writer):
    for seed in range(3):
        round_of(world, writer, seed)
    for table in ("call", "leg", "conversation_call"):
        for rows in rows_in_order(world.settings, table):
            assert rows == sorted(rows) and len({tenant for tenant, _ in rows}) == 2
    maintenance.tidy(writer.con, world.clock, maintenance.Epoch(world.settings), keep_s=0)
    merged = rows_in_order(world.settings, "leg")
    assert max(map(len, merged)) > 2 * 6 * 2 and all(rows == sorted(rows) for rows in merged)


def test_of_every_table_is_known_what_is_in_it_and_nothing_is_left_of_the_making(world, writer):
    assert set(lake.content(world.settings).values()) == {(0, lake.content(world.settings)["call"][1])}
    assert lake.query(world.settings, "SELECT count(*) FROM lk.main.reject") == [(0,)]
    with sqlite3.connect(world.settings.lake_catalog) as catalog:
        sql = "SELECT table_name FROM ducklake_table JOIN ducklake_table_stats USING (table_id)"
        assert {name for (name,) in catalog.execute(sql)} == {table.name for table in tables.TABLES}


def test_a_warehouse_made_before_is_laid_out_when_it_is_opened_and_keeps_what_it_has(world):
    con = warehouse.attach(world.settings, read_only=False)
    con.execute("BEGIN")
    for statement in tables.ddl(f"{LAKE}.main"):
        con.execute(statement)
    con.execute("COMMIT")
    round_of(world, Writer(con, world.clock, [FeedSource(world.settings.journal_dir, world.clock)]), 0)
    con.execute("INSERT INTO lk.main.comment (tenant_id, call_id) VALUES ('', 'of nobody')")  # is nobody's to delete
    con.close()
    before = lake.content(world.settings)
    assert (before["call"][0], before["comment"][0]) == (12, 1)
    con = warehouse.open_writer(world.settings)
    assert layout.is_laid_out(con) and not layout.is_unfinished(con)
    assert lake.content(world.settings) == before
    round_of(world, Writer(con, world.clock, [FeedSource(world.settings.journal_dir, world.clock)]), 1)
    maintenance.tidy(con, world.clock, maintenance.Epoch(world.settings), keep_s=0)
    con.close()
    assert lake.content(world.settings)["call"][0] == 24


def test_a_writer_killed_while_it_lays_out_is_followed_by_one_that_ends_it(world, monkeypatch):
    def killed(con):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(layout, "finish", killed)
        with pytest.raises(KeyboardInterrupt):
            warehouse.open_writer(world.settings)
    with pytest.raises(Unavailable, match="being made right now"):
        warehouse.open_reader(world.settings)
    warehouse.open_writer(world.settings).close()
    assert lake.query(world.settings, "SELECT count(*) FROM lk.main.reject") == [(0,)]
    assert lake.content(world.settings)["call"][0] == 0


@pytest.mark.parametrize(
    ("sizes", "below", "due"),
    [
        ({}, 0, ()),
        ({"march": [9]}, 0, ()),
        ({"march": [9], "april": [9]}, 0, ()),
        ({"march": [9, 8], "april": [9]}, 10, (9, 8)),
        ({"march": [10, 10, 10]}, 0, ()),
        ({"march": [99, 99, 99, 9, 8]}, 10, (9, 8)),
        ({"march": [10, 10, 10, 10, 9], "april": [5]}, 100, (10, 10, 10, 10, 9)),
        ({"march": [999, 10, 10, 10]}, 0, ()),
        ({"march": [999, 10, 10, 10, 10]}, 100, (10, 10, 10, 10)),
        ({"march": [10, 10, 10], "april": [10, 10, 10]}, 0, ()),
        ({"march": [500, 500, 500, 500]}, 1000, (500, 500, 500, 500)),
        ({"march": [1000] * 9}, 0, ()),
    ],
)
def test_files_are_merged_when_enough_of_a_size_have_come_together(sizes, below, due, monkeypatch):
    monkeypatch.setattr(maintenance, "TIERS", ((100, 1000, 4), (10, 100, 4), (0, 10, 2)))
    files = [maintenance._File(f"{month}/{n}", size, False) for month in sizes for n, size in enumerate(sizes[month])]
    found, chosen = maintenance._due(files)
    assert (found, tuple(file.size for file in chosen)) == (below, due)


def test_the_calls_of_a_minute_do_not_have_the_file_of_a_month_written_again(world, writer, monkeypatch):
    round_of(world, writer, 0, calls=40)
    epoch = maintenance.Epoch(world.settings)
    maintenance.tidy(writer.con, world.clock, epoch, keep_s=0)

    def files() -> dict[str, int]:
        return {p.name: p.stat().st_size for p in (world.settings.lake_dir / "main" / "leg").rglob("*.parquet")}

    large = files()
    monkeypatch.setattr(maintenance, "TIERS", ((max(large.values()), 512 << 20, 8), (0, max(large.values()), 2)))
    for seed in range(1, 4):
        round_of(world, writer, seed, calls=3)
    assert len(files()) == len(large) + 3
    maintenance.tidy(writer.con, world.clock, epoch, keep_s=0)
    assert large.items() < files().items() and len(files()) == len(large) + 1


def test_files_of_which_a_row_was_deleted_become_one_with_the_others(world, writer):
    for seed in range(4):
        round_of(world, writer, seed)
        writer.con.execute("DELETE FROM lk.main.call WHERE call_id = (SELECT max(call_id) FROM lk.main.call)")
    before = lake.content(world.settings)
    maintenance.tidy(writer.con, world.clock, maintenance.Epoch(world.settings), keep_s=0)
    assert lake.content(world.settings) == before and before["call"][0] == 4 * 2 * 6 - 4
    files = writer.con.execute("SELECT delete_file FROM ducklake_list_files('lk', 'call')").fetchall()
    months = {p.parent for p in (world.settings.lake_dir / "main" / "call").rglob("*.parquet")}
    assert files == [(None,)] * len(months)
    assert all(rows == sorted(rows) for rows in rows_in_order(world.settings, "call"))


def test_merging_stops_when_its_time_is_over_and_goes_on_in_the_next_round(world, writer, monkeypatch):
    for seed in range(3):
        round_of(world, writer, seed)
    epoch = maintenance.Epoch(world.settings)
    with monkeypatch.context() as patch:
        patch.setattr(maintenance, "MERGING_S", 0)
        assert maintenance.tidy(writer.con, world.clock, epoch, keep_s=0).merged == 0
    before = lake.content(world.settings)
    rounds = 1
    while maintenance.tidy(writer.con, world.clock, epoch, keep_s=0).merged:
        rounds += 1
    assert rounds > 1 and lake.content(world.settings) == before


def test_a_warehouse_goes_with_its_data_directory(world, writer, tmp_path):
    round_of(world, writer, 0)
    writer.con.close()
    before = lake.content(world.settings)
    copy = shutil.copytree(world.settings.data, tmp_path / "restored")
    shutil.rmtree(world.settings.data)
    restored = world.settings.model_copy(update={"data": copy})
    assert lake.content(restored) == before
    facts.write_calls(restored, world.clock, world.acme, 5, seed=9)
    lake.ingest_once(restored, world.clock)
    assert lake.content(restored)["call"][0] == 17
    assert not world.settings.data.exists()
