"""The transcription process with the real model: what it writes, and what hurts only one job."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from analytics.transcriber import load_recogniser
from ingest.audio import decode_speech
from pbx_core import feed
from pbx_core.domain.records import TranscriptRecord, TurnsRecord
from pbx_core.errors import Unavailable
from pbx_core.feed import Journal
from pbx_core.store import jobs, services
from pbx_core.store.schema import job
from tests.conftest import World
from tests.support import speech
from tests.support.transcribing import (
    MakeTranscriber,
    ShiftedClock,
    journalled,
    recorded,
    started,
    state_of,
    transcribers,
    transcripts,
)
from tests.support.waiting import until


class FullJournal(Journal):
    """A journal on a full disk."""

    def append(self, *args: Any, **kwargs: Any) -> None:
        raise Unavailable("The journal cannot take a line: the disk is full.")


@pytest.fixture
def clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture
def transcriber(world: World, clock: ShiftedClock) -> Iterator[MakeTranscriber]:
    with transcribers(world, clock) as make:
        yield make


def test_a_recording_gets_its_turns_and_then_its_words(world: World, transcriber: MakeTranscriber) -> None:
    recording_id = recorded(world, world.acme, speech.dialogue("appointment"))
    worker = transcriber()
    assert worker.step()
    turns, transcript, *_ = journalled(world.settings)
    assert isinstance(turns, TurnsRecord)
    assert isinstance(transcript, TranscriptRecord)
    for record in (turns, transcript):
        assert (record.recording_id, record.call_id) == (recording_id, "c" * 32)
        assert record.tenant_id == world.acme.tenant_id
    assert (transcript.status, transcript.language) == ("done", "en")
    assert "appointment on tuesday" in " ".join(u.text for u in transcript.utterances).lower()
    assert transcript.model_sha256 == speech.model().sha256
    assert state_of(world, recording_id).state == "done"
    assert worker.board.detail() == {"state": "idle", "recordings": 0, "progress": 0.0, "done": 1, "jobs": {}}
    assert not worker.step()


def test_damaged_and_missing_recordings_fail_and_the_next_goes_on(world: World, transcriber: MakeTranscriber) -> None:
    short = speech.dialogue("appointment")[: 4 * 16000]
    damaged = recorded(world, world.acme, os.urandom(5000))
    missing = recorded(world, world.birch, None)
    good = recorded(world, world.birch, short)
    worker = transcriber()
    while worker.step():
        pass
    by_id = {t.recording_id: t for t in transcripts(world.settings)}
    for failed in (damaged, missing):
        assert by_id[failed].status == "failed"
        assert by_id[failed].reason
        assert state_of(world, failed).state == "failed"
        assert state_of(world, failed).reason == by_id[failed].reason
    assert "missing" in (by_id[missing].reason or "")
    assert by_id[good].status == "done"


def test_a_path_out_of_the_recordings_is_refused(world: World, transcriber: MakeTranscriber, tmp_path: Path) -> None:
    speech.write_webm(world.settings.data / "secret.webm", np.zeros((16000, 2), dtype=np.float32))
    payload = {"recording_id": "e" * 32, "call_id": "c" * 32, "path": "../secret.webm"}
    jobs.enqueue(world.db, world.clock, "transcribe", "e" * 32, world.acme.tenant_id, payload)
    transcriber().step()
    (record,) = transcripts(world.settings)
    assert record.status == "failed"
    assert "recordings directory" in (record.reason or "")


def test_without_a_model_jobs_wait_and_the_board_says_what_to_do(
    world: World, transcriber: MakeTranscriber, clock: ShiftedClock, tmp_path: Path
) -> None:
    recording_id = recorded(world, world.acme, speech.dialogue("appointment")[: 4 * 16000])
    later = tmp_path / "model"
    worker = transcriber(load=load_recogniser, model_dir=later)
    assert not worker.step()
    assert worker.board.detail()["state"].startswith("no model: ")
    assert "model_dir" in worker.board.detail()["state"]
    assert state_of(world, recording_id).state == "ready"
    later.symlink_to(speech.model().path)
    clock.ahead_s[0] += 60
    assert worker.step()
    assert state_of(world, recording_id).state == "done"


def test_a_directory_that_is_no_model_is_said_not_raised(
    world: World, transcriber: MakeTranscriber, tmp_path: Path
) -> None:
    (tmp_path / "model.bin").write_bytes(b"no weights at all")
    (tmp_path / "tokenizer.json").touch()
    worker = transcriber(load=load_recogniser, model_dir=tmp_path)
    assert not worker.step()
    assert "cannot be loaded" in worker.board.detail()["state"]


def test_work_whose_lease_another_took_leaves_no_transcript(world: World, transcriber: MakeTranscriber) -> None:
    recording_id = recorded(world, world.acme, speech.dialogue("appointment")[: 4 * 16000])

    def robbed(path: Path) -> speech.Samples:
        with world.db.begin() as connection:
            connection.execute(sa.update(job).values(leased_by="transcribe-1/1"))
        return decode_speech(path)

    assert transcriber(robbed).step()
    assert transcripts(world.settings) == []
    assert state_of(world, recording_id).state == "leased"


def test_a_stop_in_mid_work_puts_the_job_back_untried(world: World, transcriber: MakeTranscriber) -> None:
    recording_id = recorded(world, world.acme, speech.dialogue("appointment")[: 4 * 16000])
    stop = threading.Event()

    def stopped(path: Path) -> speech.Samples:
        stop.set()
        return decode_speech(path)

    assert transcriber(stopped, stop).step()
    assert transcripts(world.settings) == []
    view = state_of(world, recording_id)
    assert (view.state, view.tries) == ("ready", 0)


def test_a_full_disk_delays_the_job_without_counting(world: World, transcriber: MakeTranscriber) -> None:
    recording_id = recorded(world, world.acme, speech.dialogue("appointment")[: 4 * 16000])

    worker = transcriber(journal_type=FullJournal)
    assert worker.step()
    assert not worker.step()
    assert (state_of(world, recording_id).state, state_of(world, recording_id).tries) == ("ready", 0)


def test_a_job_that_breaks_every_time_is_put_aside_with_its_reason(
    world: World, transcriber: MakeTranscriber, clock: ShiftedClock
) -> None:
    recording_id = recorded(world, world.acme, speech.dialogue("appointment")[: 4 * 16000])

    def broken(path: Path) -> speech.Samples:
        raise RuntimeError("engine on fire")

    worker = transcriber(broken)
    while worker.step():
        clock.ahead_s[0] += 1000
    view = state_of(world, recording_id)
    assert (view.state, view.tries) == ("failed", jobs.TRIES_MAX)
    (record,) = transcripts(world.settings)
    assert record.status == "failed"
    assert "engine on fire" in (record.reason or "")


def test_a_recording_that_can_never_be_read_fails_at_once(world: World, transcriber: MakeTranscriber) -> None:
    recording_id = recorded(world, world.acme, speech.dialogue("appointment")[: 4 * 16000])

    def endless(path: Path) -> speech.Samples:
        raise Unavailable("Reading took longer than 900 s.", retryable=False)

    assert transcriber(endless).step()
    assert (state_of(world, recording_id).state, state_of(world, recording_id).tries) == ("failed", 1)
    assert "900 s" in (transcripts(world.settings)[0].reason or "")


def test_a_killed_transcription_is_taken_up_again_and_gives_one_transcript(world: World) -> None:
    long_call = np.concatenate([speech.dialogue(name) for name in ("sales", "crosstalk")])
    recording_id = recorded(world, world.acme, long_call)
    first = started(world)

    def at_work() -> bool:
        rows = services.all_services(world.db)
        return any(r.name == "transcribe-0" and recording_id in r.detail.get("jobs", {}) for r in rows)

    until(at_work, 30, what="the transcriber works")
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert state_of(world, recording_id).state == "leased"
    assert transcripts(world.settings) == []

    second = started(world)
    try:
        until(lambda: state_of(world, recording_id).state == "done", 60, 0.2, "the second process ends the job")
        assert [t.recording_id for t in transcripts(world.settings)] == [recording_id]
        assert state_of(world, recording_id).tries == 2
    finally:
        second.terminate()
        assert second.wait(timeout=120) == 0
    assert not list(feed.orphans(world.settings.journal_dir, "transcribe-0"))
