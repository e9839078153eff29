"""Small stereo recordings as the recorder leaves them: WebM/Opus with the caller left, the callee right, and peaks."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from pbx_core.domain.records import RecordingRecord, TurnsRecord
from pbx_core.settings import Settings

RATE = 8000
PER_S = 20
PITCH_HZ = {"caller": 180.0, "callee": 120.0}


def whole(recording: RecordingRecord) -> bool:
    """Whether nothing is missing, and the only blame, if there is any, is a machine that had no time for it."""
    reasons = (recording.quality_reason or "").split("; ")
    return recording.quality == "ok" or (
        recording.quality == "degraded" and all(r.startswith("starved") for r in reasons)
    )


def put(settings: Settings, recording: RecordingRecord, turns: TurnsRecord | None) -> Path:
    """Make the files that `recording` names: a hum per party wherever `turns` says that he speaks."""
    channels = [_voice(recording, turns, party) for party in PITCH_HZ]
    path = settings.recordings_dir / recording.path
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = (np.stack(channels, axis=1) * 32000).astype("<i2")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-f", "s16le", "-ar", str(RATE), "-ac", "2"]
    command += ["-i", "-", "-c:a", "libopus", "-b:a", "24k", "-cues_to_front", "1", "-f", "webm", str(path)]
    subprocess.run(command, input=samples.tobytes(), check=True)
    caller, callee = (_peaks(c) for c in channels)
    peaks = {"version": 1, "per_s": PER_S, "caller": caller, "callee": callee}
    (settings.recordings_dir / recording.peaks_path).write_text(json.dumps(peaks))
    return path


def _voice(recording: RecordingRecord, turns: TurnsRecord | None, party: str) -> np.ndarray:
    t = np.arange(int(recording.duration_s * RATE)) / RATE
    out = np.zeros_like(t)
    segments = next((p.segments for p in turns.parties if p.party == party), ()) if turns else ()
    rng = np.random.default_rng(len(party))
    for start_s, end_s in segments:
        part = slice(int(start_s * RATE), int(end_s * RATE))
        syllables = 0.35 + 0.65 * np.abs(np.sin(2 * np.pi * (1.7 + rng.random()) * t[part]))
        tone = sum(np.sin(2 * np.pi * PITCH_HZ[party] * k * t[part]) / k for k in (1, 2, 3, 5))
        out[part] = 0.25 * tone * syllables * (0.6 + 0.4 * rng.random())
    return out


def _peaks(channel: np.ndarray) -> list[int]:
    block = RATE // PER_S
    whole = channel[: len(channel) // block * block].reshape(-1, block)
    return [int(v) for v in np.clip(np.abs(whole).max(axis=1) * 127, 0, 127)]
