"""Sound in and out of files: decoding, M4A for browsers without WebM, clips. Uses the ffmpeg binary that pip brought.

A file may come from outside, so ffmpeg gets it as a plain file of a known container and may open nothing else (a
playlist named `.wav` could otherwise make it read other files or addresses).
"""

from __future__ import annotations

import os
import re
import struct
import subprocess
import threading
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import numpy.typing as npt

from pbx_core.errors import InputError, Unavailable

SPEECH_RATE = 16_000  # what speech models listen to
SECONDS_MAX = 5 * 3600.0  # longer files are refused: a call ends after four hours
FFMPEG_S_MAX = 900.0  # ffmpeg is stopped after so long; five hours of sound need a tenth of it
CONTAINERS = "matroska,wav,mov,ogg,flac,mp3,au"  # by the name of ffmpeg's reader; WebM is matroska, M4A is mov
M4A_RATE = 16_000
M4A_BITRATE = 48_000
CUT_BITRATE = 48_000  # of a copy with stretches cut out: both sides in one Opus stream, as any player takes it
CUTS_MAX = 400  # stretches: ffmpeg asks for each of them 100 times a second; the nearest are joined until so few
KEPT_BYTES_MAX = 1 << 30  # of M4A files in one folder; the ones not asked for the longest go first
CUT_S = 0.25  # a file that plays so much less than its header says is damaged
FADE_MS = 5  # at both ends of a clip, against clicks

Samples = npt.NDArray[np.float32]

_LENGTH = re.compile(r"^  Duration: (\d+):(\d+):([\d.]+)", re.MULTILINE)  # as ffmpeg prints it
_one_at_a_time = [threading.Lock() for _ in range(16)]  # by file: Safari asks for several ranges at once


def decode(path: Path, rate: int | None = None, channels: tuple[int, ...] = (2,)) -> tuple[Samples, int]:
    """The sound of a stereo file and its sample rate. samples: float32, shape (n, 2), −1..1; column 0 caller, column
    1 callee. `rate`: resample to it; else as stored (Opus: 48 kHz). InputError, naming the file, when it is missing,
    damaged, cut short, not stereo or longer than SECONDS_MAX. `channels`: which numbers of them are taken."""
    samples, found_rate, promised_s = _decode(path, [] if rate is None else [f"aresample={rate}"], channels)
    found_s = len(samples) / found_rate
    if found_s > SECONDS_MAX:
        raise InputError(f"{path.name} is longer than {SECONDS_MAX / 3600:.0f} hours.", error_id="too_long", status=413)
    if found_s < promised_s - CUT_S:
        raise InputError(
            f"{path.name} is damaged: it plays {found_s:.2f} s of {promised_s:.2f} s.", error_id="bad_sound", status=422
        )
    return samples, found_rate


def stretch(path: Path, start_s: float, end_s: float, rate: int) -> Samples:
    """The part of decode(path, rate) from start_s to end_s, to the sample; shorter, or empty, behind the end."""
    first, last = round(start_s * rate), round(end_s * rate)
    return _decode(path, [f"aresample={rate}", f"atrim=start_sample={first}:end_sample={last}"])[0]


def decode_speech(path: Path) -> Samples:
    """decode() at 16 kHz, without the rate: what speech recognition takes. Also a file of one channel, shape (n, 1)."""
    return decode(path, SPEECH_RATE, (1, 2))[0]


def m4a(path: Path, out: Path) -> None:
    """Write `out`, AAC with its index in front. It appears whole or not at all. InputError for a damaged `path`,
    Unavailable when the disk refuses."""
    scratch = _scratch(out)
    try:
        coding = ["-c:a", "aac", "-b:a", str(M4A_BITRATE), "-ar", str(M4A_RATE)]
        muxing = ["-movflags", "+faststart", "-f", "ipod", str(scratch)]
        # times counted from the samples: else this ffmpeg puts the sound of a WebM 32 ms too early
        _run([*_ffmpeg(), "-y", *_input(path), "-map", "0:a:0", "-af", "asetpts=N/SR/TB", *coding, *muxing], path)
        scratch.rename(out)
    finally:
        scratch.unlink(missing_ok=True)


def without(path: Path, stretches: Sequence[tuple[float, float]], out: Path) -> None:
    """Write `out`, WebM/Opus as long as `path`, with silence on both sides where `stretches` (start_s, end_s; in order)
    lie. It appears whole or not at all. Errors as m4a()."""
    scratch = _scratch(out)
    inside = "+".join(f"between(t,{start:.3f},{end:.3f})" for start, end in _at_most(stretches, CUTS_MAX))
    try:
        coding = ["-c:a", "libopus", "-b:a", str(CUT_BITRATE), "-fflags", "+bitexact", "-cues_to_front", "1"]
        # 10 ms at a time: silence begins and ends with a block
        mute = f"asetpts=N/SR/TB,asetnsamples=480:p=0,volume=0:enable='{inside}'"
        _run([*_ffmpeg(), "-y", *_input(path), "-map", "0:a:0", "-af", mute, *coding, "-f", "webm", str(scratch)], path)
        scratch.rename(out)
    finally:
        scratch.unlink(missing_ok=True)


def _at_most(stretches: Sequence[tuple[float, float]], count: int) -> list[tuple[float, float]]:
    """At most `count` stretches that cover them all: those with the shortest pauses between them are joined."""
    pauses = sorted(range(1, len(stretches)), key=lambda i: stretches[i][0] - stretches[i - 1][1])
    joined = set(pauses[: max(0, len(stretches) - count)])
    out: list[tuple[float, float]] = []
    for place, (start, end) in enumerate(stretches):
        if place in joined:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((start, end))
    return out


def as_m4a(recording: Path, kept: Path) -> Path:
    """The recording as M4A at `kept`, made on the first demand; safe for many at once. The folder of `kept` holds
    KEPT_BYTES_MAX at most. Errors as m4a()."""
    kept.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    with _one_at_a_time[hash(kept) % len(_one_at_a_time)]:
        try:
            fresh = kept.stat().st_mtime >= recording.stat().st_mtime
        except FileNotFoundError:
            fresh = False
        if fresh:
            os.utime(kept)
        else:
            m4a(recording, kept)
            _forget_oldest(kept)
    return kept


def clip(path: Path, start_s: float, end_s: float, out: Path) -> None:
    """Write a stretch of a recording; the suffix of `out` says how: .wav, .m4a or .webm. InputError when the stretch
    is empty or lies behind the end, when the suffix is another, or when the file is damaged."""
    codecs = {".wav": ("wav", None), ".m4a": ("ipod", "aac"), ".webm": ("webm", "libopus")}
    if out.suffix not in codecs:
        raise InputError(f"A clip is a {', '.join(codecs)} file, not {out.name}.", error_id="bad_suffix")
    if not 0 <= start_s < end_s <= SECONDS_MAX:
        raise InputError(f"There is nothing between {start_s:g} s and {end_s:g} s.", error_id="bad_stretch")
    samples = stretch(path, start_s, end_s, SPEECH_RATE)
    if not len(samples):
        raise InputError(f"{path.name} ends before {start_s:g} s.", error_id="bad_stretch")
    segment_type = _pydub()
    pcm = (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()
    segment = segment_type(pcm, sample_width=2, frame_rate=SPEECH_RATE, channels=2)
    form, codec = codecs[out.suffix]
    scratch = _scratch(out)
    try:
        segment.fade_in(FADE_MS).fade_out(FADE_MS).export(str(scratch), format=form, codec=codec).close()
        scratch.rename(out)
    finally:
        scratch.unlink(missing_ok=True)


def _pydub() -> Any:
    """pydub's AudioSegment with pip's ffmpeg; it is handed samples, so that it never looks for ffprobe."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "Couldn't find ffmpeg": it is told where below
        from pydub import AudioSegment
    AudioSegment.converter = imageio_ffmpeg.get_ffmpeg_exe()
    return AudioSegment


def _ffmpeg() -> list[str]:
    return [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-v", "error", "-nostdin"]


def _decode(path: Path, filters: list[str], channels: tuple[int, ...] = (2,)) -> tuple[Samples, int, float]:
    """Samples, sample rate, and the length in seconds that the file's header promises (0 when it does not say)."""
    if not path.is_file():
        raise InputError(f"There is no sound file {path.name}.", error_id="no_file", status=404)
    command = [*_ffmpeg(), "-v", "info", "-nostats", "-xerror", *_input(path), "-t", f"{SECONDS_MAX + 1:.0f}"]
    command += ["-map", "0:a:0", "-af", ",".join([*filters, "anull"]), "-c:a", "pcm_f32be", "-f", "au", "pipe:1"]
    raw, said = _run(command, path)
    promised = _LENGTH.search(said)
    hours, minutes, seconds = promised.groups() if promised else ("0", "0", "0")
    return *_parse_au(raw, path, channels), int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _input(path: Path) -> list[str]:
    only = ["-protocol_whitelist", "file", "-format_whitelist", CONTAINERS]
    return [*only, "-i", f"file:{path.absolute()}"]


def _run(command: list[str], path: Path) -> tuple[bytes, str]:
    """What ffmpeg wrote to stdout and stderr."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=FFMPEG_S_MAX, check=False)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"Reading {path.name} took longer than {FFMPEG_S_MAX:.0f} s.", retryable=False) from None
    said = done.stderr.decode(errors="replace")
    if done.returncode == 0:
        return done.stdout, said
    reason = (said.strip().splitlines() or ["no reason given"])[-1][:300]
    if "No space left" in reason or done.returncode < 0:
        raise Unavailable(f"{path.name} could not be converted: {reason}.")
    raise InputError(f"{path.name} is damaged or not a sound file: {reason}.", error_id="bad_sound", status=422)


def _parse_au(raw: bytes, path: Path, wanted: tuple[int, ...]) -> tuple[Samples, int]:
    """ffmpeg's AU stream: six big-endian words, then big-endian floats."""
    if len(raw) < 24 or raw[:4] != b".snd":
        raise InputError(f"{path.name} holds no sound.", error_id="bad_sound", status=422)
    offset, _, _, rate, channels = struct.unpack(">5I", raw[4:24])
    if channels not in wanted:
        raise InputError(
            f"{path.name} has {channels} channel(s) where two are needed, the caller's and the callee's.",
            error_id="not_stereo",
            status=422,
        )
    samples = np.frombuffer(raw, ">f4", offset=offset).astype(np.float32)
    return samples.reshape(-1, channels), int(rate)


def _scratch(out: Path) -> Path:
    return out.with_name(f".{out.name}.{os.urandom(4).hex()}.tmp")


def _forget_oldest(newest: Path) -> None:
    files = [(p.stat().st_mtime, p.stat().st_size, p) for p in newest.parent.glob("*.m4a") if p != newest]
    total = newest.stat().st_size + sum(size for _, size, _ in files)
    for _, size, path in sorted(files, key=lambda f: f[0]):
        if total <= KEPT_BYTES_MAX:
            return
        path.unlink(missing_ok=True)
        total -= size
