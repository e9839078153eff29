"""One sound file from outside: whether it can be played, how long it is, its waveform. libsndfile reads what PBXs write
(WAV with PCM, A-law, µ-law or GSM, MP3, Ogg, FLAC); what it cannot read is tried with ffmpeg."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from ingest import audio
from pbx_core.errors import InputError

HEADER_BYTES = 44  # of a WAV; a file of no more holds no sound
FULL = 127  # of a point of the waveform, as pbx_core.media.peaks writes it
_BLOCK_S = 60  # decoded at once
_PLAYED = {"PCM_16", "PCM_U8", "PCM_24", "PCM_32", "FLOAT", "ULAW", "ALAW", "MPEG_LAYER_III", "VORBIS", "OPUS"}
_PLAYED_SUFFIXES = {".wav", ".mp3", ".ogg", ".opus", ".flac", ".webm", ".m4a"}


@dataclass(frozen=True)
class Sound:
    """What is in a file. playable: browsers play it as it is; peaks: per channel, 0..127, one for 1/per_s seconds."""

    codec: str
    sample_rate: int
    channels: int
    duration_s: float
    playable: bool
    peaks: tuple[list[int], ...]


def look(path: Path, per_s: int) -> Sound:
    """Decode it all. InputError says why it cannot be: damaged, no sound, too long, more than two channels."""
    try:
        with soundfile.SoundFile(path) as file:
            return _of(file, path.suffix.lower(), per_s)
    except soundfile.LibsndfileError:
        samples, rate = audio.decode(path, None, (1, 2))
    count = len(samples)
    if not count:
        raise InputError(f"{path.name} holds no sound.", error_id="bad_sound", status=422)
    peaks = _Peaks(samples.shape[1], rate, per_s)
    peaks.add(samples)
    codec = path.suffix.lower().lstrip(".")
    playable = path.suffix.lower() in {".webm", ".m4a"}
    return Sound(codec, rate, samples.shape[1], count / rate, playable, peaks.done())


def _of(file: soundfile.SoundFile, suffix: str, per_s: int) -> Sound:
    if file.channels not in (1, 2):
        raise InputError(f"it has {file.channels} channels", error_id="bad_sound", status=422)
    if file.frames > audio.SECONDS_MAX * file.samplerate:
        raise InputError(f"it is longer than {audio.SECONDS_MAX / 3600:.0f} hours", error_id="too_long", status=413)
    peaks = _Peaks(file.channels, file.samplerate, per_s)
    count = 0
    for block in _blocks(file):
        peaks.add(block)
        count += len(block)
    if not count:
        raise InputError("it holds no sound", error_id="bad_sound", status=422)
    playable = file.subtype in _PLAYED and suffix in _PLAYED_SUFFIXES
    playable = playable or (file.format == "FLAC" and suffix == ".flac")
    return Sound(file.subtype.lower(), file.samplerate, file.channels, count / file.samplerate, playable, peaks.done())


def _blocks(file: soundfile.SoundFile) -> Iterator[npt.NDArray[np.float32]]:
    while len(block := file.read(_BLOCK_S * file.samplerate, dtype="float32", always_2d=True)):
        yield block


class _Peaks:
    """The loudest sample of each stretch of 1/per_s seconds, gathered over blocks."""

    def __init__(self, channels: int, rate: int, per_s: int) -> None:
        self._width = max(1, rate // per_s)
        self._rest = np.zeros((0, channels), np.float32)
        self._found: list[npt.NDArray[np.float32]] = []

    def add(self, block: npt.NDArray[np.float32]) -> None:
        block = np.concatenate([self._rest, block])
        whole = len(block) // self._width
        if whole:
            rows = block[: whole * self._width].reshape(whole, self._width, -1)
            self._found.append(np.abs(rows).max(axis=1))
        self._rest = block[whole * self._width :]

    def done(self) -> tuple[list[int], ...]:
        if len(self._rest):
            self._found.append(np.abs(self._rest).max(axis=0, keepdims=True))
        points = np.minimum(FULL, np.round(np.concatenate(self._found) * FULL)).astype(int)
        return tuple(points[:, i].tolist() for i in range(points.shape[1]))


def to_json(sound: Sound, per_s: int) -> bytes:
    """The waveform's file, as beside our own recordings; one channel is drawn as the caller's."""
    caller, callee = (*sound.peaks, [])[:2]
    body = {"version": 1, "per_s": per_s, "caller": caller, "callee": callee}
    return json.dumps(body, separators=(",", ":")).encode()


def rewrite(path: Path, out: Path, scratch: Path, *, swap: bool) -> None:
    """The same sound as Ogg/Opus, which browsers play; swap: exchange both channels. `out` appears whole, written first
    as `scratch`. InputError when it is damaged."""
    try:
        with soundfile.SoundFile(path) as file:
            rate = file.samplerate
            if rate not in (8000, 12000, 16000, 24000, 48000):  # what Opus takes
                raise InputError(f"its rate of {rate} Hz does not fit Opus", error_id="bad_sound", status=422)
            with soundfile.SoundFile(scratch, "w", rate, file.channels, format="OGG", subtype="OPUS") as made:
                for block in _blocks(file):
                    made.write(block[:, ::-1] if swap else block)
        scratch.rename(out)
    except soundfile.LibsndfileError as error:
        raise InputError(f"{path.name} cannot be converted: {error}.", error_id="bad_sound", status=422) from error
    finally:
        scratch.unlink(missing_ok=True)
