"""What the speech engine gave for a chunk, when not to trust it, and which chunks go together. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pbx_core.domain.records import Word

WINDOW_S_MIN = 7.0  # shorter chunks get the same window: they cost as much
BATCH_MAX = 4  # of a processor: what more of them hold at once does not fit its cache, and every word costs more
BATCH_S_MAX = 80.0  # bounds memory, and how long a stopping process must wait
BATCH_SPREAD = 1.12  # a batch costs as much as its longest chunk: longest / shortest stays under this
COMPRESSION_MAX = 2.0  # suspicious beyond: loops compress well
LOGPROB_MIN = -1.0
TOKENS_PER_S_MAX = 10.0
REPEATED_WORDS_MIN = 5  # said twice in a row: people do it, loops do it more often


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
    if heard.compression > COMPRESSION_MAX or _repeats([w.text.strip(".,!?").lower() for w in heard.words]):
        return "repeats itself"
    if heard.avg_logprob < LOGPROB_MIN:
        return "improbable"
    if heard.capped:
        return "not finished"
    if heard.tokens > 8 and heard.tokens / duration_s > TOKENS_PER_S_MAX:
        return "too fast"
    return None


def _repeats(words: Sequence[str]) -> bool:
    """Whether REPEATED_WORDS_MIN words or more are followed by the same again."""
    most = len(words) // 2
    return any(
        words[i : i + size] == words[i + size : i + 2 * size]
        for size in range(REPEATED_WORDS_MIN, most + 1)
        for i in range(len(words) - 2 * size + 1)
    )


def batches(lengths_s: Sequence[float], most: int = BATCH_MAX) -> list[list[int]]:
    """Indices of chunks that are decoded together: similar in length, at most `most` and BATCH_S_MAX. Longest first."""
    cost_s = [max(s, WINDOW_S_MIN) for s in lengths_s]
    out: list[list[int]] = []
    for i in sorted(range(len(lengths_s)), key=lambda i: -lengths_s[i]):
        head_s = cost_s[out[-1][0]] if out else 0.0
        fits = out and len(out[-1]) < most and head_s <= BATCH_SPREAD * cost_s[i]
        if fits and (len(out[-1]) + 1) * head_s <= BATCH_S_MAX:
            out[-1].append(i)
        else:
            out.append([i])
    return out
