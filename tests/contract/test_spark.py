"""Whoever reads the warehouse's files by the catalog's word finds what DuckDB finds in it: by hand, and with Spark."""

from __future__ import annotations

import importlib.util
import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from analytics import queries, spark_files
from analytics.queries import Scope, metrics
from ingest import maintenance, tables, warehouse
from ingest.sources.feed import FeedSource
from ingest.writer import Writer
from pbx_core.clock import SystemClock
from pbx_core.domain.records import Disposition
from pbx_core.errors import ConfigError, InputError
from pbx_core.settings import Settings, load
from pbx_core.store import directory
from tests.support import facts

SINCE = datetime(2026, 2, 20, tzinfo=UTC)
UNTIL = SINCE + timedelta(days=20)
READ = ["call", "leg", "utterance", "conversation", "import_run"]  # the last has no rows
DELETED = """
    DELETE FROM lk.main.call
    WHERE call_id IN (SELECT call_id FROM lk.main.call WHERE tenant_id = ? ORDER BY call_id LIMIT 3)
"""

SINCE_ID = "_ducklake_internal_snapshot_id"

needs_spark = pytest.mark.skipif(
    importlib.util.find_spec("pyspark") is None or shutil.which("java") is None,
    reason="callbench[spark] or Java is not installed",
)


@dataclass(frozen=True)
class Office:
    """A warehouse of two tenants whose rows were replaced and deleted, some of them twice; not tidied since."""

    settings: Settings
    clock: SystemClock
    reader: queries.Reader
    acme: directory.Tenant
    before: int  # a snapshot before the last deletions

    def rows(self, table: str, snapshot: int | None = None, tenant_id: str | None = None) -> list[tuple[Any, ...]]:
        """What DuckDB finds."""
        at = "" if snapshot is None else f" AT (VERSION => {snapshot})"
        whose = "" if tenant_id is None else f" WHERE tenant_id = '{tenant_id}'"
        return told([tuple(row.values()) for row in self.reader.rows(f"FROM lk.main.{table}{at}{whose}")])


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    settings, clock = load(tmp_path_factory.mktemp("spark") / "50 % [of] it"), SystemClock()
    acme, birch = (directory.Tenant(f"t-{name}", name, f"{name}.test", "UTC", ("en",)) for name in ("acme", "birch"))
    calls = {t.tenant_id: facts.make_calls(t, n, since=SINCE, until=UNTIL) for t, n in ((acme, 40), (birch, 15))}
    con = warehouse.open_writer(settings)
    writer = Writer(con, clock, [FeedSource(settings.journal_dir, clock)])
    for made in calls.values():
        facts.write(settings, clock, made)
    writer.round()
    again = [replace(c, cdr=replace(c.cdr, caller_name="written again")) for c in calls[acme.tenant_id][::4]]
    facts.write(settings, clock, again)
    writer.round()
    before = spark_files.listing(settings, ["call"]).snapshot
    con.execute(DELETED, [birch.tenant_id])
    con.execute(DELETED, [birch.tenant_id])  # a second commit: the list of the deleted is written anew
    con.close()
    reader = queries.open_reader(settings)
    yield Office(settings, clock, reader, acme, before)
    reader.close()


def told(rows: list[Any]) -> list[tuple[Any, ...]]:
    """Rows to compare: times as seconds, whatever zone they are told in; in one order."""
    return sorted((tuple(v.timestamp() if isinstance(v, datetime) else v for v in row) for row in rows), key=repr)


def by_hand(listing: spark_files.Listing, table: str) -> list[tuple[Any, ...]]:
    """What the docstrings of spark_files promise, row by row."""
    (names,) = [[c.name for c in t.columns] for t in tables.FACTS if t.name == table]
    out = []
    for file in listing.files[table]:
        rows, gone = pq.ParquetFile(file.path).read(), set()
        if file.deletes is not None:
            deletes = pq.ParquetFile(file.deletes).read().to_pylist()
            gone = {d["pos"] for d in deletes if d.get(SINCE_ID, 0) <= listing.snapshot}
        for place, row in enumerate(rows.to_pylist()):
            if place not in gone and (row.get(SINCE_ID) or 0) <= listing.snapshot:
                out.append(tuple(row[name] for name in names))
    return told(out)


def test_the_files_and_what_is_deleted_of_them_are_the_tables(office: Office) -> None:
    newest, before = (spark_files.listing(office.settings, READ, at) for at in (None, office.before))
    assert any(SINCE_ID in pq.ParquetFile(f.deletes).schema.names for f in newest.files["call"] if f.deletes)
    for table in READ:
        assert by_hand(newest, table) == office.rows(table)
        assert by_hand(before, table) == office.rows(table, office.before)
    assert len(by_hand(before, "call")) == len(by_hand(newest, "call")) + 6
    assert newest.files["import_run"] == ()


def test_what_is_not_there_is_said(office: Office) -> None:
    for names, snapshot, said in (
        (["call", "call'; --"], None, "There is no table"),
        (["ingest_offset"], None, "There is no table"),  # no tenant's
        ([], None, "No table is named"),
        (["call"], 10_000, "There is no snapshot 10000"),
    ):
        with pytest.raises(InputError, match=said):
            spark_files.listing(office.settings, names, snapshot)


def test_a_warehouse_whose_files_do_not_say_all_is_refused(tmp_path) -> None:
    settings = load(tmp_path / "data")
    warehouse.open_writer(settings).close()
    con = duckdb.connect()  # a person's own, with DuckLake's defaults: few rows stay in the catalog
    for name in ("sqlite_scanner", "ducklake"):
        con.execute(f"LOAD '{warehouse.extension(name)}'")
    con.execute(f"ATTACH 'ducklake:sqlite:{settings.lake_catalog}' AS lk (DATA_PATH '{settings.lake_dir}/')")
    con.execute("INSERT INTO lk.main.leg (tenant_id) SELECT 'a' FROM range(20)")  # enough for a file
    con.execute("DELETE FROM lk.main.leg WHERE rowid = 3")
    con.execute("INSERT INTO lk.main.turns (tenant_id) VALUES ('a')")
    con.execute("ALTER TABLE lk.main.recording ADD COLUMN size BIGINT")
    con.execute("ALTER TABLE lk.main.recording DROP COLUMN size")
    con.close()
    for table, said in (("leg", "in the catalog"), ("turns", "in the catalog"), ("recording", "size was changed")):
        with pytest.raises(ConfigError, match=said):
            spark_files.listing(settings, ["call", table])
    assert spark_files.listing(settings, ["call"]).files == {"call": ()}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One Spark within this process's reach, gone afterwards."""
    from pyspark.sql import SparkSession

    folder = tmp_path_factory.mktemp("spark-local")
    made = SparkSession.builder.master("local[1]").appName("callbench-test")
    for key, value in {
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "512m",
        "spark.local.dir": str(folder),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",  # little is computed: no time for optimising it
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.files.ignoreMissingFiles": "true",  # a session's own settings must not hide that a file is gone
    }.items():
        made = made.config(key, value)
    running = made.getOrCreate()
    gateway = running.sparkContext._gateway
    yield running
    running.stop()
    gateway.shutdown()
    gateway.proc.stdin.close()  # the sign for its end
    gateway.proc.wait(30)


@needs_spark
def test_spark_reads_what_duckdb_reads(office: Office, session: Any) -> None:
    from analytics import spark

    newest = spark.tables(session, office.settings, spark.ALL_TENANTS, READ)
    acme = spark.tables(session, office.settings, office.acme.tenant_id, READ)
    before = spark.tables(session, office.settings, spark.ALL_TENANTS, ["call"], office.before)
    for table in READ:
        assert told(newest.frames[table].collect()) == office.rows(table)
        assert told(acme.frames[table].collect()) == office.rows(table, tenant_id=office.acme.tenant_id)
    assert told(before.frames["call"].collect()) == office.rows("call", office.before)
    assert 0 < acme.frames["call"].count() < newest.frames["call"].count() < before.frames["call"].count()


@needs_spark
def test_a_metric_counted_by_spark_is_that_of_the_registry(office: Office, session: Any) -> None:
    from pyspark.sql import functions as F

    from analytics import spark

    call = spark.tables(session, office.settings, office.acme.tenant_id, ["call"]).frames["call"]
    with_spark = call.where(call.disposition == str(Disposition.ANSWERED)).agg(F.avg("talk_s")).first()[0]
    scope = Scope(office.acme.tenant_id)
    (ours,) = metrics.values(office.reader, scope, SINCE, UNTIL + timedelta(days=1), ["talk_s_mean"])
    assert math.isclose(with_spark, ours.value)


@needs_spark
def test_nobody_reads_everything_by_leaving_out_the_tenant(office: Office, session: Any) -> None:
    from analytics import spark

    with pytest.raises(InputError, match="Whose rows"):
        spark.tables(session, office.settings, "", ["call"])


@needs_spark
def test_spark_reads_merged_files_as_well_and_never_skips_one_that_is_gone(office: Office, session: Any) -> None:
    """The last one: it tidies the warehouse under the frames of the others."""
    from analytics import spark

    at = spark.tables(session, office.settings, spark.ALL_TENANTS, ["call"])
    kept = office.rows("call")
    con = warehouse.open_writer(office.settings)
    con.execute("CALL ducklake_merge_adjacent_files('lk')")
    merged = spark.tables(session, office.settings, spark.ALL_TENANTS, ["call"])
    assert told(merged.frames["call"].collect()) == kept
    maintenance.tidy(con, office.clock, maintenance.Epoch(office.settings), keep_s=0)
    con.close()
    tidied = spark.tables(session, office.settings, spark.ALL_TENANTS, ["call"])
    assert told(tidied.frames["call"].collect()) == kept
    with pytest.raises(Exception, match=r"FILE_NOT_EXIST|does not exist"):
        at.frames["call"].collect()
