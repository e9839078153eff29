"""WAV files as the engine leaves them: how long they are, and the header of one whose writer was killed.

The engine writes the two length fields of the header when it closes the file; after kill -9 they are zero and the
sound is there all the same. Formats: RIFF/WAVE, the `fmt ` chunk, then `data`; other chunks are stepped over.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import IO

CHUNKS_MAX = 32  # chunks looked at before `data`; the engine writes one
PCM = 1


@dataclass(frozen=True)
class WavInfo:
    """Where the sound of a WAV lies and how much there is, by the size of the file when the header does not know."""

    sample_rate: int
    channels: int
    bits: int
    data_offset: int  # byte of the first sample
    frames: int
    sound: bool  # the header's lengths fit the file

    @property
    def duration_s(self) -> float:
        return self.frames / self.sample_rate


def probe(path: Path) -> WavInfo:
    """Read the header; ValueError says why it is no WAV of PCM samples, FileNotFoundError when it is not there."""
    with path.open("rb") as file:
        return _probe(file, path)


def repair(path: Path) -> WavInfo:
    """Probe, and correct the header's lengths when they do not fit the file (on disk when this returns)."""
    with path.open("r+b") as file:
        info = _probe(file, path)
        if info.sound:
            return info
        size = file.seek(0, os.SEEK_END)
        data_bytes = info.frames * info.channels * info.bits // 8
        file.seek(4)
        file.write(struct.pack("<I", min(size - 8, 0xFFFFFFFF)))
        file.seek(info.data_offset - 4)
        file.write(struct.pack("<I", min(data_bytes, 0xFFFFFFFF)))
        file.flush()
        os.fsync(file.fileno())
        return WavInfo(info.sample_rate, info.channels, info.bits, info.data_offset, info.frames, True)


def _probe(file: IO[bytes], path: Path) -> WavInfo:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(12)
    if size == 0:
        raise ValueError(f"{path.name} is empty")
    if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
        raise ValueError(f"{path.name} is not a WAV file")
    riff_length = struct.unpack("<I", head[4:8])[0]
    form: tuple[int, int, int] | None = None
    for _ in range(CHUNKS_MAX):
        chunk = file.read(8)
        if len(chunk) < 8:
            raise ValueError(f"{path.name} ends before its sound")
        name, length = chunk[:4], struct.unpack("<I", chunk[4:])[0]
        if name == b"data":
            if form is None:
                raise ValueError(f"{path.name} has no format chunk")
            return _measured(form, file.tell(), length, size, riff_length == size - 8)
        body = file.read(length + length % 2) if length < 65536 else b""
        if len(body) < length:
            raise ValueError(f"{path.name} ends inside its header")
        if name == b"fmt ":
            form = _format(body, path)
    raise ValueError(f"{path.name} has no sound chunk")


def _format(body: bytes, path: Path) -> tuple[int, int, int]:
    if len(body) < 16:
        raise ValueError(f"{path.name} has a broken format chunk")
    tag, channels, sample_rate, _, _, bits = struct.unpack("<HHIIHH", body[:16])
    if tag != PCM or bits != 16 or not 1 <= channels <= 8 or not 1000 <= sample_rate <= 192_000:
        raise ValueError(f"{path.name} is not 16-bit PCM ({tag=}, {bits=}, {channels=}, {sample_rate=})")
    return sample_rate, channels, bits


def _measured(form: tuple[int, int, int], data_offset: int, length: int, size: int, riff_fits: bool) -> WavInfo:
    sample_rate, channels, bits = form
    fits = riff_fits and data_offset + length <= size and (length > 0 or size == data_offset)
    data_bytes = length if fits else size - data_offset
    return WavInfo(sample_rate, channels, bits, data_offset, data_bytes // (channels * bits // 8), fits)
