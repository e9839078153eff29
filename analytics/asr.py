"""Recognises speech of several calls at once: language once per call, every chunk encoded once, chunks of similar
length decoded together, suspicious ones looked at twice.

Which model writes which language is decided here: the main one, or the one that is configured for that language.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from analytics import glossary, language
from analytics.engine import (
    CODES,
    FRAMES_PER_S,
    RATE,
    WINDOW_FRAMES,
    Encoded,
    Engine,
    speech_in_channel,
    speech_probabilities,
)
from analytics.heard import BATCH_MAX, COMPRESSION_MAX, Heard, batches, suspicion
from analytics.models import Model
from analytics.vad import Floats
from pbx_core.errors import ConfigError

__all__ = [
    "RATE",
    "TRIM_S_MIN",
    "Heard",
    "Recogniser",
    "Talk",
    "Told",
    "batches",
    "speech_in_channel",
    "speech_probabilities",
    "suspicion",
]

TRIM_S_MIN = 2.0  # of speech: less is not understood well
VERSION = "asr-7"  # names the rules of recognition; change one, change the version
NO_SPEECH_MIN = 0.6  # with a poor result even after the second look: nothing was said
DETECT_S = 4.0  # of speech of a call that its language is told from; more costs and hardly changes it
BATCH_MAX_GPU = 16

Progress = Callable[[float], None]  # called with 0..1 between pieces of work; may raise to stop it


@dataclass(frozen=True)
class Talk:
    """One call. chunks: speech of at most 28 s each; spoken: language codes of its tenant; names: its glossary."""

    chunks: tuple[Floats, ...]
    spoken: tuple[str, ...]
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Told:
    """What one call gave. heard: by chunk; empty where the language is not supported. model: what wrote the words."""

    choice: language.Choice
    heard: tuple[Heard, ...]
    model: Model


@dataclass(frozen=True)
class _Chunk:
    talk: int
    index: int
    samples: Floats
    names: tuple[str, ...]

    @property
    def place(self) -> tuple[int, int]:
        return self.talk, self.index

    @property
    def length_s(self) -> float:
        return len(self.samples) / RATE


class Recogniser:
    """The models of one process."""

    def __init__(self, model: Model) -> None:
        """Load the main model; ConfigError as of Engine. Others are loaded when their language comes."""
        self.model = model
        self._main = Engine(model)
        self._of_language = {m.language: m for m in model.others}
        for m in model.others:
            if (m.written_as or m.language) not in CODES:
                raise ConfigError(
                    f"models.{m.language}: Whisper has no language {m.written_as or m.language}; recordings wait. Set "
                    f'model_tokens = {{{m.language} = "…"}} to the code under which this model writes it.',
                    error_id="no_model",
                )
        self._others: dict[str, Engine] = {}
        self._batch_max = BATCH_MAX_GPU if self._main.on_gpu else BATCH_MAX
        self.second_looks = 0  # chunks decoded again since the start
        self.named = 0  # chunks in which the glossary made a better result

    @property
    def languages(self) -> frozenset[str]:
        """Codes that can be written."""
        return self._main.languages | self._of_language.keys()

    def cpu_s(self) -> float:
        """Processor time spent so far by whatever hears."""
        return time.process_time()

    def language_probabilities(self, speech: Floats) -> dict[str, float]:
        """How likely each language is, from up to 30 s of speech; sums to 1."""
        (found,) = self._main.detect(self._main.encode([speech[: WINDOW_FRAMES * RATE // FRAMES_PER_S]]))
        return found

    def recognise(self, chunks: Sequence[Floats], language: str, names: tuple[str, ...] = ()) -> list[Heard]:
        """Words of chunks of similar length, at most 28 s each, in a known language; one Heard per chunk. names: the
        glossary of their tenant."""
        return self._words([_Chunk(0, i, samples, names) for i, samples in enumerate(chunks)], language)

    def hear(self, talks: Sequence[Talk], progress: Progress) -> list[Told]:
        """The words of several calls, one Told per Talk."""
        chunks = [
            _Chunk(t, i, samples, talk.names) for t, talk in enumerate(talks) for i, samples in enumerate(talk.chunks)
        ]
        found: dict[tuple[int, int], Heard] = {}
        choices: dict[int, language.Choice] = {}
        done_s, total_s = 0.0, sum(c.length_s for c in chunks)
        for batch, heard in self._work(talks, chunks, choices):
            found.update((c.place, h) for c, h in zip(batch, heard, strict=True))
            done_s += sum(c.length_s for c in batch)
            progress(done_s / total_s)
        return [self._told(t, talk, choices[t], found) for t, talk in enumerate(talks)]

    def _work(
        self, talks: Sequence[Talk], chunks: Sequence[_Chunk], choices: dict[int, language.Choice]
    ) -> Iterator[tuple[list[_Chunk], list[Heard]]]:
        """First the batches in which languages are told, which fills `choices`; their encodings are used again for the
        words."""
        able = {t for t, talk in enumerate(talks) if any(code in self.languages for code in talk.spoken)}
        telling = {c.place for t in able for c in _telling([c for c in chunks if c.talk == t])}
        every = self._batches([c for c in chunks if c.talk in able])
        first = [batch for batch in every if any(c.place in telling for c in batch)]
        encoded = [(batch, self._main.encode([c.samples for c in batch])) for batch in first]
        likely = _likely(found for batch, ready in encoded for found in self._told_by(batch, ready, telling))
        for t, talk in enumerate(talks):
            choices[t] = language.choose(likely.get(t, {}), talk.spoken, self.languages)
        codes = {t: c.language for t, c in choices.items() if c.language is not None and not c.unsupported}
        for batch, ready in encoded:
            for code, rows in _by_language(batch, codes).items():
                yield [batch[i] for i in rows], self._words([batch[i] for i in rows], code, ready.rows(rows))
        kept = {c.place for batch in first for c in batch}
        rest = [c for c in chunks if c.place not in kept]
        for code, rows in _by_language(rest, codes).items():
            for batch in self._batches([rest[i] for i in rows]):
                yield batch, self._words(batch, code)

    def _told_by(
        self, batch: Sequence[_Chunk], ready: Encoded, telling: Collection[tuple[int, int]]
    ) -> Iterator[tuple[_Chunk, dict[str, float]]]:
        """The probabilities of languages in those of a batch that tell them."""
        rows = [i for i, c in enumerate(batch) if c.place in telling]
        return zip([batch[i] for i in rows], self._main.detect(ready.rows(rows)), strict=True)

    def _words(self, batch: Sequence[_Chunk], code: str, ready: Encoded | None = None) -> list[Heard]:
        engine = self._engine(code)
        if ready is None or engine is not self._main:
            ready = engine.encode([c.samples for c in batch])
        first = engine.decode(
            ready, engine.model.written_as or code, beam=1, tokens_max=int(12 + 6 * max(ready.lengths_s))
        )
        looked = [self._second_look(engine, c.samples, h, code) for c, h in zip(batch, first, strict=True)]
        return [self._with_names(engine, ready, i, batch[i].names, h, code) for i, h in enumerate(looked)]

    def _second_look(self, engine: Engine, chunk: Floats, heard: Heard, code: str) -> Heard:
        """The result, or when it is suspicious that of a full window with beam 5; no words when even that is bad."""
        duration_s = len(chunk) / RATE
        if suspicion(heard, duration_s) is None:
            return heard
        self.second_looks += 1
        ready = engine.encode([chunk], WINDOW_FRAMES)
        (again,) = engine.decode(ready, engine.model.written_as or code, beam=5, tokens_max=int(12 + 12 * duration_s))
        still = suspicion(again, duration_s)
        if still is not None and (again.no_speech > NO_SPEECH_MIN or again.compression > COMPRESSION_MAX):
            return dataclasses.replace(again, words=())
        return again

    def _with_names(
        self, engine: Engine, ready: Encoded, row: int, names: tuple[str, ...], heard: Heard, code: str
    ) -> Heard:
        """The result, or where names of the glossary sound alike that with these names in mind, if it is better."""
        offered = glossary.alike(" ".join(w.text for w in heard.words), names)
        if not offered:
            return heard
        duration_s = ready.lengths_s[row]
        tokens_max = int(12 + 6 * duration_s)
        (again,) = engine.decode(
            ready.rows([row]), engine.model.written_as or code, beam=1, tokens_max=tokens_max, names=offered
        )
        if suspicion(again, duration_s) is not None or not glossary.better(heard, again, offered):
            return heard
        self.named += 1
        return again

    def _told(self, number: int, talk: Talk, choice: language.Choice, found: Mapping[tuple[int, int], Heard]) -> Told:
        if choice.language is None or choice.unsupported:
            return Told(choice, (), self.model)
        heard = tuple(found[number, i] for i in range(len(talk.chunks)))
        return Told(choice, heard, self._engine(choice.language).model)

    def _engine(self, code: str) -> Engine:
        if code in self._of_language and code not in self._others:
            self._others[code] = Engine(self._of_language[code])
        return self._others.get(code, self._main)

    def _batches(self, chunks: Sequence[_Chunk]) -> list[list[_Chunk]]:
        return [[chunks[i] for i in rows] for rows in batches([c.length_s for c in chunks], self._batch_max)]


def _telling(chunks: Sequence[_Chunk]) -> list[_Chunk]:
    """The longest chunks of a call, until they have DETECT_S."""
    out: list[_Chunk] = []
    for chunk in sorted(chunks, key=lambda c: -c.length_s):
        if sum(c.length_s for c in out) >= DETECT_S:
            break
        out.append(chunk)
    return out


def _likely(told: Iterator[tuple[_Chunk, dict[str, float]]]) -> dict[int, dict[str, float]]:
    """Probability of each language by call: the mean over its chunks, by their length."""
    sums: dict[int, dict[str, float]] = {}
    lengths: dict[int, float] = {}
    for chunk, found in told:
        of_call = sums.setdefault(chunk.talk, {})
        lengths[chunk.talk] = lengths.get(chunk.talk, 0.0) + chunk.length_s
        for code, p in found.items():
            of_call[code] = of_call.get(code, 0.0) + p * chunk.length_s
    return {t: {code: p / lengths[t] for code, p in found.items()} for t, found in sums.items()}


def _by_language(batch: Sequence[_Chunk], codes: Mapping[int, str]) -> dict[str, list[int]]:
    """Positions in the batch by language; chunks of calls without one are left out."""
    out: dict[str, list[int]] = {}
    for i, chunk in enumerate(batch):
        if chunk.talk in codes:
            out.setdefault(codes[chunk.talk], []).append(i)
    return out
