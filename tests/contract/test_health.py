"""How the data are: every fault is put there for real, found, said and told to whom it concerns."""

from __future__ import annotations

import csv
import io
import json
import os
import random
from dataclasses import asdict
from datetime import timedelta

import pytest
from click.testing import CliRunner

from analytics import queries
from analytics.health.gather import gather
from analytics.health.types import Level
from ingest.imports import staging, undone
from pbx_core import feed
from pbx_core.cli import callbench
from pbx_core.domain import records
from pbx_core.domain.records import Disposition
from pbx_core.store import comments, directory, jobs, kept, reports, services
from tests.support import facts, lake

HOUR = 3600


@pytest.fixture
def told(world):
    """`told(tenant_id)`: the health by names of checks; all that comes with it."""
    lake.ingest_once(world.settings, world.clock)
    services.beat(world.db, world.clock, "ingest", 0.0, {})
    reader = queries.open_reader(world.settings)

    def ask(tenant_id=None):
        found = gather(world.settings, world.db, world.clock, reader, tenant_id)
        return {check.name: check for check in found.checks}, found

    yield ask
    reader.close()


def write_raw(world, producer: str, *lines: bytes) -> str:
    """A journal with these lines; its segment."""
    folder = world.settings.journal_dir / producer
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "01a.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    return f"{producer}/01a.jsonl"


def test_lines_are_counted_by_process_whether_loaded_refused_or_repeated(world, told):
    calls = facts.make_calls(world.acme, 5, until=world.clock.now())
    facts.write(world.settings, world.clock, calls)
    (first,) = (world.settings.journal_dir / "worker-0").glob("*.jsonl")
    again = world.settings.journal_dir / "worker-1" / first.name  # the very same lines, as a copied journal has them
    again.parent.mkdir()
    again.write_bytes(first.read_bytes())
    segment = write_raw(world, "recorder-9", b'{"kind": "recording"}', b"=1+1", b"\xff")
    lake.ingest_once(world.settings, world.clock)
    checks, found = told()
    of = {s.part: s for s in found.sources}
    assert of["worker-0"].loaded == sum(1 + len(c.events) for c in calls)
    assert (of["worker-1"].loaded, of["worker-1"].repeated) == (0, of["worker-0"].loaded)
    assert (of["recorder-9"].rejected, of["recorder-9"].lines, of["recorder-9"].loaded) == (3, 3, 0)
    assert checks["rejected"].level is Level.WARN and found.level is not Level.OK and found.reasons
    done = CliRunner().invoke(callbench, ["--data", str(world.settings.data), "health", "--rejected"])
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert {(r["file"], r["line"]) for r in rows} == {(segment, "1"), (segment, "2"), (segment, "3")}
    assert "'=1+1" in [r["content"] for r in rows] and all(r["reason"] for r in rows)
    arguments = ["--data", str(world.settings.data), "health"]
    said = " ".join(CliRunner().invoke(callbench, arguments).stdout.split())
    machine = json.loads(CliRunner().invoke(callbench, [*arguments, "--json"]).stdout)
    levels = {check["name"]: check["level"] for check in machine["checks"]}
    assert machine["status"] == max(levels.values(), key=list(Level).index) and machine["reasons"]
    assert levels["rejected"] == "warn"
    assert all(check["title"] in said for check in machine["checks"])


def test_what_is_written_and_not_loaded_is_seen_with_its_age(world, told):
    assert told()[0]["loading"].level is Level.OK
    (call,) = facts.make_calls(world.acme, 1, until=world.clock.now())
    old = feed.encode("cdr", call.cdr.call_id, world.acme.tenant_id, "2020-01-01T00:00:00.000Z", call.cdr)
    write_raw(world, "worker-7", old[:-1])
    author = directory.person_by_email(world.db, "owner@acme.test")
    comments.add(world.db, world.clock, world.acme.tenant_id, author.person_id, "c" * 32, "late", None, "k" * 8)
    checks, found = told()
    of = {s.part: s for s in found.sources}
    assert of["worker-7"].waiting == len(old) and of["worker-7"].lag_s > HOUR
    assert of["comment"].waiting == 1
    assert checks["loading"].level is Level.BAD and checks["loading"].figures["longest"] == "feed worker-7"
    services.gone(world.db, "ingest", os.getpid())
    assert "does not run" in told()[0]["loading"].says


def test_reports_that_were_not_sent_are_said_with_their_reason_to_whom_they_belong(world):
    def said(tenant_id=None):
        found = gather(world.settings, world.db, world.clock, None, tenant_id)  # mails are told without a warehouse
        return next((check for check in found.checks if check.name == "reports"), None)

    owner = directory.person_by_email(world.db, "owner@acme.test")
    assert said() is None
    made = reports.add(world.db, world.clock, world.acme.tenant_id, "Week", "weekly", 7, [owner.person_id], None)
    assert "no mail server is named" in said().says
    for slot in ("2026-03-02", "2026-03-09", "2026-03-16"):
        reports.plan(world.db, world.clock, made, slot, "pbx.test")
    for state, reason in (
        ("failed", "550 no such user"),
        ("failed", reports.NOT_WANTED),
        ("waiting", "the server is away"),
    ):
        mail = reports.claim(world.db, world.clock, 60)
        assert reports.finish(world.db, world.clock, mail, state, reason, world.clock.now().timestamp() + HOUR)
    for tenant in (None, world.acme.tenant_id):
        check = said(tenant)
        assert check.level is Level.WARN and (check.figures["failed"], check.figures["waiting"]) == (1, 1)
        assert set(check.examples) == {"550 no such user", "the server is away"} and check.remedy
    assert said(world.birch.tenant_id) is None


def test_imports_that_wait_were_not_finished_or_are_damaged_are_told_apart(world, told):
    assert "imports" not in told()[0]
    mine = staging.imports_dir(world.settings, world.acme.tenant_id)
    whole, begun = mine / ("c" * 32), mine / ("d" * 32 + ".part")
    whole.mkdir(parents=True)
    begun.mkdir()
    at = records.iso(world.clock.now() - timedelta(hours=1))
    manifest = staging.Manifest(
        world.acme.tenant_id, whole.name, at, "cdr", (), 1, 0, 0, 0, 0, None, None, {"call.parquet": 77}
    )
    staging.write_json(whole / staging.MANIFEST, asdict(manifest))
    (whole / "call.parquet").write_bytes(b"torn")
    check = told()[0]["imports"]
    assert check.level is Level.WARN and check.figures["oldest_s"] >= HOUR
    assert (check.figures["waiting"], check.figures["unfinished"], check.figures["damaged"]) == (1, 1, 0)
    lake.ingest_once(world.settings, world.clock)  # the writer finds that a file is not as long as it was
    out = mine / f"{'e' * 32}{undone.SUFFIX}"
    out.mkdir()
    staging.write_json(out / undone.NOTE, asdict(undone.Undone(world.acme.tenant_id, "e" * 32, at, "cdr", at)))
    with staging.alone(mine):
        check = told(world.acme.tenant_id)[0]["imports"]
        assert check.level is Level.BAD and check.examples[0] == f"{world.acme.tenant_id}/{whole.name}"
        assert (check.figures["waiting"], check.figures["under_way"], check.figures["damaged"]) == (0, 1, 1)
        assert check.figures["undoing"] == 1
    assert "imports" not in told(world.birch.tenant_id)[0]


def test_recordings_and_calls_that_lack_each_other_are_found_and_belong_to_their_tenant(world, told):
    rng = random.Random(3)
    made = [
        facts.make_call(rng, world.acme, world.clock.now(), disposition=Disposition.ANSWERED, recorded=True, talk_s=20)
        for _ in range(3)
    ]
    for call in made:
        kept.register(world.db, call.recording)
    root = world.settings.recordings_dir
    fine, empty, _missing = made
    for call, content in ((fine, b"x" * 500), (empty, b"x" * 44)):
        path = root / call.recording.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    strange = root / world.acme.tenant_id / "2020" / "01" / "stranger.wav"
    strange.parent.mkdir(parents=True)
    strange.write_bytes(b"x" * 500)
    for path in root.rglob("*.w*"):
        os.utime(path, (1e9, 1e9))
    check = told()[0]["recordings"]
    assert check.level is Level.BAD
    assert {k: check.figures[k] for k in ("missing", "empty", "unknown")} == {"missing": 1, "empty": 1, "unknown": 1}
    assert made[2].recording.path in check.examples
    assert told(world.acme.tenant_id)[0]["recordings"].level is Level.BAD
    assert told(world.birch.tenant_id)[0]["recordings"].level is Level.OK


def test_a_recording_nobody_has_heard_for_long_is_said_and_machines_are_not_told_to_tenants(world, told):
    clock = world.clock
    jobs.enqueue(world.db, clock, "transcribe", "r" * 32, world.acme.tenant_id, {})
    with world.db.begin() as connection:
        connection.exec_driver_sql("UPDATE job SET created_at = created_at - 100000")
    checks, _ = told()
    assert checks["transcripts"].level is Level.BAD and "No process transcribes" in checks["transcripts"].remedy
    mine, found = told(world.acme.tenant_id)
    assert mine["transcripts"].level is Level.BAD and mine["transcripts"].remedy == "Tell who runs this system."
    assert {"disk", "maintenance"}.isdisjoint(mine) and {s.source for s in found.sources} == {"own"}
    assert told(world.birch.tenant_id)[0]["transcripts"].level is Level.OK
