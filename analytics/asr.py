"""The speech engine: the only file that imports faster_whisper. Voice activity, language, words.

Samples everywhere: float32, shape (n,), −1..1, 16 kHz, one channel. One Recogniser serves one thread; it computes
with one CPU thread (two waste a quarter), so use as many processes as cores.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from faster_whisper import BatchedInferencePipeline, WhisperModel
from faster_whisper.tokenizer import _LANGUAGE_CODES, Tokenizer
from faster_whisper.transcribe import TranscriptionOptions, get_suppressed_tokens, pad_or_trim
from faster_whisper.vad import get_vad_model

from analytics.models import Model
from analytics.vad import FRAME_S, Floats
from pbx_core.domain.records import Word
from pbx_core.errors import ConfigError

RATE = 16_000
VERSION = "asr-1"  # names the rules below; change one, change the version
WINDOW_FRAMES = 3000
TRIM_S_MIN = 2.0  # shorter chunks keep the full window: trimmed, their error rate rises
BATCH_MAX = 4
BATCH_S_MAX = 60.0  # bounds memory, and how long a stopping process must wait
BATCH_SPREAD = 1.5  # a batch costs as much as its longest chunk: longest / shortest stays under this
COMPRESSION_MAX = 2.0  # suspicious beyond: loops compress well
LOGPROB_MIN = -1.0
TOKENS_PER_S_MAX = 10.0
TOKENS_MAX = 200  # the decoder holds 448 with its prompt
NO_SPEECH_MIN = 0.6  # with a poor log-probability even after the second look: nothing was said
DETECT_S_MAX = 30.0


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


def speech_probabilities(channel: Floats) -> Floats:
    """Probability of speech per FRAME_S (silero v6), shape (ceil(n / 512),)."""
    step = round(FRAME_S * RATE)
    if not len(channel):
        return np.zeros(0, dtype=np.float32)
    padded = np.pad(channel, (0, -len(channel) % step))
    return np.asarray(get_vad_model()(padded), dtype=np.float32).reshape(-1)


class Recogniser:
    """A loaded model."""

    def __init__(self, model: Model) -> None:
        """Load the weights (0.4–1 s, about 300 MB). ConfigError when the directory is not a model."""
        self.model = model
        try:
            self._whisper = WhisperModel(
                str(model.path), device="cpu", compute_type="int8", cpu_threads=1, num_workers=1, local_files_only=True
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise ConfigError(
                f"The speech model in {model.path} cannot be loaded ({error}); recordings wait. Set model_dir to a "
                "CTranslate2 Whisper directory, or leave it out to use the packaged weights.",
                error_id="no_model",
            ) from error
        self._pipeline = BatchedInferencePipeline(self._whisper)
        self._tokenizers: dict[str, Tokenizer] = {}
        self.second_looks = 0  # chunks decoded again since the start

    @property
    def languages(self) -> frozenset[str]:
        """Codes this model can write."""
        return frozenset(_LANGUAGE_CODES) if self._whisper.model.is_multilingual else frozenset({"en"})

    def language_probabilities(self, speech: Floats) -> dict[str, float]:
        """How likely each language is, from up to 30 s of speech; sums to 1."""
        if not self._whisper.model.is_multilingual:
            return {"en": 1.0}
        features = self._features([speech[: int(DETECT_S_MAX * RATE)]], trimmed=True)
        (found,) = self._whisper.model.detect_language(self._whisper.encode(features))
        return {token[2:-2]: float(p) for token, p in found}

    def recognise(self, chunks: Sequence[Floats], language: str) -> list[Heard]:
        """Words of chunks of at most 30 s of speech each, in the given language; one Heard per chunk."""
        trimmed = min(map(len, chunks)) >= TRIM_S_MIN * RATE
        longest_s = max(map(len, chunks)) / RATE
        first = self._decode(chunks, language, beam=1, trimmed=trimmed, tokens_max=int(12 + 6 * longest_s))
        return [self._second_look(c, h, language) for c, h in zip(chunks, first, strict=True)]

    def _second_look(self, chunk: Floats, heard: Heard, language: str) -> Heard:
        """The result, or when it is suspicious that of a full window with beam 5; no words when even that is bad."""
        duration_s = len(chunk) / RATE
        if suspicion(heard, duration_s) is None:
            return heard
        self.second_looks += 1
        (again,) = self._decode([chunk], language, beam=5, trimmed=False, tokens_max=int(12 + 12 * duration_s))
        still = suspicion(again, duration_s)
        if still is not None and (again.no_speech > NO_SPEECH_MIN or again.compression > COMPRESSION_MAX):
            return dataclasses.replace(again, words=())
        return again

    def _decode(
        self, chunks: Sequence[Floats], language: str, *, beam: int, trimmed: bool, tokens_max: int
    ) -> list[Heard]:
        tokenizer = self._tokenizer(language)
        options = _options(tokenizer, beam, min(tokens_max, TOKENS_MAX))
        metadata = [{"offset": 0.0, "duration": len(c) / RATE} for c in chunks]
        self._pipeline.last_speech_timestamp = 0.0
        decoded = self._pipeline.forward(self._features(chunks, trimmed), tokenizer, metadata, options)
        return [_heard(parts, len(c) / RATE, options.max_new_tokens) for parts, c in zip(decoded, chunks, strict=True)]

    def _features(self, chunks: Sequence[Floats], trimmed: bool) -> Floats:
        """Log-mel features, shape (len(chunks), mels, frames): the full window, or the longest chunk and 1 s."""
        each = [self._whisper.feature_extractor(c)[..., :-1] for c in chunks]
        frames = WINDOW_FRAMES
        if trimmed:
            frames = min(WINDOW_FRAMES, (max(f.shape[-1] for f in each) + 100 + 1) // 2 * 2)
        return np.stack([pad_or_trim(f, frames) for f in each])

    def _tokenizer(self, language: str) -> Tokenizer:
        if language not in self._tokenizers:
            multilingual = self._whisper.model.is_multilingual
            self._tokenizers[language] = Tokenizer(
                self._whisper.hf_tokenizer, multilingual, task="transcribe", language=language
            )
        return self._tokenizers[language]


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


def batches(lengths_s: Sequence[float]) -> list[list[int]]:
    """Indices of chunks that are decoded together: similar in length, at most BATCH_MAX and BATCH_S_MAX; short ones
    (which need the full window) apart from those that are trimmed. Longest first."""
    order = sorted(range(len(lengths_s)), key=lambda i: -lengths_s[i])
    out: list[list[int]] = []
    for i in order:
        head = lengths_s[out[-1][0]] if out else 0.0
        short = lengths_s[i] < TRIM_S_MIN
        fits = head < TRIM_S_MIN if short else head <= BATCH_SPREAD * lengths_s[i]
        if out and len(out[-1]) < BATCH_MAX and fits and (len(out[-1]) + 1) * head <= BATCH_S_MAX:
            out[-1].append(i)
        else:
            out.append([i])
    return out


def _heard(parts: list[dict[str, Any]], duration_s: float, tokens_max: int) -> Heard:
    """Flatten the engine's sub-segments of one chunk; times are held inside the chunk and in order."""
    words = []
    clock = 0.0
    for raw in (w for part in parts for w in part.get("words", [])):
        text = raw["word"].strip()
        if not text:
            continue
        start = min(max(float(raw["start"]), clock), duration_s)
        end = min(max(float(raw["end"]), start), duration_s)
        clock = end
        words.append(Word(text, round(start, 3), round(end, 3), round(float(raw["probability"]), 4)))
    tokens = sum(len(part["tokens"]) for part in parts)
    return Heard(
        tuple(words),
        tokens=tokens,
        avg_logprob=float(parts[0]["avg_logprob"]) if parts else 0.0,
        no_speech=float(parts[0]["no_speech_prob"]) if parts else 1.0,
        compression=max((float(part["compression_ratio"]) for part in parts), default=0.0),
        capped=tokens >= tokens_max,
    )


def _options(tokenizer: Tokenizer, beam: int, max_new_tokens: int) -> TranscriptionOptions:
    return TranscriptionOptions(
        beam_size=beam,
        best_of=1,
        patience=1,
        length_penalty=1,
        repetition_penalty=1,
        no_repeat_ngram_size=0,
        log_prob_threshold=None,
        no_speech_threshold=None,
        compression_ratio_threshold=None,
        condition_on_previous_text=False,
        prompt_reset_on_temperature=0.5,
        temperatures=[0.0],
        initial_prompt=None,
        prefix=None,
        suppress_blank=True,
        suppress_tokens=get_suppressed_tokens(tokenizer, [-1]),
        without_timestamps=True,
        max_initial_timestamp=0.0,
        word_timestamps=True,
        prepend_punctuations="\"'“¿([{-",
        append_punctuations="\"'.。,，!！?？:：”)]}、",
        multilingual=False,
        max_new_tokens=max_new_tokens,
        clip_timestamps="0",
        hallucination_silence_threshold=None,
        hotwords=None,
    )
