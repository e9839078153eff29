"""What the speech engine gave for a chunk, when not to trust it, and which chunks go together. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pbx_core.domain.records import Word

TRIM_S_MIN = 2.0  # shorter chunks keep a longer window than they need: trimmed, their error rate rises
BATCH_MAX = 4
BATCH_S_MAX = 60.0  # bounds memory, and how long a stopping process must wait
BATCH_SPREAD = 1.5  # a batch costs as much as its longest chunk: longest / shortest stays under this
COMPRESSION_MAX = 2.0  # suspicious beyond: loops compress well
LOGPROB_MIN = -1.0
TOKENS_PER_S_MAX = 10.0


@dataclass(frozen=True)
class Heard:
    """What one chunk gave. Word times are seconds from the chunk's start. `capped`: the engine was stopped at the
    token limit, which ends loops but may cut fast speech."""

    words: tuple[Word, ...]
    tokens: int
    avg_logprob: float
    no_speech: float
    compression: float
    capped: bool


def suspicion(heard: Heard, duration_s: float) -> str | None:
    """Why a result should not be trusted at first sight, or None."""
    if heard.compression > COMPRESSION_MAX:
        return "repeats itself"
    if heard.avg_logprob < LOGPROB_MIN:
        return "improbable"
    if heard.capped:
        return "not finished"
    if heard.tokens > 8 and heard.tokens / duration_s > TOKENS_PER_S_MAX:
        return "too fast"
    return None


def batches(lengths_s: Sequence[float], most: int = BATCH_MAX) -> list[list[int]]:
    """Indices of chunks that are decoded together: similar in length, at most `most` and BATCH_S_MAX; short ones
    apart from those that are trimmed. Longest first."""
    order = sorted(range(len(lengths_s)), key=lambda i: -lengths_s[i])
    out: list[list[int]] = []
    for i in order:
        head = lengths_s[out[-1][0]] if out else 0.0
        short = lengths_s[i] < TRIM_S_MIN
        fits = head < TRIM_S_MIN if short else head <= BATCH_SPREAD * lengths_s[i]
        if out and len(out[-1]) < most and fits and (len(out[-1]) + 1) * head <= BATCH_S_MAX:
            out[-1].append(i)
        else:
            out.append([i])
    return out
