"""The warehouse's tables and its writer on a catalog in PostgreSQL with files on S3: two machines load at once.

No setting chooses this yet (docs/decisions/0015): the connection is made here; tables, writer and derivations are ours.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pytest
from sqlalchemy.engine import make_url

from ingest import tables, warehouse
from ingest.sources.feed import FeedSource
from ingest.writer import Writer
from pbx_core.clock import SystemClock
from pbx_core.settings import Settings, load
from tests.support import facts, postgres, s3

FILES = f"s3://{s3.BUCKET}/lake/"
CONFLICTS_MAX = 50
COUNTS = "SELECT (SELECT count(*) FROM lk.main.call), (SELECT count(*) FROM lk.main.leg)"
STORIES = "SELECT count(*), count(DISTINCT conversation_id) FROM lk.main.conversation"


class Lake:
    """A catalog and a bucket; `connect` is what each machine does."""

    def __init__(self, url: str, endpoint: str) -> None:
        at = make_url(url)
        self._catalog = f"dbname={at.database} host={at.host} port={at.port} user={at.username}"
        self._endpoint = endpoint.removeprefix("http://")

    @contextmanager
    def connect(self, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        con = duckdb.connect()
        for name in ("postgres_scanner", "httpfs", "ducklake"):
            con.execute(f"LOAD '{warehouse.extension(name)}'")
        con.execute("SET TimeZone='UTC'")
        con.execute("SET enable_progress_bar=false")
        con.execute(
            "CREATE SECRET lake (TYPE s3, KEY_ID 'test', SECRET 'test', REGION 'us-east-1', "
            f"ENDPOINT '{self._endpoint}', URL_STYLE 'path', USE_SSL false)"
        )
        how = "READ_ONLY" if read_only else "DATA_INLINING_ROW_LIMIT 0"
        con.execute(f"ATTACH 'ducklake:postgres:{self._catalog}' AS lk (DATA_PATH '{FILES}', {how})")
        try:
            yield con
        finally:
            con.close()


@pytest.fixture
def lake() -> Iterator[Lake]:
    with s3.server() as endpoint:
        found = Lake(postgres.database(), endpoint)
        with found.connect() as con:
            con.execute("BEGIN")
            for statement in tables.ddl("lk.main"):
                con.execute(statement)
            con.execute("COMMIT")
        yield found


def load_all(lake: Lake, settings: Settings, told: dict[str, object]) -> None:
    """What a machine's ingest does: rounds until nothing is left; a round that met another's is done again."""
    clock, conflicts = SystemClock(), 0
    while conflicts < CONFLICTS_MAX:
        with lake.connect() as con:
            writer = Writer(con, clock, [FeedSource(settings.journal_dir, clock)])
            try:
                while (done := writer.round()).backlog or done.committed:
                    pass
                told[str(settings.data)] = conflicts
                return
            except duckdb.Error as error:
                conflicts += 1
                told[f"{settings.data}/why"] = str(error)


def test_two_machines_load_at_once_and_no_row_is_lost_or_doubled(lake, world, tmp_path, monkeypatch):
    monkeypatch.setattr("ingest.sources.feed.ROUND_BYTES_MAX", 40_000)  # several rounds each
    monkeypatch.setattr("ingest.sources.feed.SEGMENT_BYTES_MAX", 40_000)
    machines = [load(tmp_path / name) for name in ("a", "b")]
    calls = [
        facts.write_calls(settings, world.clock, tenant, 10)
        for settings, tenant in zip(machines, (world.acme, world.birch), strict=True)
    ]
    told: dict[str, object] = {}
    threads = [threading.Thread(target=load_all, args=(lake, settings, told)) for settings in machines]
    for thread in threads:
        thread.start()
    seen = []
    with lake.connect(read_only=True) as reader:
        while any(thread.is_alive() for thread in threads):
            seen.append(reader.execute(COUNTS).fetchone())
            threads[0].join(0.2)  # the writers need the processor, too
        for thread in threads:
            thread.join()
        assert all(str(settings.data) in told for settings in machines), told
        assert all(legs == 2 * found for found, legs in seen) and seen == sorted(seen)
        stored = reader.execute("SELECT tenant_id, call_id FROM lk.main.call ORDER BY ALL").fetchall()
        assert stored == sorted((c.tenant_id, c.call_id) for made in calls for c in made)
        stories, different = reader.execute(STORIES).fetchone()
        assert stories == different > 0
