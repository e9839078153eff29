"""A warehouse on PostgreSQL and S3, as two machines use it that have only these settings in common.

Each has its own data directory with its own operational database; both load into one warehouse (docs/decisions/0015).
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from analytics import queries
from analytics.health.gather import gather
from analytics.tenantsql.session import Sql
from ingest import command, maintenance, places, upgrade, warehouse
from ingest.places import turns
from ingest.writer import Writer
from pbx_core.errors import ConfigError, InputError, Unavailable
from pbx_core.settings import Settings, load
from pbx_core.store import engine, schema
from tests.support import facts, postgres, s3
from tests.support.waiting import until

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


@pytest.fixture(scope="module")
def s3_server():
    with s3.server() as endpoint:
        yield endpoint


@pytest.fixture
def machine(world, s3_server, tmp_path, monkeypatch) -> Callable[..., Settings]:
    """Sets up a machine, or another state of its settings, all with one warehouse."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    catalog = make_url(postgres.database()).set(password=PASSWORD).render_as_string(hide_password=False)

    def made(name: str, **settings: object) -> Settings:
        data = tmp_path / name
        if not data.exists():
            shutil.copytree(world.settings.data, data)
        told = {
            "warehouse_catalog": catalog,
            "warehouse_files": f"s3://{s3.BUCKET}/lake",
            "warehouse_endpoint": s3_server,
            **settings,
        }
        lines = [f"{key} = {value if isinstance(value, int) else repr(value)}" for key, value in told.items()]
        (data / "callbench.toml").write_text("\n".join(lines).replace("'", '"'))
        return load(data)

    return made


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
def looping(settings: Settings, clock) -> Iterator[command.Loop]:
    """What `callbench ingest` runs."""
    with database(settings) as db, warehouse.exclusive(settings, clock):
        loop = command.Loop(settings, clock, db, upgrade.prepare(settings, clock, print))
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


def test_two_machines_load_at_once_and_no_row_is_lost_or_doubled(machine, world, monkeypatch):
    monkeypatch.setattr("ingest.sources.feed.ROUND_BYTES_MAX", 40_000)  # several rounds each
    monkeypatch.setattr("ingest.sources.feed.SEGMENT_BYTES_MAX", 40_000)
    homes = {"a": world.acme, "b": world.birch}
    machines = {name: machine(name) for name in homes}
    calls = []
    for name, tenant in homes.items():
        calls += facts.write_calls(machines[name], world.clock, tenant, 10)
        comment(machines[name], tenant, f"of {name}")
    told: dict[str, command.Progress] = {}

    def load_all(name: str) -> None:
        with looping(machines[name], world.clock) as loop:
            until(lambda: not loop.step() and not loop.progress.problem, 100, 0, "nothing is left")
            told[name] = loop.progress

    with pytest.raises(Unavailable, match="no warehouse callbench_1"):
        queries.open_reader(machines["a"])
    threads = [threading.Thread(target=load_all, args=(name,)) for name in machines]
    for thread in threads:
        thread.start()
    with closing(until(lambda: opened(machines["a"]), 60, 0.3, "there are tables")) as reader:
        seen = []
        while any(thread.is_alive() for thread in threads):
            seen.append(tuple(reader.rows(COUNTS)[0].values()))
            threads[0].join(0.2)  # the writers need the processor, too
        for thread in threads:
            thread.join()
        assert told.keys() == machines.keys()
        assert all(legs == 2 * found for found, legs in seen) and seen == sorted(seen)
        stored = [tuple(r.values()) for r in reader.rows("SELECT tenant_id, call_id FROM lk.main.call ORDER BY ALL")]
        assert stored == sorted((c.tenant_id, c.call_id) for c in calls)
        (stories,) = reader.rows(STORIES)
        assert stories["n"] == stories["different"] > 0
        comments = [r["comment_id"] for r in reader.rows("SELECT comment_id FROM lk.main.comment ORDER BY ALL")]
        assert comments == ["of a", "of b"]
        with database(machines["b"]) as db:
            sources = gather(machines["b"], db, world.clock, reader).sources
        assert not any(source.waiting for source in sources), sources


def test_a_round_that_meets_anothers_commit_is_done_again_and_one_machine_writes_at_a_time(machine, world, monkeypatch):
    """Somebody who holds no turn (SQL by hand) commits in mid-round what the round wants to change."""
    monkeypatch.setattr(turns, "WAIT_S", 0.1)
    one, other = machine("a"), machine("b")
    facts.write_calls(one, world.clock, world.acme, 10)
    comment(one, world.acme, "c")
    with looping(one, world.clock) as loop, closing(places.of(other)) as place:
        before = drained(loop)
        comment(one, world.acme, "c", 2)
        put_offsets = Writer._put_offsets

        def meets(writer, offsets) -> None:
            put_offsets(writer, offsets)
            with closing(warehouse.attach(other, read_only=False)) as con:
                con.execute("DELETE FROM lk.main.ingest_offset WHERE source = 'comments'")

        with monkeypatch.context() as patched:
            patched.setattr(Writer, "_put_offsets", meets)
            assert not loop.step() and "keep everything" in loop.progress.problem
        with place.turn():
            assert not loop.step() and "Another machine is writing" in loop.progress.problem
        con = loop._writer.con
        assert con.execute("SELECT text FROM lk.main.comment").fetchall() == [("1",)]
        assert drained(loop) == before and loop.progress.problem is None
        assert con.execute("SELECT text FROM lk.main.comment").fetchall() == [("2",)]

        con.execute(f"COPY (SELECT 1) TO 's3://{s3.BUCKET}/lake/1/main/call/of-another.parquet'")
        assert maintenance.remove_orphans(con, world.clock, alone=False) == 0  # another machine may be writing it
        done = maintenance.tidy(con, world.clock, maintenance.Epoch(one), keep_s=0)
        assert done.snapshots_expired > 0 and drained(loop) == before


def test_readers_reach_nothing_else_and_no_secret_is_shown(machine, world, caplog):
    home = machine("a")
    facts.write_calls(home, world.clock, world.acme, 5)
    with looping(home, world.clock) as loop:
        drained(loop)
        with closing(queries.open_reader(home)) as reader:
            check_doors(reader)
            with Sql(home, world.acme.tenant_id) as sql:
                assert sql("SELECT count(*) AS n FROM call").n[0] == 5
                for question in REFUSED:
                    with pytest.raises(InputError):
                        sql(question.format(bucket=s3.BUCKET, catalog="host=127.0.0.1"))
            postgres.server().kill()
            try:
                with pytest.raises(Unavailable, match=r"cannot be reached.*connection to server") as read:
                    reader.rows(COUNTS)
                assert not loop.step() and "cannot be reached" in loop.progress.problem
            finally:
                postgres.server().start()
            assert reader.rows(COUNTS) == [{"calls": 5, "legs": 10}]
            assert not loop.step() and loop.progress.problem is None
    with looping(machine("a", warehouse_endpoint="http://127.0.0.1:9"), world.clock) as away:
        assert not away.step() and "Could not connect" in away.progress.problem
    logged = [record.reason for record in caplog.records]
    said = f"{read.value}{logged}"
    assert len(logged) == 2 and PASSWORD not in said and SECRET_KEY not in said


def check_doors(reader: queries.Reader) -> None:
    """Those that `restrict` shuts, and what can be seen of secrets."""
    for place in (f"s3://{s3.BUCKET}/elsewhere.parquet", f"s3://{s3.BUCKET}/lake/2/x.parquet", "/etc/hostname"):
        with pytest.raises(Unavailable, match="Permission Error"):
            reader.rows("FROM read_text($place)", {"place": place})
    shown = str(reader.rows("FROM duckdb_secrets()") + reader.rows("FROM duckdb_databases()"))
    assert PASSWORD not in shown and SECRET_KEY not in shown


def test_another_versions_warehouse_is_left_and_the_next_generation_is_made_from_the_journals(machine, world):
    home = machine("a")
    facts.write_calls(home, world.clock, world.acme, 5)
    says = "set warehouse_generation = 2 on every machine"
    with looping(home, world.clock) as loop:
        before = drained(loop)
        loop._writer.con.execute("ALTER TABLE lk.main.call DROP COLUMN caller_name")
        loop.close()
        with pytest.raises(ConfigError, match=says):
            loop.step()
    with pytest.raises(Unavailable, match=says):
        queries.open_reader(home)
    with pytest.raises(ConfigError, match=says):
        upgrade.prepare(home, world.clock, print, asked=True)
    with looping(machine("a", warehouse_generation=2), world.clock) as loop:
        found = drained(loop)
        with closing(places.of(home)._connect()) as connection:
            connection.execute("DROP SCHEMA callbench_1 CASCADE")
        assert found == drained(loop) == before


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"warehouse_files": ""}, "belong together"),
        ({"warehouse_catalog": ""}, "belong together"),
        ({"warehouse_files": "s3://"}, "of the form s3://bucket/prefix"),
        ({"warehouse_files": "/somewhere"}, "of the form s3://bucket/prefix"),
        ({"warehouse_catalog": "postgresql://x:hidden@host"}, "has the form postgresql://"),
        ({"warehouse_catalog": "mysql://x:hidden@host/name"}, "has the form postgresql://"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(machine, wrong, says):
    with pytest.raises(ConfigError, match=says) as refused:
        places.of(machine("a", **wrong))
    assert "hidden" not in str(refused.value)
