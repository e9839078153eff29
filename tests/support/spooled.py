"""Spool folders as a worker leaves them, made from samples."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pbx_core import clock
from pbx_core.media import spool

RATE = 8000
STARTED = datetime(2026, 3, 4, 5, 6, 7, 890000, UTC)

Samples = npt.NDArray[np.int16]


def tone(seconds: float, hz: float = 440.0, level: float = 0.5) -> Samples:
    """A sine, int16 mono 8 kHz."""
    t = np.arange(round(seconds * RATE)) / RATE
    return (level * 32767 * np.sin(2 * np.pi * hz * t)).astype(np.int16)


def burst(seconds: float, at_s: float, length_s: float = 0.1) -> Samples:
    """Silence with one burst of a tone."""
    out = np.zeros(round(seconds * RATE), np.int16)
    sound = tone(length_s, 1000)
    first = round(at_s * RATE)
    out[first : first + len(sound)] = sound
    return out


def wav_bytes(samples: Samples, *, killed: bool = False, rate: int = RATE) -> bytes:
    """A WAV as the engine writes it; `killed`: with the lengths a killed writer leaves in its header, zero."""
    data = samples.tobytes()
    riff, length = (0, 0) if killed else (36 + len(data), len(data))
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16)
    return struct.pack("<4sI4s", b"RIFF", riff, b"WAVE") + fmt + struct.pack("<4sI", b"data", length) + data


def tone_file(path: Path, hertz: float, seconds: float) -> Path:
    """A WAV with a steady tone, for a phone to speak."""
    path.write_bytes(wav_bytes(tone(seconds, hertz, 0.25)))
    return path


def make(
    spool_dir: Path,
    tenant_id: str,
    caller: Samples | bytes | None,
    callee: Samples | bytes | None,
    *,
    caller_offset_ms: int = 0,
    callee_offset_ms: int = 0,
    talk_s: float | None = None,
    faults: tuple[str, ...] = (),
    aborted: bool = False,
    killed: bool = False,
    ended: bool = True,
    segment: int = 1,
    kind: str = "conversation",
    pauses: tuple[tuple[float, float], ...] = (),
) -> Path:
    """A finished folder. Tracks: samples, raw bytes of a file, or None for no file. talk_s: the longer track's."""
    folder = spool.folder(spool_dir, tenant_id, clock.random_id())
    folder.mkdir(parents=True)
    for name, track in ((spool.CALLER_WAV, caller), (spool.CALLEE_WAV, callee)):
        if track is not None:
            (folder / name).write_bytes(track if isinstance(track, bytes) else wav_bytes(track, killed=killed))
    meta = spool.SpoolMeta(
        recording_id=folder.name,
        call_id=clock.random_id(),
        tenant_id=tenant_id,
        worker="worker-0",
        started_at=STARTED,
        caller_offset_ms=caller_offset_ms,
        callee_offset_ms=callee_offset_ms,
        consent_basis="notice",
        segment=segment,
        kind=kind,
        caller_number="101",
        callee_number="102",
    )
    spool.write_meta(folder, meta)
    if ended:
        longest = max((len(t) / RATE for t in (caller, callee) if isinstance(t, np.ndarray)), default=0.0)
        talked = longest if talk_s is None else talk_s
        spool.write_end(folder, spool.SpoolEnd(datetime.now(UTC), talked, aborted, faults, pauses))
    return folder
