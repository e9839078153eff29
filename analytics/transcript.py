"""From the sound of one recording to its two records: turns and transcript. Decides what is heard where; no I/O."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics import asr, echo, language, turns, vad
from analytics.asr import RATE, Recogniser
from analytics.vad import Floats, Segments
from pbx_core.domain.records import Party, TranscriptRecord, TurnsRecord, Utterance, Word

VERSION = asr.VERSION
PARTIES = (Party.CALLER, Party.CALLEE)  # channel 0, channel 1
DETECT_S_MAX = 20.0  # of the longest stretches of both channels
TOGETHER_MAX = 8  # recordings given to transcribe_all at once: more gain little and come out later
WORDS_PER_MINUTE_TALK_S_MIN = 1.0  # a rate from less speech says nothing


@dataclass(frozen=True)
class Subject:
    """Which recording."""

    recording_id: str
    call_id: str
    tenant_id: str


@dataclass(frozen=True)
class Speech:
    """Where each channel speaks, in the two views; index 0 caller, 1 callee. Seconds."""

    duration_s: float
    tight: tuple[Segments, Segments]
    merged: tuple[Segments, Segments]


@dataclass(frozen=True)
class Stretch:
    """One piece of one channel that goes to recognition."""

    party: Party
    start_s: float
    end_s: float
    samples: Floats
    tight: Segments  # of its channel


@dataclass(frozen=True)
class Prepared:
    """A recording ready for recognition."""

    subject: Subject
    speech: Speech
    stretches: tuple[Stretch, ...]
    languages: tuple[str, ...]
    glossary: tuple[str, ...]

    @property
    def speech_s(self) -> float:
        """Seconds of sound to recognise, which is what it will cost."""
        return sum(s.end_s - s.start_s for s in self.stretches)


Progress = Callable[[float], None]  # called with 0..1 between pieces of work; may raise to stop it


def listen(samples: NDArray[np.float32]) -> Speech:
    """Voice activity of both channels, each freed of the other's echo. samples: float32, shape (n, 2), −1..1, 16 kHz;
    column 0 caller."""
    channels = [samples[:, i] for i in (0, 1)]  # views: a call of hours fills gigabytes
    raw = [asr.speech_probabilities(c) for c in channels]
    own = [echo.suppress(channels[i], channels[1 - i], raw[i], raw[1 - i]) for i in (0, 1)]
    duration_s = len(samples) / RATE
    tight = [vad.segments(p, duration_s, vad.TIGHT) for p in own]
    merged = [vad.segments(p, duration_s, vad.MERGED) for p in own]
    return Speech(duration_s, (tight[0], tight[1]), (merged[0], merged[1]))


def turns_record(subject: Subject, speech: Speech) -> TurnsRecord:
    """The language-free metrics."""
    return turns.measure(
        subject.recording_id, subject.call_id, subject.tenant_id, speech.duration_s, speech.tight[0], speech.tight[1]
    )


def prepare(
    subject: Subject,
    samples: NDArray[np.float32],
    speech: Speech,
    languages: Sequence[str],
    glossary: Sequence[str] = (),
) -> Prepared:
    """What one recording brings to recognition. languages: what the tenant speaks; none: whatever the model knows.
    glossary: names and products, as the tenant writes them."""
    return Prepared(subject, speech, tuple(_stretches(samples, speech)), tuple(languages), tuple(glossary))


def transcribe_all(prepared: Sequence[Prepared], recogniser: Recogniser, progress: Progress) -> list[TranscriptRecord]:
    """The words of several recordings, heard together because that costs less; in the order given. `progress` gets
    the share done of all of them. CPU seconds are shared out by the speech that each brings."""
    return [_transcribe(one, recogniser, progress) for one in prepared]


def transcribe(
    subject: Subject,
    samples: NDArray[np.float32],
    speech: Speech,
    languages: Sequence[str],
    recogniser: Recogniser,
    progress: Progress,
    glossary: Sequence[str] = (),
) -> TranscriptRecord:
    """The words of one recording, see prepare()."""
    (record,) = transcribe_all([prepare(subject, samples, speech, languages, glossary)], recogniser, progress)
    return record


def _transcribe(one: Prepared, recogniser: Recogniser, progress: Progress) -> TranscriptRecord:
    cpu = time.process_time()
    subject, speech, stretches = one.subject, one.speech, one.stretches
    if not stretches:
        return _record(subject, recogniser, speech, cpu, "empty", "Nobody speaks in this recording.")
    heard: dict[str, float] = {}
    spoken = language.codes(one.languages) or tuple(sorted(recogniser.languages))
    if any(code in recogniser.languages for code in spoken):
        heard = recogniser.language_probabilities(_sample(stretches))
    choice = language.choose(heard, spoken, recogniser.languages)
    progress(0.1)
    if choice.unsupported or choice.language is None:
        return _record(subject, recogniser, speech, cpu, "unsupported", choice.unsupported, choice)
    said = _recognised(stretches, choice.language, recogniser, progress)
    utterances = _utterances(subject.recording_id, said)
    if not utterances:
        return _record(subject, recogniser, speech, cpu, "empty", "No words were recognised in the sound.", choice)
    return _record(subject, recogniser, speech, cpu, "done", None, choice, utterances)


def failed(subject: Subject, reason: str, model: str = "", model_sha256: str = "") -> TranscriptRecord:
    """The record of a recording that cannot be heard; reason is for people."""
    return TranscriptRecord(
        **_of(subject),
        status="failed",
        reason=reason,
        language=None,
        language_probability=None,
        model=model,
        model_sha256=model_sha256,
        version=VERSION,
        audio_s=0.0,
        cpu_s=0.0,
        caller_words_per_minute=None,
        callee_words_per_minute=None,
        utterances=(),
    )


def _stretches(samples: NDArray[np.float32], speech: Speech) -> list[Stretch]:
    """Everything to recognise: stretches of the merged view that hold speech in the tight view too."""
    out = []
    for i, party in enumerate(PARTIES):
        for start, end in speech.merged[i]:
            if any(a < end and start < b for a, b in speech.tight[i]):
                piece = np.ascontiguousarray(samples[int(start * RATE) : int(end * RATE), i])
                out.append(Stretch(party, start, end, piece, speech.tight[i]))
    return out


def _sample(stretches: Sequence[Stretch]) -> Floats:
    """The longest stretches of both channels, joined up to DETECT_S_MAX."""
    pieces: list[Floats] = []
    room = int(DETECT_S_MAX * RATE)
    for stretch in sorted(stretches, key=lambda s: s.start_s - s.end_s):
        if room <= 0:
            break
        pieces.append(stretch.samples[:room])
        room -= len(pieces[-1])
    return np.concatenate(pieces)


def _recognised(
    stretches: Sequence[Stretch], code: str, recogniser: Recogniser, progress: Progress
) -> list[tuple[Stretch, asr.Heard]]:
    """Every stretch with what was heard in it."""
    lengths = [s.end_s - s.start_s for s in stretches]
    total, done = sum(lengths), 0.0
    out = []
    for batch in asr.batches(lengths):
        heard = recogniser.recognise([stretches[i].samples for i in batch], code)
        out += [(stretches[i], h) for i, h in zip(batch, heard, strict=True)]
        done += sum(lengths[i] for i in batch)
        progress(0.1 + 0.9 * done / total)
    return out


def _utterances(recording_id: str, said: Sequence[tuple[Stretch, asr.Heard]]) -> tuple[Utterance, ...]:
    """One utterance per stretch with words, in order of start."""
    found = []
    for stretch, heard in said:
        words = tuple(_placed(word, stretch) for word in heard.words)
        if words:
            found.append((stretch, words))
    found.sort(key=lambda pair: (pair[1][0].start_s, pair[0].party))
    return tuple(
        Utterance(
            utterance_id=f"{recording_id}-{number:04d}",
            party=stretch.party,
            start_s=words[0].start_s,
            end_s=words[-1].end_s,
            text=" ".join(w.text for w in words),
            confidence=round(sum(w.p for w in words) / len(words), 4),
            words=words,
        )
        for number, (stretch, words) in enumerate(found)
    )


def _placed(word: Word, stretch: Stretch) -> Word:
    """The word in seconds of the recording. The engine lets first words begin with the padding: an edge that lies in
    silence moves to the edge of the speech."""
    start, end = stretch.start_s + word.start_s, min(stretch.start_s + word.end_s, stretch.end_s)
    voiced = [(a, b) for a, b in stretch.tight if a < end and start < b]
    if voiced:
        start, end = max(start, voiced[0][0]), min(end, voiced[-1][1])
    return Word(word.text, round(start, 3), round(end, 3), word.p)


def _record(
    subject: Subject,
    recogniser: Recogniser,
    speech: Speech,
    cpu_from: float,
    status: str,
    reason: str | None,
    choice: language.Choice | None = None,
    utterances: tuple[Utterance, ...] = (),
) -> TranscriptRecord:
    rates = [_words_per_minute(party, speech.tight[i], utterances) for i, party in enumerate(PARTIES)]
    return TranscriptRecord(
        **_of(subject),
        status=status,
        reason=reason,
        language=choice.language if choice else None,
        language_probability=choice.probability if choice else None,
        model=recogniser.model.name,
        model_sha256=recogniser.model.sha256,
        version=VERSION,
        audio_s=round(speech.duration_s, 3),
        cpu_s=round(time.process_time() - cpu_from, 3),
        caller_words_per_minute=rates[0],
        callee_words_per_minute=rates[1],
        utterances=utterances,
    )


def _of(subject: Subject) -> dict[str, str]:
    return {"recording_id": subject.recording_id, "call_id": subject.call_id, "tenant_id": subject.tenant_id}


def _words_per_minute(party: Party, tight: Segments, utterances: Sequence[Utterance]) -> float | None:
    """Words per minute of the party's own speech; None when it said nothing, or too little to tell."""
    talk_s = sum(end - start for start, end in tight)
    count = sum(len(u.words) for u in utterances if u.party is party)
    if not count or talk_s < WORDS_PER_MINUTE_TALK_S_MIN:
        return None
    return round(count * 60 / talk_s, 1)
