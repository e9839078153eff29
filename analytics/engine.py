"""The speech engine: the only file that imports faster_whisper. Voice activity, language, words.

Samples everywhere: float32, shape (n,), −1..1, 16 kHz, one channel. One Engine serves one thread; it computes with one
CPU thread (two waste a quarter), so use as many processes as cores. With a CUDA device it computes there.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import _LANGUAGE_CODES, Tokenizer
from faster_whisper.transcribe import get_compression_ratio, get_suppressed_tokens, pad_or_trim
from faster_whisper.vad import get_vad_model

from analytics.heard import Heard
from analytics.models import Model
from analytics.vad import FRAME_S, Floats, worth_hearing
from pbx_core import log
from pbx_core.domain.records import Word
from pbx_core.errors import ConfigError

RATE = 16_000
FRAMES_PER_S = 100
WINDOW_FRAMES = 3000
FRAMES_MIN = 800
SHORT_FRAMES = 400  # chunks under that are heard far worse in windows shorter than
FRAMES_MIN_SHORT = 1000  # and hardly better in longer ones
TAIL_FRAMES = 100  # of silence after the longest chunk: without it last words are lost
TOKENS_MAX = 200  # the decoder holds 448 with its prompt
# what CTranslate2 asks of a processor before it uses AVX-512; by itself it stops at AVX2, a tenth slower here
AVX512 = ("avx512f", "avx512cd", "avx512vl", "avx512bw", "avx512dq")
CODES = frozenset(_LANGUAGE_CODES)  # of Whisper
OPENING = "\"'“¿([{-"  # belong to the next word
CLOSING = "\"'.。,，!！?？:：”)]}、"  # belong to the word before

_log = log.get(__name__)


@dataclass(frozen=True)
class Encoded:
    """Chunks as the model hears them; lengths_s are theirs without the tail."""

    view: ctranslate2.StorageView
    lengths_s: tuple[float, ...]

    def rows(self, wanted: Sequence[int]) -> Encoded:
        """Some of the chunks."""
        if list(wanted) == list(range(len(self.lengths_s))):
            return self
        every = np.array(self.view.to_device(ctranslate2.Device.cpu))
        view = ctranslate2.StorageView.from_array(np.ascontiguousarray(every[list(wanted)]))
        return Encoded(view, tuple(self.lengths_s[i] for i in wanted))


def speech_probabilities(channel: Floats) -> Floats:
    """Probability of speech per FRAME_S (silero v6), shape (ceil(n / 512),)."""
    step = round(FRAME_S * RATE)
    if not len(channel):
        return np.zeros(0, dtype=np.float32)
    padded = np.pad(channel, (0, -len(channel) % step))
    return np.asarray(get_vad_model()(padded), dtype=np.float32).reshape(-1)


def speech_in_channel(channel: Floats) -> Floats:
    """The same of a whole channel, for half the price: what lies in the steady noise of its line is 0."""
    step = round(FRAME_S * RATE)
    asked = worth_hearing(channel, RATE)
    if asked.all():
        return speech_probabilities(channel)
    frames = np.pad(channel, (0, -len(channel) % step)).reshape(-1, step)
    out = np.zeros(len(asked), dtype=np.float32)
    out[asked] = speech_probabilities(frames[asked].reshape(-1))
    return out


class Engine:
    """A loaded model."""

    def __init__(self, model: Model) -> None:
        """Load the weights (0.4–1 s, about 300 MB). ConfigError when the directory is not a model."""
        self.model = model
        self.on_gpu = ctranslate2.get_cuda_device_count() > 0
        self._whisper = _loaded(model, self.on_gpu)
        if self.on_gpu and not self._works():
            self.on_gpu = False
            self._whisper = _loaded(model, on_gpu=False)
        self._tokenizers: dict[str, Tokenizer] = {}

    @property
    def languages(self) -> frozenset[str]:
        """Codes this model can write."""
        return CODES if self._whisper.model.is_multilingual else frozenset({"en"})

    def encode(self, chunks: Sequence[Floats], frames_min: int | None = None) -> Encoded:
        """The encoder's part, which costs the most: a window for the longest chunk, its tail and frames_min, filled up
        with silence."""
        longest, shortest = (f(map(len, chunks)) * FRAMES_PER_S // RATE for f in (max, min))
        if frames_min is None:
            frames_min = FRAMES_MIN_SHORT if shortest < SHORT_FRAMES else FRAMES_MIN
        frames = min(WINDOW_FRAMES, max((longest + TAIL_FRAMES + 1) // 2 * 2, frames_min))
        full = frames * RATE // FRAMES_PER_S
        each = [self._whisper.feature_extractor(np.pad(c[:full], (0, max(0, full - len(c))))) for c in chunks]
        features = np.stack([pad_or_trim(f[..., :-1], frames) for f in each])
        return Encoded(self._encoded(features), tuple(len(c) / RATE for c in chunks))

    def _encoded(self, features: Floats) -> ctranslate2.StorageView:
        """A processor does one after another: the attention of several does not fit its cache, and they would cost
        half as much again together."""
        if self.on_gpu or len(features) == 1:
            return self._whisper.encode(features)
        each = [np.array(self._whisper.encode(features[i : i + 1])) for i in range(len(features))]
        return ctranslate2.StorageView.from_array(np.concatenate(each))

    def detect(self, encoded: Encoded) -> list[dict[str, float]]:
        """How likely each language is, by chunk; sums to 1."""
        if not self._whisper.model.is_multilingual:
            return [{"en": 1.0} for _ in encoded.lengths_s]
        found = self._whisper.model.detect_language(encoded.view)
        return [{token[2:-2]: float(p) for token, p in chunk} for chunk in found]

    def decode(
        self, encoded: Encoded, language: str, *, beam: int, tokens_max: int, names: Sequence[str] = ()
    ) -> list[Heard]:
        """Words and their times, by chunk. names: may be said in them, and are then written like this."""
        tokenizer = self._tokenizer(language)
        tokens_max = min(tokens_max, TOKENS_MAX)
        hint = ", ".join(names) or None
        prompt = self._whisper.get_prompt(tokenizer, [], without_timestamps=True, hotwords=hint)
        results = self._whisper.model.generate(
            encoded.view,
            [prompt] * len(encoded.lengths_s),
            beam_size=beam,
            patience=1,
            length_penalty=1,
            max_length=max(2 * tokens_max, tokens_max + len(prompt)),  # it halves what it is given
            suppress_blank=True,
            suppress_tokens=get_suppressed_tokens(tokenizer, [-1]),
            return_scores=True,
            return_no_speech_prob=True,
            sampling_temperature=0.0,
        )
        parts = [_part(r, tokenizer, s) for r, s in zip(results, encoded.lengths_s, strict=True)]
        every = list(range(len(parts)))
        for rows in [every] if self.on_gpu else [[i] for i in every]:  # a processor: a third less than all at once
            self._time_words([parts[i] for i in rows], encoded.rows(rows), tokenizer)
        return [_heard(part, s, tokens_max) for part, s in zip(parts, encoded.lengths_s, strict=True)]

    def _time_words(self, parts: list[dict[str, Any]], encoded: Encoded, tokenizer: Tokenizer) -> None:
        """Put the words with their times into the parts, one for each chunk."""
        frames = [int(np.ceil(s)) * FRAMES_PER_S for s in encoded.lengths_s]
        self._whisper.add_word_timestamps([[p] for p in parts], tokenizer, encoded.view, frames, OPENING, CLOSING, 0.0)

    def _works(self) -> bool:
        """Whether the GPU computes: its libraries are only looked for when first used."""
        try:
            self.encode([np.zeros(RATE, dtype=np.float32)])
        except RuntimeError as error:
            _log.warning("the GPU cannot be used, speech is recognised by the processor", extra={"reason": str(error)})
            return False
        return True

    def _tokenizer(self, language: str) -> Tokenizer:
        if language not in self._tokenizers:
            multilingual = self._whisper.model.is_multilingual
            self._tokenizers[language] = Tokenizer(
                self._whisper.hf_tokenizer, multilingual, task="transcribe", language=language
            )
        return self._tokenizers[language]


def _loaded(model: Model, on_gpu: bool) -> WhisperModel:
    if all(flag in _processor_flags() for flag in AVX512):
        os.environ.setdefault("CT2_FORCE_CPU_ISA", "AVX512")  # read once, when the first model is loaded
    try:
        return WhisperModel(
            str(model.path),
            device="cuda" if on_gpu else "cpu",
            compute_type="float16" if on_gpu else "int8",
            cpu_threads=1,
            num_workers=1,
            local_files_only=True,
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise ConfigError(
            f"The speech model in {model.path} cannot be loaded ({error}); recordings wait. Set model_dir to a "
            "CTranslate2 Whisper directory, or leave it out to use the packaged weights.",
            error_id="no_model",
        ) from error


def _processor_flags() -> list[str]:
    """What the processor can do, in Linux's words; empty where it does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []
    return next((line.split() for line in lines if line.startswith("flags")), [])


def _part(result: Any, tokenizer: Tokenizer, duration_s: float) -> dict[str, Any]:
    """One chunk as faster_whisper's word aligner takes it."""
    tokens = result.sequences_ids[0]
    text = tokenizer.decode(tokens)
    return {
        "tokens": tokens,
        "avg_logprob": result.scores[0] * len(tokens) / (len(tokens) + 1),
        "no_speech_prob": result.no_speech_prob,
        "compression_ratio": get_compression_ratio(text),
        "start": 0.0,
        "end": duration_s,
        "seek": 0,
    }


def _heard(part: dict[str, Any], duration_s: float, tokens_max: int) -> Heard:
    """Times are held inside the chunk and in order."""
    words = []
    clock = 0.0
    for raw in part.get("words", []):
        text = raw["word"].strip()
        if not text:
            continue
        start = min(max(float(raw["start"]), clock), duration_s)
        end = min(max(float(raw["end"]), start), duration_s)
        clock = end
        words.append(Word(text, round(start, 3), round(end, 3), round(float(raw["probability"]), 4)))
    return Heard(
        tuple(words),
        tokens=len(part["tokens"]),
        avg_logprob=float(part["avg_logprob"]),
        no_speech=float(part["no_speech_prob"]),
        compression=float(part["compression_ratio"]),
        capped=len(part["tokens"]) >= tokens_max,
    )
