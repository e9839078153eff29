"""Sound that people send us (MP3, WAV, OGG) or that was recorded, decoded to telephone samples.

The file is opened by us, never through a link, and reaches ffmpeg through a pipe as the format that its first bytes
show: no file name, playlist or address in it can make ffmpeg read anything else.
"""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import imageio_ffmpeg

from pbx_core.errors import InputError, Unavailable
from pbx_core.media.level import RATE, Samples, from_pcm

BYTES_MAX = 5 << 20
SOUND_S_MAX = 600.0
DECODE_S_MAX = 60.0
_FFMPEG_THREADS = "1"


def decode_upload(source: Path) -> Samples:
    """An uploaded file as mono samples at 8 kHz. InputError says what is wrong with it."""
    content = _content(source)
    form = _form(content)
    if form is None:
        raise InputError("only MP3, WAV and OGG files can be played; this is none of them", error_id="not_a_sound")
    samples = decode(content, form, None)
    if len(samples) < RATE // 50:
        raise InputError("there is no sound in this file", error_id="not_a_sound")
    if len(samples) > SOUND_S_MAX * RATE:
        raise InputError(f"the sound is longer than {SOUND_S_MAX / 60:g} minutes", error_id="too_long", status=413)
    return samples


def decode(content: bytes, form: str, channel: int | None) -> Samples:
    """Bytes of a known format as mono samples at 8 kHz, cut a second after SOUND_S_MAX; one channel, or all mixed.
    InputError when ffmpeg cannot read it, Unavailable when it does not end."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-protocol_whitelist", "pipe"]
    command += ["-threads", _FFMPEG_THREADS, "-f", form, "-i", "pipe:0", "-map", "0:a:0", "-t", str(SOUND_S_MAX + 1)]
    if channel is not None:
        command += ["-af", f"pan=mono|c0=c{channel}"]
    command += ["-ac", "1", "-ar", str(RATE), "-f", "s16le", "pipe:1"]
    try:
        done = subprocess.run(command, input=content, capture_output=True, timeout=DECODE_S_MAX, check=False)
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"ffmpeg did not end within {DECODE_S_MAX:g} s") from error
    if done.returncode and not done.stdout:
        raise InputError("ffmpeg cannot read this sound", error_id="not_a_sound")
    return from_pcm(done.stdout)


def _content(source: Path) -> bytes:
    try:
        handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise InputError(f"the file cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise InputError("this is not a file")
    with os.fdopen(handle, "rb") as file:
        content = file.read(BYTES_MAX + 1)
    if len(content) > BYTES_MAX:
        raise InputError(f"the file is larger than {BYTES_MAX >> 20} MB", error_id="too_large", status=413)
    return content


def _form(content: bytes) -> str | None:
    """ffmpeg's name of the format that the first bytes show."""
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        return "wav"
    if content[:4] == b"OggS":
        return "ogg"
    if content[:3] == b"ID3" or (len(content) > 1 and content[0] == 0xFF and content[1] & 0xE0 == 0xE0):
        return "mp3"
    return None
