"""The spool: where a worker leaves the raw sound of a call, and the recorder finds it.

`<data>/spool/<tenant_id>/<recording_id>/` holds one segment of a call: `caller.wav` and, but for a message left in a
mailbox, `callee.wav` (mono, 8 kHz, 16 bit, as the engine writes them), `meta.json` (written and fsynced as soon as
the recorders run) and `ended.json` (written when the call has ended, by the worker or by recovery after its death).
A folder with `ended.json` is ready to be made into one stereo file; the recorder removes the folder after its journal
line and its job are on disk. Names that begin with a dot are being removed.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from pbx_core.domain import records

T = TypeVar("T")

CALLER_WAV = "caller.wav"
CALLEE_WAV = "callee.wav"


@dataclass(frozen=True)
class SpoolMeta:
    """What is known when the recorders have started."""

    recording_id: str
    call_id: str
    tenant_id: str
    worker: str
    started_at: datetime  # wall clock of the earlier recorder's start
    caller_offset_ms: int  # how much later than started_at the caller's recorder started
    callee_offset_ms: int
    consent_basis: str
    segment: int = 1  # of the call
    kind: str = "conversation"  # conversation, voicemail (the caller's side alone)
    caller_number: str = ""  # who speaks on each side
    callee_number: str = ""
    queue: str = ""  # through which the caller came; "" none


@dataclass(frozen=True)
class SpoolEnd:
    """What is known when the call has ended."""

    ended_at: datetime  # of the segment
    talk_s: float  # how long the segment should be
    aborted: bool
    faults: tuple[str, ...]  # "disk_full", "starved: 3.1 % of the callee's frames", …; empty when all is well
    pauses: tuple[tuple[float, float], ...] = ()  # start_s, end_s of silence on purpose


def folder(spool_dir: Path, tenant_id: str, recording_id: str) -> Path:
    """Where a recording's raw sound lies. Both ids are made by us: 32 hex digits."""
    for part in (tenant_id, recording_id):
        if not (len(part) == 32 and all(c in "0123456789abcdef" for c in part)):
            raise ValueError(f"not an id of ours: {part!r}")
    return spool_dir / tenant_id / recording_id


def write_meta(path: Path, meta: SpoolMeta) -> None:
    """Write meta.json atomically and durably."""
    _write(path / "meta.json", meta)


def write_end(path: Path, end: SpoolEnd) -> None:
    """Write ended.json atomically and durably; the folder is ready from then on."""
    _write(path / "ended.json", end)


def read_meta(path: Path) -> SpoolMeta | None:
    """The meta data, or None when the worker died before it wrote them. ValueError when damaged."""
    return _read(path / "meta.json", SpoolMeta)


def read_end(path: Path) -> SpoolEnd | None:
    """How it ended, or None while the call runs. ValueError when damaged."""
    return _read(path / "ended.json", SpoolEnd)


def ready(spool_dir: Path) -> Iterator[Path]:
    """Folders whose call has ended, in no particular order."""
    for path in spool_dir.glob("*/*/ended.json"):
        yield path.parent


def remove(path: Path) -> None:
    """Take a folder out of the spool, whole or not at all: a half-removed one would be taken for a silent call."""
    gone = path.parent.parent / f".done-{path.name}"
    path.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def sweep(spool_dir: Path) -> None:
    """Delete what a process killed inside remove() left."""
    for gone in spool_dir.glob(".done-*"):
        shutil.rmtree(gone, ignore_errors=True)


def _write(path: Path, value: object) -> None:
    scratch = path.with_suffix(".tmp")
    with scratch.open("w") as file:
        json.dump(records.to_json(value), file)
        file.flush()
        os.fsync(file.fileno())
    scratch.rename(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        text = path.read_text()
    except FileNotFoundError:
        return None
    try:
        return records.from_json(kind, json.loads(text))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: {error}") from error
