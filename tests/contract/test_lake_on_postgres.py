"""A warehouse on PostgreSQL and S3, as two machines use it that have only these settings in common.

Each has its own data directory with its own operational database; both load into one warehouse (docs/decisions/0015).
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from analytics import queries
from analytics.health.gather import gather
from analytics.tenantsql.child import TenantReader
from ingest import command, maintenance, places, upgrade, warehouse
from ingest.places import turns
from ingest.writer import Writer
from pbx_core.clock import SystemClock
from pbx_core.domain.records import Cdr
from pbx_core.errors import ConfigError, InputError, Unavailable
from pbx_core.settings import Settings, load
from pbx_core.store import directory, engine, schema
from tests.conftest import POSTGRES
from tests.support import facts, postgres, s3
from tests.support.waiting import until

CLOCK = SystemClock()
PASSWORD, SECRET_KEY = "of%the'user", "of-the-bucket"
COUNTS = "SELECT (SELECT count(*) FROM lk.main.call) AS calls, (SELECT count(*) FROM lk.main.leg) AS legs"
STORIES = "SELECT count(*) AS n, count(DISTINCT conversation_id) AS different FROM lk.main.conversation"
REFUSED = (
    "FROM __ducklake_metadata_lk.callbench_1.ducklake_table",
    "FROM postgres_query('__ducklake_metadata_lk', 'SELECT 1')",
    "FROM postgres_scan('{catalog}', 'callbench_1', 'ducklake_table')",
    "FROM duckdb_secrets()",
    "FROM read_parquet('s3://{bucket}/lake/1/main/call/**/*.parquet')",
    "FROM lk.main.call",
)


@dataclass(frozen=True)
class Machine:
    """One of two: an exchange with a tenant of its own; its calls and a comment wait to be loaded."""

    settings: Settings
    tenant: directory.Tenant
    calls: list[Cdr]


@pytest.fixture(scope="module")
def machines(populated, tmp_path_factory) -> Iterator[tuple[Machine, Machine]]:
    """Two that share a warehouse. Every test loads what is not loaded yet and leaves the tables as they were."""
    with s3.server() as endpoint, pytest.MonkeyPatch.context() as env:
        env.setenv("AWS_ACCESS_KEY_ID", "test")
        env.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        catalog = make_url(postgres.database()).set(password=PASSWORD).render_as_string(hide_password=False)
        shared = {"catalog": catalog, "files": f"s3://{s3.BUCKET}/lake", "endpoint": endpoint}
        made = []
        for number in (0, 1):
            data = tmp_path_factory.mktemp("machine")
            if POSTGRES:
                env.setenv("CALLBENCH_DATABASE", postgres.database(populated))
            else:
                shutil.copy(populated, data)
            (data / "callbench.toml").write_text("".join(f'warehouse_{k} = "{v}"\n' for k, v in shared.items()))
            settings = load(data)
            with database(settings) as db:
                tenant = directory.tenants(db)[number]
            made.append(Machine(settings, tenant, facts.write_calls(settings, CLOCK, tenant, 10)))
            comment(settings, tenant, f"of {number}")
        yield made[0], made[1]


def other(machine: Machine, **settings: object) -> Settings:
    """A machine with other settings."""
    return machine.settings.model_copy(update=settings)


def comment(settings: Settings, tenant, comment_id: str, seq: int = 1) -> None:
    """The only comment of a machine: its change numbers are those of every other machine, too."""
    with database(settings) as db, db.begin() as connection:
        person = sa.select(schema.person.c.person_id).where(schema.person.c.tenant_id == tenant.tenant_id).limit(1)
        row = {"comment_id": comment_id, "tenant_id": tenant.tenant_id, "call_id": "x", "at_s": 1.5, "text": str(seq),
               "author_id": connection.scalar(person), "idempotency_key": comment_id, "created_at": 1000.0,
               "changed_seq": seq}  # fmt: skip
        connection.execute(sa.delete(schema.comment).where(schema.comment.c.comment_id == comment_id))
        connection.execute(sa.insert(schema.comment).values(row))


@contextmanager
def database(settings: Settings) -> Iterator[sa.Engine]:
    db = engine.connect(settings)
    try:
        yield db
    finally:
        db.dispose()


def opened(settings: Settings) -> queries.Reader | None:
    """A reader as soon as there is something to read."""
    try:
        return queries.open_reader(settings)
    except Unavailable:
        return None


@contextmanager
def looping(settings: Settings) -> Iterator[command.Loop]:
    """What `callbench ingest` runs."""
    with database(settings) as db, warehouse.exclusive(settings, CLOCK):
        loop = command.Loop(settings, CLOCK, db, upgrade.prepare(settings, CLOCK, print))
        try:
            yield loop
        finally:
            loop.close()


def drained(loop: command.Loop) -> list[tuple[int, int]]:
    """Load all that there is; the rows of some tables by their number and a sum over them."""
    while loop.step():
        pass
    sums = "SELECT count(*), bit_xor(hash(t)) FROM lk.main.{} AS t"
    return [loop._writer.con.execute(sums.format(name)).fetchone() for name in ("call", "leg", "conversation")]


def test_two_machines_load_at_once_and_no_row_is_lost_or_doubled(machines, monkeypatch):
    monkeypatch.setattr("ingest.sources.feed.ROUND_BYTES_MAX", 40_000)  # several rounds each
    monkeypatch.setattr("ingest.sources.feed.SEGMENT_BYTES_MAX", 40_000)
    one, two = machines
    told: dict[Path, command.Progress] = {}

    def load_all(settings: Settings) -> None:
        with looping(settings) as loop:
            until(lambda: not loop.step() and not loop.progress.problem, 100, 0, "nothing is left")
            told[settings.data] = loop.progress

    threads = [threading.Thread(target=load_all, args=(machine.settings,)) for machine in machines]
    for thread in threads:
        thread.start()
    with closing(until(lambda: opened(one.settings), 60, 0.3, "there are tables")) as reader:
        seen = []
        while any(thread.is_alive() for thread in threads):
            seen.append(tuple(reader.rows(COUNTS)[0].values()))
            threads[0].join(0.2)  # the writers need the processor, too
        for thread in threads:
            thread.join()
        assert len(told) == 2
        assert all(legs == 2 * found for found, legs in seen) and seen == sorted(seen)
        stored = [tuple(r.values()) for r in reader.rows("SELECT tenant_id, call_id FROM lk.main.call ORDER BY ALL")]
        assert stored == sorted((call.tenant_id, call.call_id) for call in (*one.calls, *two.calls))
        (stories,) = reader.rows(STORIES)
        assert stories["n"] == stories["different"] > 0
        comments = [r["comment_id"] for r in reader.rows("SELECT comment_id FROM lk.main.comment ORDER BY ALL")]
        assert comments == ["of 0", "of 1"]
        with database(two.settings) as db:
            sources = gather(two.settings, db, CLOCK, reader).sources
        assert not any(source.waiting for source in sources), sources


def test_a_round_that_meets_anothers_commit_is_done_again_and_one_machine_writes_at_a_time(machines, monkeypatch):
    """Somebody who holds no turn (SQL by hand) commits in mid-round what the round wants to change."""
    monkeypatch.setattr(turns, "WAIT_S", 0.1)
    one, two = machines
    texts = "SELECT text FROM lk.main.comment WHERE comment_id = 'of 0'"
    with looping(one.settings) as loop, closing(places.of(two.settings)) as place:
        before = drained(loop)
        comment(one.settings, one.tenant, "of 0", 2)
        put_offsets = Writer._put_offsets

        def meets(writer, offsets) -> None:
            put_offsets(writer, offsets)
            with closing(warehouse.attach(two.settings, read_only=False)) as con:
                con.execute("DELETE FROM lk.main.ingest_offset WHERE source = 'comments'")

        with monkeypatch.context() as patched:
            patched.setattr(Writer, "_put_offsets", meets)
            assert not loop.step() and "keep everything" in loop.progress.problem
        with place.turn():
            assert not loop.step() and "on another machine" in loop.progress.problem
        con = loop._writer.con
        assert con.execute(texts).fetchall() == [("1",)]
        assert drained(loop) == before and loop.progress.problem is None
        assert con.execute(texts).fetchall() == [("2",)]

        con.execute(f"COPY (SELECT 1) TO 's3://{s3.BUCKET}/lake/1/main/call/of-another.parquet'")
        assert maintenance.remove_orphans(con, CLOCK, alone=False) == 0  # another machine may be writing it
        monkeypatch.setattr(maintenance, "ORPHAN_S", -60.0)
        assert maintenance.remove_orphans(con, CLOCK, alone=False) == 1
        done = maintenance.tidy(con, CLOCK, maintenance.Epoch(one.settings), keep_s=0)
        assert done.snapshots_expired > 0 and drained(loop) == before

        for at in range(3):  # files with deleted rows, which DuckLake would not merge
            made = "INSERT INTO lk.main.extract (tenant_id, call_id) SELECT 'x', n FROM range(?, ?) AS r(n)"
            con.execute(made, [9 * at, 9 * at + 9])
            con.execute("DELETE FROM lk.main.extract WHERE call_id = ?", [str(9 * at)])
        maintenance.tidy(con, CLOCK, maintenance.Epoch(one.settings), keep_s=0)
        assert con.execute("SELECT delete_file FROM ducklake_list_files('lk', 'extract')").fetchall() == [(None,)]
        assert con.execute("DELETE FROM lk.main.extract WHERE tenant_id = 'x'").fetchone() == (24,)


def test_readers_reach_nothing_else_and_no_secret_is_shown(machines, caplog):
    home, _ = machines
    with looping(home.settings) as loop:
        drained(loop)
        with closing(TenantReader(home.settings, home.tenant.tenant_id, "512MB")) as reader:
            check_doors(reader)
            postgres.server().kill()
            try:
                with pytest.raises(Unavailable, match=r"cannot be reached.*connection to server") as read:
                    reader.ask("SELECT count(*) AS n FROM call", None)
                assert not loop.step() and "cannot be reached" in loop.progress.problem
            finally:
                postgres.server().start()
            counted = reader.ask("SELECT count(*) AS n FROM call", None)
            assert counted.to_pylist() == [{"n": len(home.calls)}]  # not those of the other tenant
            assert not loop.step() and loop.progress.problem is None
    with looping(other(home, warehouse_endpoint="http://127.0.0.1:9")) as away:
        assert not away.step() and "Could not connect" in away.progress.problem
    logged = [record.reason for record in caplog.records]
    said = f"{read.value}{logged}"
    assert len(logged) == 2 and PASSWORD not in said and SECRET_KEY not in said


def check_doors(reader: TenantReader) -> None:
    """What an analyst may not ask, and what he would not get if he could."""
    for question in REFUSED:
        with pytest.raises(InputError, match="This was not asked"):
            reader.ask(question.format(bucket=s3.BUCKET, catalog="host=127.0.0.1"), None)
    for place in (f"s3://{s3.BUCKET}/elsewhere.parquet", f"s3://{s3.BUCKET}/lake/2/x.parquet", "/etc/hostname"):
        with pytest.raises(InputError, match="Permission Error"):
            reader._run("FROM read_text($place)", {"place": place})
    shown = str(
        [reader._run(f"FROM {table}()", None)[1].to_pylist() for table in ("duckdb_secrets", "duckdb_databases")]
    )
    assert "callbench" in shown and PASSWORD not in shown and SECRET_KEY not in shown


def test_another_versions_warehouse_is_left_and_the_next_generation_is_made_from_the_journals(machines):
    home, _ = machines
    says = "set warehouse_generation = 2 on every machine"
    with looping(home.settings) as loop:
        drained(loop)
        of_home = "SELECT bit_xor(hash(t)) FROM lk.main.call AS t WHERE tenant_id = ?"
        before = loop._writer.con.execute(of_home, [home.tenant.tenant_id]).fetchall()
        loop._writer.con.execute("CREATE TABLE lk.main.of_tomorrow (a VARCHAR)")
        loop.close()
        with pytest.raises(ConfigError, match=says):
            loop.step()
    with pytest.raises(Unavailable, match=says):
        queries.open_reader(home.settings)
    with pytest.raises(ConfigError, match=says):
        upgrade.prepare(home.settings, CLOCK, print, asked=True)
    following = other(home, warehouse_generation=2)
    with pytest.raises(Unavailable, match="no warehouse callbench_2"):
        queries.open_reader(following)
    with looping(following) as loop:
        drained(loop)
        with closing(places.of(home.settings)._connect()) as connection:
            connection.execute("DROP SCHEMA callbench_1 CASCADE")  # as the manual says
        assert loop._writer.con.execute(of_home, [home.tenant.tenant_id]).fetchall() == before != [(None,)]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"warehouse_files": ""}, "belong together"),
        ({"warehouse_catalog": ""}, "belong together"),
        ({"warehouse_files": "s3://"}, "of the form s3://bucket/prefix"),
        ({"warehouse_files": "/somewhere"}, "of the form s3://bucket/prefix"),
        ({"warehouse_catalog": "postgresql://x:hidden@host"}, "has the form postgresql://"),
        ({"warehouse_catalog": "postgresql://x@host/name?password=hidden"}, "has the form postgresql://"),
        ({"warehouse_catalog": "mysql://x:hidden@host/name"}, "has the form postgresql://"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(tmp_path, monkeypatch, wrong, says):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    right = {"warehouse_catalog": "postgresql://x:hidden@host/name", "warehouse_files": "s3://bucket"}
    with pytest.raises(ConfigError, match=says) as refused:
        places.of(load(tmp_path, **{**right, **wrong}))
    assert "hidden" not in str(refused.value)
