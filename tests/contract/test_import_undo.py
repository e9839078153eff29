"""An import that is taken back leaves nothing, wherever it is interrupted, and may come again."""

from __future__ import annotations

import hashlib
import random
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from ingest import warehouse
from ingest.imports import undo
from ingest.imports.recordings import transcribe
from pbx_core.cli import callbench
from pbx_core.domain.records import Disposition
from pbx_core.errors import InputError
from pbx_core.feed import Journal
from pbx_core.store import jobs, kept, schema
from pbx_core.store.directory import Tenant
from tests.support import facts, lake, spooled
from tests.support.importing import START, line, run, staged, unique
from tests.support.waiting import until

TABLES = ("call", "leg", "call_event", "queue_event", "recording", "transcript", "utterance", "utterance_term",
          "conversation", "conversation_call", "rollup_hour", "rollup_line", "import_run", "import_orphan")  # fmt: skip


@pytest.fixture
def office(tmp_path: Path) -> Path:
    """Three calls, two of them with their sound, and a sound of nobody."""
    root = tmp_path / "pbx"
    root.mkdir()
    (root / "Master.csv").write_text("".join(line(n, f"+49301{n:03d}", "101", queue="400") + "\n" for n in range(3)))
    spooled.tone_file(root / "nobody-1577872800.77.wav", 440.0, 0.5)
    for n in range(2):
        spooled.tone_file(root / f"in-101-x-20240301-100000-{unique(n)}.wav", 440.0 + n, 0.5)
    return root


def rows(world, tenant: Tenant) -> dict[str, list[str]]:
    """What the warehouse has of a tenant."""
    con = warehouse.open_reader(world.settings)
    try:
        return {
            name: sorted(map(repr, con.table(f"lk.main.{name}").filter(f"tenant_id = '{tenant.tenant_id}'").fetchall()))
            for name in TABLES
        }
    finally:
        con.close()


def sounds(world) -> list[Path]:
    return [path for path in world.settings.recordings_dir.rglob("*") if path.is_file()]


def digest(folder: Path) -> str:
    told = [(str(path), path.stat().st_mtime_ns, path.read_bytes()) for path in sorted(folder.iterdir())]
    return hashlib.sha256(repr(told).encode()).hexdigest()


def hear(world) -> None:
    """Somebody else's words become those of the first recording, as if it had been transcribed."""
    ((call_id, recording_id),) = lake.query(
        world.settings,
        "SELECT call_id, recording_id FROM lk.main.recording WHERE tenant_id = ? ORDER BY call_id LIMIT 1",
        [world.acme.tenant_id],
    )
    said = ("hello there", "good morning to you")
    call = facts.make_call(random.Random(1), world.acme, START, disposition=Disposition.ANSWERED, said=said,
                           recorded=True, caller="101", callee="102")  # fmt: skip
    assert call.transcript
    journal = Journal(world.settings.journal_dir, "transcribe-0", world.clock)
    record = replace(call.transcript, call_id=call_id, recording_id=recording_id)
    journal.append("transcript", recording_id, world.acme.tenant_id, record)
    journal.close()
    lake.ingest_once(world.settings, world.clock)


def undone_by_force(world, import_id: str) -> str:
    """Undo while another process ingests: killed at the first sign, then run again."""
    own = world.settings.data / "imports" / world.acme.tenant_id
    command = [sys.executable, "-m", "pbx_core.cli", "--data", str(world.settings.data)]
    with subprocess.Popen([*command, "ingest"], stdout=subprocess.DEVNULL) as ingest:
        try:
            undo_it = [*command, "import", "undo", import_id, "--tenant", "acme.test"]
            with subprocess.Popen(undo_it, stdout=subprocess.DEVNULL) as child:
                until(lambda: any(own.glob("*.undone")) or child.poll() is not None, 60)
                child.send_signal(signal.SIGKILL)
            return run(world, "undo", import_id)
        finally:
            ingest.terminate()


def test_nothing_is_left_and_the_folder_is_untouched(world, office):
    _, mine = (staged(world.settings, t.tenant_id, office) for t in (world.birch, world.acme))
    lake.ingest_once(world.settings, world.clock)
    hear(world)
    transcribe(
        world.db, world.clock, world.settings.data / "imports" / mine.tenant_id / mine.import_id / "recording.parquet"
    )
    before, was = rows(world, world.birch), digest(office)
    assert {name for name, found in rows(world, world.acme).items() if not found} == {"call_event", "queue_event"}

    assert "2 recordings of it are removed" in undone_by_force(world, mine.import_id)
    own = world.settings.data / "imports" / mine.tenant_id / f"{mine.import_id}.undone"
    assert sorted(path.name for path in own.iterdir()) == ["call.parquet", "undone.json"]
    nothing: dict[str, list[str]] = {name: [] for name in TABLES}
    assert rows(world, world.acme) == nothing
    assert rows(world, world.birch) == before
    assert len(sounds(world)) == 4  # two recordings of the neighbour with their waveforms
    assert kept.used_bytes(world.db, world.acme.tenant_id) == 0 < kept.used_bytes(world.db, world.birch.tenant_id)
    assert not any(jobs.counts(world.db, "transcribe").values())
    assert digest(office) == was
    with world.db.connect() as con:
        audited = con.execute(
            sa.select(schema.audit.c.tenant_id, schema.audit.c.object_id).where(schema.audit.c.action == undo.ACTION)
        ).all()
    assert audited == [(world.acme.tenant_id, mine.import_id)]
    assert "was undone already" in run(world, "undo", mine.import_id)
    assert mine.import_id in run(world, "list") and "undone 20" in run(world, "list")

    done = CliRunner().invoke(callbench, ["--data", str(world.settings.data), "ingest", "--rebuild"])
    assert done.exit_code == 0, done.output
    assert rows(world, world.acme) == nothing

    run(world, office, "--yes")
    counts = "SELECT count(*), count(recording_id) FROM lk.main.call WHERE tenant_id = ?"
    assert lake.query(world.settings, counts, [world.acme.tenant_id]) == [(3, 2)]


def with_a_torn_neighbour(world, torn: str, wanted: str) -> None:
    """While another import is damaged nothing is taken out, and nothing else stands still for that."""
    leg = world.settings.data / "imports" / world.acme.tenant_id / torn / "leg.parquet"
    whole, before = leg.read_bytes(), rows(world, world.acme)
    leg.write_bytes(whole[:-1])
    with pytest.raises(InputError, match=r"leg\.parquet is damaged"):
        run(world, "undo", wanted)
    leg.write_bytes(whole)
    undo.begin(world.settings, world.clock, world.db, world.acme.tenant_id, wanted)
    leg.unlink()
    call = facts.make_call(random.Random(1), world.birch, START, disposition=Disposition.ANSWERED)
    facts.write(world.settings, world.clock, [call])
    lake.ingest_once(world.settings, world.clock)
    assert rows(world, world.acme) == before and len(rows(world, world.birch)["call"]) == 1
    leg.write_bytes(whole)


def test_a_queue_log_that_comes_later_is_joined_with_its_calls_and_may_go_again(world, office, tmp_path):
    first = staged(world.settings, world.acme.tenant_id, office, sounds=False)
    lake.ingest_once(world.settings, world.clock)
    before = rows(world, world.acme)
    at = int(START.timestamp())
    queue_log = tmp_path / "queue_log"
    queue_log.write_text(
        f"{at}|{unique(0)}|400|NONE|ENTERQUEUE||+49301000|1\n"
        f"{at + 17}|{unique(0)}|400|PJSIP/101|CONNECT|17|{at + 10}.9|7\n"
        f"{at + 9000}|{unique(0)}|400|PJSIP/101|COMPLETEAGENT|17|8983|1\n"  # longer than Master.csv knows
        f"{at + 50}|NONE|400|PJSIP/101|PAUSE|lunch\n"
    )
    second = staged(world.settings, world.acme.tenant_id, queue_log)
    lake.ingest_once(world.settings, world.clock)
    assert {
        name: len(found) for name, found in rows(world, world.acme).items() if name in ("call", "leg", "import_run")
    } == {
        "call": 3,
        "leg": 6,
        "import_run": 2,
    }
    joined = (
        "SELECT caller_number, queue_wait_s, talk_s, hangup_party, answered_by FROM lk.main.call ORDER BY started_at"
    )
    assert lake.query(world.settings, joined)[0] == ("+49301000", 17.0, 8983.0, "callee", "101")
    with pytest.raises(InputError, match="undo that one first"):
        run(world, "undo", first.import_id)
    with_a_torn_neighbour(world, first.import_id, second.import_id)
    run(world, "undo", second.import_id)
    assert rows(world, world.acme) == before
    ((call_id,),) = lake.query(world.settings, "SELECT max(call_id) FROM lk.main.call")
    kept.add_hold(world.db, world.clock, world.acme.tenant_id, call_id, "court", "me")
    wrong = {first.import_id: "under legal hold", "../" + first.import_id[3:]: "no import", "0" * 32: "no import"}
    for import_id, match in wrong.items():
        with pytest.raises(InputError, match=match):
            run(world, "undo", import_id)
