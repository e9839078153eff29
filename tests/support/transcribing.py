"""Recordings that wait for their words, transcribers in this process and as processes, and what they wrote."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from analytics.transcriber import Decode, Load, Transcriber
from ingest.audio import decode_speech
from pbx_core import feed
from pbx_core.clock import SystemClock, random_id
from pbx_core.domain.records import TranscriptRecord
from pbx_core.feed import Journal
from pbx_core.settings import Settings
from pbx_core.store import jobs
from pbx_core.store.directory import Tenant
from tests.conftest import World
from tests.support import speech


@dataclass(frozen=True)
class ShiftedClock(SystemClock):
    """The machine's clock, moved on by hand."""

    ahead_s: list[float] = field(default_factory=lambda: [0.0])

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.ahead_s[0])

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead_s[0]


def recorded(world: World, tenant: Tenant, samples: speech.Samples | bytes | None, **more: Any) -> str:
    """A recording that waits for its transcript: stored as WebM, as these bytes, or not at all. more: in the job."""
    recording_id = random_id()
    path = f"{tenant.tenant_id}/2026/01/{recording_id}.webm"
    file = world.settings.recordings_dir / path
    if isinstance(samples, bytes):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(samples)
    elif samples is not None:
        speech.write_webm(file, samples)
    payload = {"recording_id": recording_id, "call_id": "c" * 32, "path": path, **more}
    jobs.enqueue(world.db, world.clock, "transcribe", recording_id, tenant.tenant_id, payload)
    return recording_id


def journalled(settings: Settings) -> list[Any]:
    """Every record in the transcribers' journals, in order of writing."""
    entries = []
    for segment in feed.segments(settings.journal_dir):
        if segment.startswith("transcribe-"):
            lines = feed.read(settings.journal_dir, segment)
            entries += [feed.decode(line.raw) for line in lines]
    return [entry.record for entry in entries if entry.record is not None]


def transcripts(settings: Settings) -> list[TranscriptRecord]:
    return [r for r in journalled(settings) if isinstance(r, TranscriptRecord)]


def state_of(world: World, recording_id: str) -> jobs.JobView:
    view = jobs.look(world.db, world.clock, "transcribe", recording_id)
    assert view is not None
    return view


MakeTranscriber = Callable[..., Transcriber]


@contextlib.contextmanager
def transcribers(world: World, clock: SystemClock) -> Iterator[MakeTranscriber]:
    """Makes transcribers in this process, with the model that it has loaded already unless told otherwise."""
    with contextlib.ExitStack() as stack:

        def make(
            decoder: Decode = decode_speech,
            stop: threading.Event | None = None,
            journal_type: type[Journal] = Journal,
            steps: Any = (),
            load: Load = lambda settings: speech.recogniser(),
            **settings: Any,
        ) -> Transcriber:
            chosen = world.settings.model_copy(update={"model_dir": speech.model().path, **settings})
            journal = journal_type(chosen.journal_dir, "transcribe-0", clock)
            stack.callback(journal.close)
            stopped = stop or threading.Event()
            return Transcriber(chosen, world.db, clock, journal, "transcribe-0", decoder, stopped, steps, load)

        yield make


def started(world: World) -> subprocess.Popen[bytes]:
    """`callbench transcribe` as the supervisor starts it."""
    environment = {**os.environ, "CALLBENCH_MODEL_DIR": str(speech.model().path)}
    command = [sys.executable, "-m", "pbx_core.cli", "--data", str(world.settings.data), "transcribe", "--slot", "0"]
    return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
