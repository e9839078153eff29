"""The recorder's steps on a real spool, database and journal; what crashes and damage leave behind."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from pbx_core import feed
from pbx_core.domain.records import RecordingRecord
from pbx_core.errors import Unavailable
from pbx_core.media import recorder_command, spool
from pbx_core.media.recorder import Recorder
from pbx_core.settings import Settings
from pbx_core.store import jobs
from pbx_core.store.schema import job
from tests.conftest import World
from tests.support import spooled
from tests.support.waiting import until


def _recorder(world: World) -> Recorder:
    return Recorder(
        world.settings, world.db, world.clock, feed.Journal(world.settings.journal_dir, "recorder", world.clock)
    )


def _records(settings: Settings) -> list[RecordingRecord]:
    lines = [line for s in feed.segments(settings.journal_dir) for line in feed.read(settings.journal_dir, s)]
    entries = [feed.decode(line.raw) for line in lines]
    return [e.record for e in entries if e.kind == "recording"]


def _one_record(settings: Settings) -> RecordingRecord:
    """The only recording: of several lines with one key the last counts, and all must say the same."""
    found = _records(settings)
    assert found
    assert all(r == found[0] for r in found)
    return found[0]


def _check_files(settings: Settings, record: RecordingRecord) -> None:
    content = (settings.recordings_dir / record.path).read_bytes()
    assert hashlib.sha256(content).hexdigest() == record.sha256
    assert len(content) == record.bytes
    drawn = json.loads((settings.recordings_dir / record.peaks_path).read_text())
    assert drawn["version"] == 1
    assert len(drawn["caller"]) == len(drawn["callee"]) == -(-round(record.duration_s * 8000) // 400)


def _leftovers(settings: Settings) -> list[Path]:
    return [p for p in settings.spool_dir.rglob("*") if p.is_file()] + list(settings.recordings_dir.rglob("*.tmp"))


def _job_ids(world: World) -> list[str]:
    with world.db.connect() as connection:
        return list(connection.execute(sa.select(job.c.job_id)).scalars())


def test_a_finished_call_becomes_a_recording_with_its_waveform_and_a_job(world: World) -> None:
    tenant_id = world.acme.tenant_id
    folder = spooled.make(
        world.settings.spool_dir, tenant_id, spooled.tone(2.0), spooled.tone(1.98), callee_offset_ms=20
    )
    meta = spool.read_meta(folder)
    assert meta
    _recorder(world).process(folder)
    record = _one_record(world.settings)
    assert record.path == f"{tenant_id}/2026/03/{folder.name}.webm"
    assert (record.recording_id, record.call_id, record.tenant_id) == (folder.name, meta.call_id, tenant_id)
    assert (record.duration_s, record.codec, record.channels, record.sample_rate) == (2.0, "opus", 2, 8000)
    assert (record.caller_pad_ms, record.callee_pad_ms, record.consent_basis) == (0, 20, "notice")
    assert (record.quality, record.quality_reason) == ("ok", None)
    assert record.started_at == spooled.STARTED
    _check_files(world.settings, record)
    taken = jobs.lease(world.db, world.clock, "transcribe", "a test", 30)
    assert taken and taken.tenant_id == tenant_id
    assert taken.payload == {
        "recording_id": folder.name,
        "call_id": meta.call_id,
        "path": record.path,
        "duration_s": record.duration_s,
        "segment": meta.segment,
        "kind": meta.kind,
        "caller_number": meta.caller_number,
        "callee_number": meta.callee_number,
        "pauses": [list(pause) for pause in record.pauses],
        "queue": "",
    }
    assert _leftovers(world.settings) == []


STEPS = ["WAVs repaired", "joined", "stored", "journalled", "job made", "spool cleared"]


@pytest.mark.parametrize("crashes", [*([n] for n in range(1, 7)), [2, 3, 4, 5], [5, 5, 1, 4]], ids=str)
def test_after_a_crash_behind_any_step_nothing_is_lost_and_nothing_doubled(world: World, crashes: list[int]) -> None:
    folder = spooled.make(world.settings.spool_dir, world.acme.tenant_id, spooled.tone(1), spooled.tone(1), killed=True)
    for steps in crashes:  # each time the recorder dies after so many steps
        if folder.exists():
            assert list(itertools.islice(_recorder(world).steps(folder), steps)) == STEPS[:steps]
    for left in spool.ready(world.settings.spool_dir):
        _recorder(world).process(left)
    record = _one_record(world.settings)
    _check_files(world.settings, record)
    assert record.quality == "ok"
    assert _job_ids(world) == [folder.name]
    assert _leftovers(world.settings) == []
    assert len(list(world.settings.recordings_dir.rglob("*.webm"))) == 1


def test_a_job_that_is_done_already_is_not_made_again(world: World) -> None:
    folder = spooled.make(world.settings.spool_dir, world.acme.tenant_id, spooled.tone(1), spooled.tone(1))
    list(itertools.islice(_recorder(world).steps(folder), 5))
    taken = jobs.lease(world.db, world.clock, "transcribe", "alice", 30)
    assert taken
    jobs.finish(world.db, world.clock, taken)
    _recorder(world).process(folder)
    assert jobs.counts(world.db, "transcribe") == {"done": 1}


def test_a_removal_cut_short_is_never_taken_for_a_silent_call(world: World) -> None:
    folder = spooled.make(world.settings.spool_dir, world.acme.tenant_id, spooled.tone(1), spooled.tone(1))
    half = folder.parent.parent / f".done-{folder.name}"
    folder.rename(half)
    (half / "caller.wav").unlink()
    assert list(spool.ready(world.settings.spool_dir)) == []
    spool.sweep(world.settings.spool_dir)
    assert not half.exists()


@pytest.mark.parametrize(
    ("caller", "said"),
    [(None, "caller.wav is missing"), (b"", "caller.wav is empty"), (spooled.tone(0), "caller.wav has no sound")],
    ids=["missing", "empty", "without a sample"],
)
def test_a_side_without_sound_is_silent_and_the_record_says_so(
    world: World, caller: spooled.Samples | bytes | None, said: str
) -> None:
    folder = spooled.make(world.settings.spool_dir, world.acme.tenant_id, caller, spooled.tone(1))
    _recorder(world).process(folder)
    record = _one_record(world.settings)
    assert (record.quality, record.duration_s) == ("truncated", 1.0)
    assert said in (record.quality_reason or "")
    assert _leftovers(world.settings) == []


def test_a_call_of_which_nothing_was_kept_still_has_a_file_and_a_reason(world: World) -> None:
    folder = spooled.make(world.settings.spool_dir, world.acme.tenant_id, b"", None, talk_s=0.1, aborted=True)
    _recorder(world).process(folder)
    record = _one_record(world.settings)
    assert record.quality == "truncated"
    assert "aborted" in (record.quality_reason or "")
    _check_files(world.settings, record)


def test_an_unreadable_track_is_kept_aside_for_a_look(world: World) -> None:
    garbage = bytes(range(256)) * 10
    folder = spooled.make(world.settings.spool_dir, world.acme.tenant_id, spooled.tone(1), garbage)
    _recorder(world).process(folder)
    record = _one_record(world.settings)
    assert record.quality == "truncated"
    assert "callee.wav is not a WAV file" in (record.quality_reason or "")
    _check_files(world.settings, record)
    kept = world.settings.damaged_dir / world.acme.tenant_id / folder.name / "callee.wav"
    assert kept.read_bytes() == garbage
    assert list(spool.ready(world.settings.spool_dir)) == []


def test_tracks_of_different_sample_rates_are_not_mixed(world: World) -> None:
    other = spooled.wav_bytes(spooled.tone(1), rate=16000)
    folder = spooled.make(world.settings.spool_dir, world.acme.tenant_id, spooled.tone(1), other)
    _recorder(world).process(folder)
    record = _one_record(world.settings)
    assert "another sample rate" in (record.quality_reason or "")
    assert record.duration_s == 1.0


@pytest.mark.parametrize("damage", ["no meta.json", "torn meta.json", "another's meta.json", "torn ended.json"])
def test_a_folder_of_an_unknown_call_is_set_aside_and_the_next_one_is_made(
    world: World, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    spool_dir, tenant_id = world.settings.spool_dir, world.acme.tenant_id
    bad = spooled.make(spool_dir, tenant_id, spooled.tone(1), spooled.tone(1))
    good = spooled.make(spool_dir, tenant_id, spooled.tone(1), spooled.tone(1))
    match damage:
        case "no meta.json":
            (bad / "meta.json").unlink()
        case "torn meta.json":
            (bad / "meta.json").write_text('{"recording_id": "')
        case "another's meta.json":
            (bad / "meta.json").write_bytes((good / "meta.json").read_bytes())
        case _:
            (bad / "ended.json").write_text("[]")
    queue = recorder_command.Queue()
    recorder_command.work(_recorder(world), queue, spool_dir, world.clock, lambda: False)
    assert _one_record(world.settings).recording_id == good.name
    assert (world.settings.damaged_dir / tenant_id / bad.name / "caller.wav").exists()
    assert "spool folder set aside" in caplog.text
    assert list(spool.ready(spool_dir)) == []


@pytest.mark.parametrize(("offset_ms", "pad_ms"), [(-5, 0), (3_600_000, 0), (40, 40)])
def test_a_senseless_offset_is_not_used_for_padding(world: World, offset_ms: int, pad_ms: int) -> None:
    folder = spooled.make(
        world.settings.spool_dir, world.acme.tenant_id, spooled.tone(1), spooled.tone(1), callee_offset_ms=offset_ms
    )
    _recorder(world).process(folder)
    record = _one_record(world.settings)
    assert record.callee_pad_ms == pad_ms
    assert ("not aligned" in (record.quality_reason or "")) == (pad_ms == 0)


def test_faults_of_the_worker_reach_the_record(world: World) -> None:
    faults = ("starved: 3.1 % of the callee's frames",)
    folder = spooled.make(
        world.settings.spool_dir, world.acme.tenant_id, spooled.tone(1), spooled.tone(1), talk_s=1.5, faults=faults
    )
    _recorder(world).process(folder)
    record = _one_record(world.settings)
    assert record.quality == "truncated"
    for named in ("the caller's side holds 1.00 s of 1.50 s talked", "3.1 %"):
        assert named in (record.quality_reason or "")


@contextmanager
def _small_disk(place: Path, size: str) -> Iterator[None]:
    """A volume of its own at `place`."""
    place.mkdir(parents=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("mounting a small volume needs root")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def test_on_a_full_disk_the_wavs_stay_and_the_recording_is_made_once_there_is_space(world: World) -> None:
    spool_dir = world.settings.spool_dir
    with _small_disk(world.settings.recordings_dir, "3m"):
        filler = world.settings.recordings_dir / "filler"
        filler.write_bytes(bytes(2_500_000))
        folder = spooled.make(spool_dir, world.acme.tenant_id, spooled.tone(1), spooled.tone(1))
        before = {p.name: p.read_bytes() for p in folder.iterdir()}
        queue, works = recorder_command.Queue(), _recorder(world)
        recorder_command.work(works, queue, spool_dir, world.clock, lambda: False)
        assert "the disk is full" in queue.refusal
        assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
        assert _records(world.settings) == []
        filler.unlink()

        def made() -> bool:
            recorder_command.work(works, queue, spool_dir, world.clock, lambda: False)
            return queue.made == 1

        until(made, 10, what="a second try")
        assert queue.refusal == ""
        _check_files(world.settings, _one_record(world.settings))


def test_a_disk_that_fills_while_ffmpeg_writes_is_told_and_leaves_the_wavs(world: World) -> None:
    noise = np.random.default_rng(1).integers(-20000, 20000, 8000 * 60).astype(np.int16)
    folder = spooled.make(world.settings.spool_dir, world.acme.tenant_id, noise, noise)
    with _small_disk(world.settings.recordings_dir, "2m"):
        for step in (works := _recorder(world).steps(folder)):
            assert step == "WAVs repaired"
            (world.settings.recordings_dir / "filler").write_bytes(bytes(2_000_000))
            break
        with pytest.raises(Unavailable, match=r"disk is full|No space"):
            next(works)
    assert {p.name for p in folder.iterdir()} == {"caller.wav", "callee.wav", "meta.json", "ended.json"}


def test_a_refused_folder_waits_longer_each_time_and_does_not_hold_up_others(tmp_path: Path, world: World) -> None:
    spool_dir = world.settings.spool_dir
    first = spooled.make(spool_dir, world.acme.tenant_id, spooled.tone(1), spooled.tone(1))
    second = spooled.make(spool_dir, world.birch.tenant_id, spooled.tone(1), spooled.tone(1))
    os.utime(first / "ended.json", (1, 1))
    queue = recorder_command.Queue()
    assert queue.due(spool_dir, 100.0) == [first, second]
    queue.refused(first, 100.0, "full")
    assert queue.due(spool_dir, 100.5) == [second]
    assert queue.due(spool_dir, 101.0) == [first, second]
    waits = []
    for _ in range(5):
        queue.refused(first, 0.0, "full")
        waits.append(queue.delays[first][0])
    assert waits == [2.0, 4.0, 5.0, 5.0, 5.0]


def _start(settings: Settings) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pbx_core.cli", "--data", str(settings.data), "recorder"]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


def test_killed_again_and_again_in_the_middle_of_its_work_it_loses_and_doubles_nothing(world: World) -> None:
    settings = world.settings
    folders = [
        spooled.make(
            settings.spool_dir, tenant.tenant_id, spooled.tone(30, 200 + n), spooled.tone(30), killed=n % 2 == 0
        )
        for n, tenant in enumerate([world.acme, world.birch] * 4)
    ]
    for kills in range(4):
        before = len(list(settings.recordings_dir.rglob("*.*")))
        process = _start(settings)
        until(lambda b=before: len(list(settings.recordings_dir.rglob("*.*"))) > b, 20, 0.001 * kills + 0.001)
        process.send_signal(signal.SIGKILL)
        process.wait()
    process = _start(settings)
    until(lambda: not list(spool.ready(settings.spool_dir)), 20, what="an empty spool")
    process.terminate()
    assert process.wait(10) == 0
    records = {r.recording_id: r for r in _records(settings)}
    assert set(records) == {f.name for f in folders}
    for record in _records(settings):
        assert record == records[record.recording_id]
    for record in records.values():
        assert record.quality == "ok"
        _check_files(settings, record)
    assert sorted(_job_ids(world)) == sorted(records)
    assert len(list(settings.recordings_dir.rglob("*.webm"))) == len(folders)
    assert _leftovers(settings) == []
    assert all(feed.is_complete(settings.journal_dir / s) for s in feed.segments(settings.journal_dir))


def test_a_second_recorder_is_refused_while_the_first_works(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first = _start(world.settings)
    try:
        until(lambda: (world.settings.journal_dir / "recorder").exists(), 20)
        monkeypatch.setattr(recorder_command, "PREDECESSOR_S", 0.1)
        from click.testing import CliRunner

        result = CliRunner().invoke(recorder_command.recorder, obj=world.settings.data)
        assert "Another recorder works" in str(result.exception)
    finally:
        first.terminate()
        assert first.wait(10) == 0


def test_a_segment_says_which_it_is_who_speaks_and_where_it_was_paused(world: World) -> None:
    tenant_id = world.acme.tenant_id
    folder = spooled.make(
        world.settings.spool_dir, tenant_id, spooled.tone(2.0), spooled.tone(2.0), segment=2, pauses=((0.5, 1.25),)
    )
    _recorder(world).process(folder)
    record = _one_record(world.settings)
    assert (record.segment, record.kind, record.pauses) == (2, "conversation", ((0.5, 1.25),))
    assert (record.caller_number, record.callee_number) == ("101", "102")


def test_a_message_is_whole_without_a_callee(world: World) -> None:
    tenant_id = world.acme.tenant_id
    folder = spooled.make(world.settings.spool_dir, tenant_id, spooled.tone(2.0), None, kind="voicemail")
    _recorder(world).process(folder)
    record = _one_record(world.settings)
    assert (record.kind, record.quality, record.quality_reason) == ("voicemail", "ok", None)
    assert record.duration_s == pytest.approx(2.0, abs=0.05)
    assert _leftovers(world.settings) == []
