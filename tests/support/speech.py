"""Real speech and the real model for tests: the demonstration's dialogues, one loaded model per test process."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from analytics import models, transcript
from analytics.asr import RATE, Recogniser
from pbx_core.demo import dialogues
from pbx_core.domain.records import Party, TranscriptRecord
from pbx_core.media import recording
from pbx_core.settings import load

Samples = NDArray[np.float32]  # shape (n, 2) or (n,), 16 kHz
SUBJECT = transcript.Subject("5" * 32, "7" * 32, "a" * 32)


@functools.cache
def model() -> models.Model:
    """The packaged weights, put together once for this test process."""
    directory = tempfile.mkdtemp(prefix="callbench-model-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return models.ensure(load(directory))


@functools.cache
def recogniser() -> Recogniser:
    """The loaded model."""
    return Recogniser(model())


@functools.cache
def dialogue(name: str) -> Samples:
    """A demonstration dialogue as a decoded recording, shape (n, 2), caller left."""
    spoken = dialogues.load(name)
    return np.stack([_wideband(spoken.caller_wav), _wideband(spoken.callee_wav)], axis=1)


def _wideband(path: Path) -> Samples:
    """An 8 kHz file at 16 kHz."""
    samples, rate = soundfile.read(path, dtype="float32")
    assert rate * 2 == RATE
    doubled = np.fft.irfft(np.fft.rfft(samples), 2 * len(samples)) * 2
    return doubled.astype(np.float32)


def transcribe(samples: Samples, languages: tuple[str, ...] = ("en", "ru")) -> TranscriptRecord:
    """The transcript of a recording, as the transcriber makes it."""
    speech = transcript.listen(samples)
    return transcript.transcribe(SUBJECT, samples, speech, languages, recogniser(), lambda share: None)


def text_of(record: TranscriptRecord, party: Party) -> str:
    """Everything one party was heard to say."""
    return " ".join(u.text for u in record.utterances if u.party is party)


def write_webm(path: Path, samples: Samples) -> None:
    """Write a stereo recording by the recorder's own code."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sides = (np.clip(samples * 32767, -32768, 32767)).astype("<i2")
    caller, callee = (recording.Track(np.ascontiguousarray(sides[:, n]), 0) for n in (0, 1))
    recording.join(caller, callee, RATE, path, bitrate=24000, peaks_per_s=20)
