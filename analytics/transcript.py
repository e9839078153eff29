"""From the sound of one recording to its two records: turns and transcript. Decides what is heard where; no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics import asr, echo, language, loudness, speakers, turns, vad, windows
from analytics.asr import RATE, Progress, Recogniser
from analytics.vad import Segments
from analytics.windows import Stretch, Window
from pbx_core.domain.records import Party, TranscriptRecord, TurnsRecord, Utterance

VERSION = asr.VERSION
PARTIES = (Party.CALLER, Party.CALLEE)  # channel 0, channel 1
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
    """Where each channel speaks, in the two views, and how loud; index 0 caller, 1 callee. Seconds.

    channels 1: index 0 is the voice that spoke first, 1 the other; not `parted`: 0 holds all speech, whoever spoke."""

    duration_s: float
    tight: tuple[Segments, Segments]
    merged: tuple[Segments, Segments]
    loudness_dbfs: tuple[float | None, float | None]
    channels: int = 2
    parted: bool = True


@dataclass(frozen=True)
class Prepared:
    """A recording ready for recognition."""

    subject: Subject
    speech: Speech
    windows: tuple[Window, ...]
    languages: tuple[str, ...]
    glossary: tuple[str, ...]

    @property
    def speech_s(self) -> float:
        """Seconds of sound to recognise, which is what it will cost."""
        return sum(w.length_s for w in self.windows)


def listen(samples: NDArray[np.float32]) -> Speech:
    """Voice activity of both channels, each freed of the other's echo. samples: float32, shape (n, 2), −1..1, 16 kHz;
    column 0 caller. Of shape (n, 1): voice activity of the two voices in it."""
    if samples.shape[1] == 1:
        return _listen_to_one(samples[:, 0])
    channels = [samples[:, i] for i in (0, 1)]  # views: a call of hours fills gigabytes
    raw = [asr.speech_in_channel(c) for c in channels]
    own = [echo.suppress(channels[i], channels[1 - i], raw[i], raw[1 - i]) for i in (0, 1)]
    duration_s = len(samples) / RATE
    tight = [vad.segments(p, duration_s, vad.TIGHT) for p in own]
    merged = [vad.segments(p, duration_s, vad.MERGED) for p in own]
    levels = [loudness.dbfs(c, found, RATE) for c, found in zip(channels, tight, strict=True)]
    return Speech(duration_s, (tight[0], tight[1]), (merged[0], merged[1]), (levels[0], levels[1]))


def _listen_to_one(channel: NDArray[np.float32]) -> Speech:
    """One channel that holds both sides."""
    probabilities, duration_s = asr.speech_in_channel(channel), len(channel) / RATE
    tight = vad.segments(probabilities, duration_s, vad.TIGHT)
    voices = speakers.separate(channel, tight)
    if voices is None:
        merged, level = vad.segments(probabilities, duration_s, vad.MERGED), loudness.dbfs(channel, tight, RATE)
        return Speech(duration_s, (tight, ()), (merged, ()), (level, None), channels=1, parted=False)
    first, second = voices.first, voices.second
    return Speech(
        duration_s,
        (first, second),
        (
            vad.joined(first, second, duration_s, vad.MERGED),
            vad.joined(second, first, duration_s, vad.MERGED),
        ),
        (loudness.dbfs(channel, first, RATE), loudness.dbfs(channel, second, RATE)),
        channels=1,
    )


def turns_record(subject: Subject, speech: Speech) -> TurnsRecord:
    """The language-free metrics."""
    found = turns.measure(
        **_of(subject),
        duration_s=speech.duration_s,
        caller=speech.tight[0],
        callee=speech.tight[1],
        loudness_dbfs=speech.loudness_dbfs,
    )
    if speech.channels == 2:
        return found
    return turns.of_voices(found) if speech.parted else turns.of_one_voice(found)


def prepare(
    subject: Subject,
    samples: NDArray[np.float32],
    speech: Speech,
    languages: Sequence[str],
    glossary: Sequence[str] = (),
) -> Prepared:
    """What one recording brings to recognition. languages: what the tenant speaks; none: whatever the model knows.
    glossary: names and products, as the tenant writes them."""
    return Prepared(subject, speech, tuple(_windows(samples, speech)), language.codes(languages), tuple(glossary))


def transcribe_all(prepared: Sequence[Prepared], recogniser: Recogniser, progress: Progress) -> list[TranscriptRecord]:
    """The words of several recordings, heard together because that costs less; in the order given. `progress` gets
    the share done of all of them. CPU seconds are shared out by the speech that each brings."""
    cpu_from = recogniser.cpu_s()
    anything = tuple(sorted(recogniser.languages))
    talks = [
        asr.Talk(tuple(w.samples for w in one.windows), one.languages or anything, one.glossary) for one in prepared
    ]
    told = recogniser.hear(talks, progress)
    cpu_s = recogniser.cpu_s() - cpu_from
    speech_s = sum(one.speech_s for one in prepared) or 1.0
    return [_record(one, t, round(cpu_s * one.speech_s / speech_s, 3)) for one, t in zip(prepared, told, strict=True)]


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


def _windows(samples: NDArray[np.float32], speech: Speech) -> list[Window]:
    """Everything to recognise: stretches of the merged view that hold speech in the tight view too."""
    out = []
    for i, party in enumerate(PARTIES):
        found = [
            Stretch(party, start, end, speech.tight[i])
            for start, end in speech.merged[i]
            if any(a < end and start < b for a, b in speech.tight[i])
        ]
        out += windows.pack(found, samples[:, i if speech.channels == 2 else 0])
    return out


def _record(one: Prepared, told: asr.Told, cpu_s: float) -> TranscriptRecord:
    choice, utterances = told.choice, ()
    if not one.windows:
        status, reason, choice = "empty", "Nobody speaks in this recording.", language.Choice(None, None, None)
    elif choice.unsupported:
        status, reason = "unsupported", choice.unsupported
    else:
        utterances = _utterances(one, told.heard)
        status, reason = ("done", None) if utterances else ("empty", "No words were recognised in the sound.")
    rates = [
        _words_per_minute(party, one.speech.tight[i], utterances) if one.speech.parted else None
        for i, party in enumerate(PARTIES)
    ]
    return TranscriptRecord(
        **_of(one.subject),
        status=status,
        reason=reason,
        language=choice.language,
        language_probability=choice.probability,
        model=told.model.name,
        model_sha256=told.model.sha256,
        version=VERSION,
        audio_s=round(one.speech.duration_s, 3),
        cpu_s=cpu_s,
        caller_words_per_minute=rates[0],
        callee_words_per_minute=rates[1],
        utterances=utterances,
    )


def _utterances(one: Prepared, heard: Sequence[asr.Heard]) -> tuple[Utterance, ...]:
    """One utterance per stretch with words, in order of start."""
    found = [pair for window, h in zip(one.windows, heard, strict=True) for pair in windows.unpack(window, h.words)]
    found.sort(key=lambda pair: (pair[1][0].start_s, pair[0].party))
    return tuple(
        Utterance(
            utterance_id=f"{one.subject.recording_id}-{number:04d}",
            party=stretch.party,
            start_s=words[0].start_s,
            end_s=words[-1].end_s,
            text=" ".join(w.text for w in words),
            confidence=round(sum(w.p for w in words) / len(words), 4),
            words=words,
        )
        for number, (stretch, words) in enumerate(found)
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
