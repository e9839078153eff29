"""Reads the sound of a call while it is being recorded: the two WAV files that grow in the spool.

The layout is the worker's (pbx_core.media.spool): `caller.wav` and, but for a message in a mailbox, `callee.wav`,
mono, 8 kHz, 16 bit; `meta.json` as soon as both run, `ended.json` when the call is over. The lengths in their headers
are not true before the end, so the size of the file counts; nothing is read beyond what both sides have.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbx_core.errors import InputError

RATE = 8_000
HEADER_BYTES = 44  # as the engine writes it
READ_S_MAX = 30.0  # at once
OFFSET_MS_MAX = 10_000  # between the starts of both recorders; more is a broken meta.json
_FORMAT = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, RATE * 2, 2, 16)


@dataclass(frozen=True)
class Growing:
    """A recording that may still grow. leads: samples of silence before each file's first, caller and callee; None:
    that side does not exist. Numbers: who speaks."""

    folder: Path
    call_id: str
    caller_number: str
    callee_number: str
    leads: tuple[int, int | None]

    @property
    def ended(self) -> bool:
        """Whether nothing more will come: the call is over, or the folder is gone."""
        return (self.folder / "ended.json").exists() or not (self.folder / "meta.json").exists()

    @property
    def frames(self) -> int:
        """How many samples both sides have, from the earlier one's start."""
        return min(lead + _samples(path) for path, lead in self._sides())

    def read(self, first: int) -> NDArray[np.int16]:
        """Samples from number `first` on, at most READ_S_MAX of them; shape (n, 2), column 0 caller; a side that does
        not exist is silent. InputError when a file is no such WAV."""
        last = min(self.frames, first + int(READ_S_MAX * RATE))
        out = np.zeros((max(0, last - first), 2), np.int16)
        for column, (path, lead) in enumerate(self._sides()):
            start, stop = max(first - lead, 0), last - lead
            if stop <= start:
                continue
            sound = _read(path, start, stop)
            at = start + lead - first
            out[at : at + len(sound), column] = sound
        return out

    def _sides(self) -> list[tuple[Path, int]]:
        names = ("caller.wav", "callee.wav")
        return [(self.folder / name, lead) for name, lead in zip(names, self.leads, strict=True) if lead is not None]


def find(spool_dir: Path, tenant_id: str, recording_id: str) -> Growing | None:
    """The recording, once its recorders run; None before that, after its end, and for what is not the tenant's.
    InputError when its description is damaged."""
    root = spool_dir.resolve() / tenant_id
    folder = (root / recording_id).resolve()
    if not tenant_id or not recording_id or not folder.is_relative_to(root) or folder == root:
        return None
    try:
        meta = json.loads((folder / "meta.json").read_text())
    except OSError:
        return None
    except ValueError as error:
        raise InputError(f"meta.json is damaged: {error}", error_id="bad_meta") from error
    if meta.get("tenant_id") != tenant_id:
        return None
    callee = None if meta.get("kind") == "voicemail" else _lead(meta, "callee_offset_ms")
    numbers = (str(meta.get("caller_number", "")), str(meta.get("callee_number", "")))
    return Growing(folder, str(meta.get("call_id", "")), *numbers, (_lead(meta, "caller_offset_ms"), callee))


def _lead(meta: dict[str, Any], name: str) -> int:
    value = meta.get(name)
    if not isinstance(value, int) or not 0 <= value <= OFFSET_MS_MAX:
        raise InputError(f"meta.json is damaged: {name} is {value!r}", error_id="bad_meta")
    return value * RATE // 1000


def _samples(path: Path) -> int:
    """By the size of the file; 0 while it is not there."""
    try:
        return max(0, path.stat().st_size - HEADER_BYTES) // 2
    except OSError:
        return 0


def _read(path: Path, start: int, stop: int) -> NDArray[np.int16]:
    """Samples start..stop of one file; fewer when it was taken away meanwhile."""
    try:
        with path.open("rb") as file:
            header = file.read(HEADER_BYTES)
            if header[:4] != b"RIFF" or header[12:36] != _FORMAT or header[36:40] != b"data":
                raise InputError(f"{path.name} is not a WAV file of the recorder's.", error_id="bad_sound")
            file.seek(HEADER_BYTES + 2 * start)
            content = file.read(2 * (stop - start))
    except OSError:
        return np.zeros(0, np.int16)
    return np.frombuffer(content[: len(content) // 2 * 2], "<i2").astype(np.int16)
