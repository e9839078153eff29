"""`callbench import` as a person runs it: evidence, dry run, calls and recordings, again, killed, two tenants."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from ingest import audio
from ingest.imports import joining
from pbx_core.cli import callbench
from pbx_core.errors import InputError
from pbx_core.store import jobs
from tests.support import lake
from tests.support.importing import START, line, run, unique
from tests.support.waiting import until

RATE = 8000


def tone(path: Path, seconds: float = 1.0, **how: str) -> Path:
    """A file of one channel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sound = 0.5 * np.sin(2 * np.pi * 440 * np.arange(int(RATE * seconds)) / RATE)
    soundfile.write(path, sound, RATE, **how)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six calls, one of them in two files, a bad row, sounds that fit, sounds that do not, and traps."""
    root = tmp_path / "pbx"
    lines = [
        line(0, "+49301110", "101"),
        line(1, "101", "+49302220"),
        line(2, "+49303330", "102", answered=False),
        line(3, "+49-30 444 0", "102", queue="400"),
        line(4, "102", "101"),
        line(5, "+49305550", "103"),
    ]
    log = root / "cdr-csv"
    log.mkdir(parents=True)
    (log / "Master.csv").write_text("\n".join([*lines, '"broken","row"']) + "\n")
    (log / "account.csv").write_text(lines[0] + "\n")
    day = root / "monitor" / "2024" / "03" / "01"
    tone(day / f"in-101-+49301110-20240301-100000-{unique(0)}.wav", 1.5)
    tone(day / f"q-400-+49-30-444-0-20240301-100300-{unique(3)}.WAV", format="WAV", subtype="GSM610")
    tone(day / f"out-+49302220-101-20240301-100100-{unique(1)}.mp3", format="MP3")
    tone(day / f"\u202eevil\n😀-{unique(5)}.wav")
    tone(day / "in-101-nobody-20200101-100000-1577872800.77.wav")
    (day / f"internal-101-102-20240301-100400-{unique(4)}.wav").write_bytes(b"RIFF" + bytes(40))
    (day / f"rg-600-x-20240301-100500-{unique(4)}-2.wav").write_bytes(b"no sound at all" * 20)
    (day / "outside.wav").symlink_to("/etc/hostname")
    os.mkfifo(day / "pipe.wav")
    return root


def test_a_folder_becomes_calls_with_their_recordings(world, folder):
    tried = run(world, folder, "--dry-run", "--yes")
    assert "21 columns in the order of cdr_csv" in tried
    assert "times are GMT" in tried
    assert "7 rows make 6 calls from 2024-03-01 10:00 UTC to 2024-03-01 10:05 UTC" in tried
    assert "1 rows stand there more than once, 1 cannot be read" in tried
    assert "Master.csv line 7: the row has 2 columns" in tried
    assert "\u202e" not in tried
    assert not (world.settings.data / "imports").exists() or not any((world.settings.data / "imports").iterdir())

    said = run(world, folder, "--yes")
    assert not any(jobs.counts(world.db, "transcribe").values())
    run(world, folder, "--yes", "--transcribe")
    assert "6 calls and 4 recordings are in the warehouse" in said
    calls = lake.query(
        world.settings,
        "SELECT started_at, direction, caller_number, callee_number, disposition, answered_by, queue, talk_s, system "
        "FROM lk.main.call ORDER BY started_at",
    )
    at = [START + timedelta(minutes=i) for i in range(6)]
    assert calls == [
        (at[0], "inbound", "+49301110", "101", "answered", "101", "", 20.0, "asterisk"),
        (at[1], "outbound", "101", "+49302220", "answered", "+49302220", "", 20.0, "asterisk"),
        (at[2], "inbound", "+49303330", "102", "no_answer", "", "", 0.0, "asterisk"),
        (at[3], "inbound", "+49304440", "102", "answered", "102", "400", 20.0, "asterisk"),
        (at[4], "internal", "102", "101", "answered", "101", "", 20.0, "asterisk"),
        (at[5], "inbound", "+49305550", "103", "answered", "103", "", 20.0, "asterisk"),
    ]
    conversations = lake.query(world.settings, "SELECT count(*), count(DISTINCT source) FROM lk.main.conversation")
    assert conversations == [(6, 1)]
    heard(world)
    orphans = lake.query(world.settings, "SELECT kind, reason, call_id = '' FROM lk.main.import_orphan ORDER BY kind")
    assert [o[0] for o in orphans] == ["empty", "no_call", "unreadable"]
    rejects = lake.query(world.settings, "SELECT source, line, reason FROM lk.main.reject")
    assert rejects == [("import", 7, "the row has 2 columns instead of 21 or 16 or 17 or 18 or 19 or 20")]


def heard(world) -> None:
    """The four recordings: whole, decodable, with a waveform, known to the keeper, waiting for their words."""
    rows = lake.query(
        world.settings,
        "SELECT recording_id, r.path, r.peaks_path, r.sha256, r.channels, r.codec, r.duration_s, "
        "c.caller_number FROM lk.main.recording r JOIN lk.main.call c USING (call_id, recording_id) ORDER BY ALL",
    )
    assert sorted(r[7] for r in rows) == ["+49301110", "+49304440", "+49305550", "101"]
    for recording_id, path, peaks, sha256, channels, codec, duration_s, caller in rows:
        file = world.settings.recordings_dir / path
        assert path.startswith(f"{world.acme.tenant_id}/2024/03/{recording_id}.")
        assert hashlib.sha256(file.read_bytes()).hexdigest() == sha256
        assert (world.settings.recordings_dir / peaks).is_file()
        assert channels == 1
        assert codec == {"101": "mpeg_layer_iii", "+49304440": "opus"}.get(caller, "pcm_16")
        assert len(audio.decode_speech(file)) / audio.SPEECH_RATE == pytest.approx(duration_s, abs=0.1)
        job = jobs.look(world.db, world.clock, "transcribe", recording_id)
        assert job is not None and job.state == "ready"


def test_importing_again_and_making_anew_change_nothing_and_a_longer_log_adds_what_is_new(world, folder):
    run(world, folder, "--yes")
    before = lake.content(world.settings)
    run(world, folder, "--yes")
    assert lake.content(world.settings) == before
    done = CliRunner().invoke(callbench, ["--data", str(world.settings.data), "ingest", "--rebuild"])
    assert done.exit_code == 0, done.output
    assert lake.content(world.settings) == before
    log = folder / "cdr-csv" / "Master.csv"
    known, true = log.read_text(), line(6, "+49306660", "101")
    end, late = (f"{START + timedelta(minutes=6, **by):%Y-%m-%d %H:%M:%S}" for by in ({"seconds": 30}, {"hours": 3}))
    log.write_text(known + true.replace(end, late).replace(",30,20,", ",10800,10790,") + "\n")
    tried = run(world, log, "--yes", "--dry-run")
    assert "1 calls are new, 0 would change, 6 are there already" in tried
    run(world, log, "--yes")
    counts = "SELECT count(*), count(DISTINCT source), count(recording_id) FROM lk.main.call"
    assert lake.query(world.settings, counts) == [(7, 2, 4)]
    assert lake.query(world.settings, "SELECT count(*) FROM lk.main.leg") == [(14,)]
    assert lake.query(world.settings, "SELECT count(*) FROM lk.main.import_run") == [(2,)]
    log.write_text(known + true + "\n")  # told shorter, it is over in the hours that follow
    run(world, log, "--yes")
    assert lake.query(world.settings, "SELECT DISTINCT hour FROM lk.main.rollup_line") == [(START,)]


def test_sound_that_was_left_out_comes_in_later_and_each_tenant_has_its_own(world, folder, monkeypatch):
    run(world, folder, "--yes", "--no-recordings")
    assert lake.query(world.settings, "SELECT count(*) FROM lk.main.recording") == [(0,)]
    run(world, folder, "--yes")
    assert lake.query(world.settings, "SELECT count(*), count(recording_id) FROM lk.main.call") == [(6, 4)]
    monkeypatch.setattr(joining, "PIECE_ROWS", 2)  # as a log of millions of rows is joined
    run(world, folder, "--yes", into="birch.test")
    for table, ids, count in (("call", "call_id", 12), ("leg", "call_id", 12), ("recording", "recording_id", 8),
                              ("conversation", "conversation_id", 12)):  # fmt: skip
        text = "SELECT count(DISTINCT {ids}), count(DISTINCT tenant_id) FROM lk.main.{table}"
        assert lake.query(world.settings, text.format(ids=ids, table=table)) == [(count, 2)]
    paths = lake.query(world.settings, "SELECT tenant_id, path FROM lk.main.recording")
    assert all(path.startswith(f"{tenant}/") for tenant, path in paths)


def test_what_no_file_tells_is_asked_and_refused_where_nobody_answers(world, tmp_path):
    path = tmp_path / "Master.csv"
    path.write_text("\n".join(",".join(line(i, "101", "102").split(",")[:16]) for i in range(5)) + "\n")
    with pytest.raises(InputError, match="In which time zone are its times"):
        run(world, path, "--yes")
    assert not (world.settings.data / "imports").exists()
    command = ["--data", str(world.settings.data), "import", str(path), "--tenant", "acme.test", "--dry-run"]
    done = CliRunner().invoke(callbench, command, input="Nowhere\nAsia/Bishkek\n")
    assert done.exit_code == 0, done.output
    assert "'Nowhere' is no time zone" in done.output
    at = START - timedelta(hours=6)
    assert f"5 rows make 5 calls from {at:%Y-%m-%d %H:%M} UTC" in done.output


def test_killed_anywhere_it_loses_and_doubles_nothing(world, folder):
    log = folder / "cdr-csv" / "Master.csv"
    log.write_text("\n".join(line(i, f"+4930{i:05d}", "101") for i in range(3000)) + "\n")
    (folder / "cdr-csv" / "account.csv").unlink()
    own = world.settings.data / "imports" / world.acme.tenant_id
    command = [sys.executable, "-m", "pbx_core.cli", "--data", str(world.settings.data), "import", str(folder)]
    signs = ("*.part", "*.part/raw-00000.json", "*.part/sounds.jsonl", "*.part/call.parquet", "*/manifest.json")
    for sign in signs:
        with subprocess.Popen([*command, "--tenant", "acme.test", "--yes"], stdout=subprocess.DEVNULL) as child:
            until(lambda sign=sign: any(own.glob(sign)) or child.poll() is not None, 60)
            child.send_signal(signal.SIGKILL)
    run(world, folder, "--yes")
    after = lake.content(world.settings)
    counts = (
        "SELECT count(*), count(DISTINCT call_id), count(recording_id), count(DISTINCT recording_id) FROM lk.main.call"
    )
    assert lake.query(world.settings, counts) == [(3000, 3000, 4, 4)]
    assert after["leg"][0] == 6000
    assert after["import_run"][0] == 1
    files = [p for p in world.settings.recordings_dir.rglob("*") if p.is_file() and not p.name.endswith(".json")]
    assert len(files) == 4
    assert not any(own.glob("*.part"))
