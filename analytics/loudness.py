"""How loud a party speaks: the level of its own speech alone, so that pauses make nobody quiet. Pure arithmetic."""

from __future__ import annotations

import math

import numpy as np

from analytics.vad import Floats, Segments

FLOOR_DBFS = -90.0  # quieter than the last bit of 16: no level can be told


def dbfs(channel: Floats, speech: Segments, rate: int) -> float | None:
    """Root mean square over the speech, in dB below full scale (a constant ±1 is 0 dBFS, a full sine −3). None
    without speech. channel: float32, shape (n,), −1..1; speech in seconds."""
    energy, count = 0.0, 0
    for start, end in speech:
        piece = channel[int(start * rate) : int(end * rate)].astype(np.float64)
        energy += float(np.dot(piece, piece))
        count += len(piece)
    if not count or energy <= 0:
        return None
    level = 10 * math.log10(energy / count)
    return round(level, 1) if level >= FLOOR_DBFS else None
