"""The waveform of a recording: the loudest sample of every twentieth of a second, per channel."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

VERSION = 1
FULL = 127  # value of the loudest possible sample


def of_channel(samples: npt.NDArray[np.int16], sample_rate: int, per_s: int) -> list[int]:
    """One value 0..127 per 1/per_s seconds, the last one perhaps of a shorter stretch. samples: shape (n,), one
    channel, 16 bit; a column of an interleaved array should be copied first (numpy is ten times slower on it)."""
    width = max(1, sample_rate // per_s)
    whole = len(samples) // width
    rows = samples[: whole * width].reshape(whole, width)
    loudest = np.maximum(rows.max(axis=1).astype(np.int32), -rows.min(axis=1).astype(np.int32)) if whole else []
    values = [min(FULL, (int(v) * FULL + 16383) // 32767) for v in loudest]
    rest = samples[whole * width :].astype(np.int32)
    if len(rest):
        values.append(min(FULL, (int(np.abs(rest).max()) * FULL + 16383) // 32767))
    return values


def to_json(per_s: int, caller: Sequence[int], callee: Sequence[int]) -> bytes:
    """The file that lies beside a recording."""
    body = {"version": VERSION, "per_s": per_s, "caller": list(caller), "callee": list(callee)}
    return json.dumps(body, separators=(",", ":")).encode()
