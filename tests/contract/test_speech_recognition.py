"""The real model on real speech, and on sounds in which nobody speaks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from analytics import transcript
from analytics.asr import RATE
from pbx_core.demo import dialogues
from pbx_core.domain import records
from pbx_core.domain.records import Party, TranscriptRecord
from tests.support import speech
from tests.support.wer import wer

SECONDS = 12
_T = np.arange(SECONDS * RATE) / RATE


def stereo(left: np.ndarray, right: np.ndarray | None = None) -> speech.Samples:
    other = np.zeros_like(left) if right is None else right
    return np.stack([left, other], axis=1).astype(np.float32)


def music() -> np.ndarray:
    """A plucked melody with harmonics, as hold music has it."""
    out = np.zeros(len(_T))
    for i, pitch in enumerate([261.6, 329.6, 392.0, 523.3, 392.0, 349.2] * 4):
        start = int(i * 0.5 * RATE)
        t = np.arange(min(int(0.9 * RATE), len(out) - start)) / RATE
        for k in range(1, 6):
            out[start : start + len(t)] += 0.12 / k * np.sin(2 * np.pi * pitch * k * t) * np.exp(-3 * t)
    return out


def loud_voice_like_buzz() -> np.ndarray:
    """Harmonics of a wavering pitch: the voice detector takes parts of it for speech."""
    parts = [0.15 / k * np.sin(2 * np.pi * k * 180 * _T + 3 * k * np.sin(2 * np.pi * 3 * _T)) for k in range(1, 9)]
    return np.sum(parts, axis=0) * (np.sin(2 * np.pi * 2 * _T) > 0)


def line_noise() -> np.ndarray:
    """Mains hum with harmonics, hiss and crackle."""
    rng = np.random.default_rng(5)
    hum = sum(0.05 / k * np.sin(2 * np.pi * 50 * k * _T) for k in (1, 2, 3, 5))
    return hum + rng.normal(0, 0.01, len(_T)) + (rng.random(len(_T)) < 0.0005) * rng.uniform(-0.8, 0.8, len(_T))


NOT_SPEECH = {
    "silence": np.zeros(len(_T)),
    "noise": np.random.default_rng(3).normal(0, 0.1, len(_T)),
    "ringing tone": 0.3 * np.sin(2 * np.pi * 425 * _T) * (_T % 5 < 1),
    "busy tone": 0.3 * np.sin(2 * np.pi * 425 * _T) * (_T % 1 < 0.5),
    "music": music(),
    "fax that calls": 0.3 * np.sin(2 * np.pi * 1100 * _T) * (_T % 3.5 < 0.5),
    "fax that answers": 0.3 * np.sin(2 * np.pi * 2100 * _T) * (_T % 6 < 3),
    "line noise": line_noise(),
    "buzz": loud_voice_like_buzz(),
}


@pytest.mark.parametrize("sound", NOT_SPEECH)
def test_no_text_where_nobody_speaks(sound: str) -> None:
    record = speech.transcribe(stereo(NOT_SPEECH[sound], NOT_SPEECH["line noise"]))
    assert (record.status, record.utterances) == ("empty", ())
    assert record.reason
    assert (record.caller_words_per_minute, record.callee_words_per_minute) == (None, None)


def assert_times_hold(record: TranscriptRecord, duration_s: float) -> None:
    starts = [u.start_s for u in record.utterances]
    assert starts == sorted(starts)
    assert [u.utterance_id for u in record.utterances] == [f"{record.recording_id}-{i:04d}" for i in range(len(starts))]
    for party in Party:
        words = [w for u in record.utterances if u.party is party for w in u.words]
        edges = [t for w in words for t in (w.start_s, w.end_s)]
        assert edges == sorted(edges)
        assert all(0 <= t <= duration_s for t in edges)
        assert all(0 <= w.p <= 1 for w in words)


@pytest.mark.parametrize("name", ["crosstalk", "complaint", "appointment_ru"])
def test_a_dialogue_is_written_down_by_the_right_party(name: str) -> None:
    spoken = dialogues.load(name)
    record = speech.transcribe(speech.dialogue(name))
    assert (record.status, record.language) == ("done", spoken.language)
    assert record.language_probability is not None
    assert record.language_probability > 0.5
    for party in Party:
        assert wer(spoken.text(party), speech.text_of(record, party)) <= 0.2
    assert_times_hold(record, spoken.duration_s)
    assert record.cpu_s > 0
    for rate in (record.caller_words_per_minute, record.callee_words_per_minute):
        assert rate is not None
        assert 60 < rate < 300
    assert records.from_json(TranscriptRecord, records.to_json(record)) == record


def test_words_stand_where_they_were_spoken() -> None:
    spoken = dialogues.load("appointment")
    record = speech.transcribe(speech.dialogue("appointment"))
    lines = {u.party: [] for u in record.utterances}
    for u in record.utterances:
        lines[u.party].append(u)
    for party in Party:
        said = [line for line in spoken.lines if line.party is party]
        assert len(lines[party]) == len(said)
        for line, utterance in zip(said, lines[party], strict=True):
            assert utterance.start_s == pytest.approx(line.start_s, abs=0.4)
            assert utterance.end_s == pytest.approx(line.end_s, abs=0.6)


def test_the_turns_of_the_crosstalk_dialogue_are_found() -> None:
    spoken = dialogues.load("crosstalk")
    heard = transcript.turns_record(speech.SUBJECT, transcript.listen(speech.dialogue("crosstalk")))
    caller, callee = heard.parties
    assert (caller.party, callee.party) == (Party.CALLER, Party.CALLEE)
    assert (caller.interruptions, callee.interruptions) == (2, 1)  # and "Right." is a backchannel
    assert (caller.turns, callee.turns) == (4, 4)
    overlap_s = sum(end - start for start, end in spoken.overlaps())
    assert heard.overlap_s == pytest.approx(overlap_s, abs=0.6)


def test_bobs_voice_in_alices_handset_is_neither_overlap_nor_words() -> None:
    clean = speech.dialogue("sales")
    echoed = clean.copy()
    delay = int(0.15 * RATE)
    echoed[delay:, 0] += 0.2 * clean[:-delay, 1]
    before = transcript.turns_record(speech.SUBJECT, transcript.listen(clean))
    after = transcript.turns_record(speech.SUBJECT, transcript.listen(echoed))
    assert after.overlap_s <= before.overlap_s + 0.5
    assert [p.interruptions for p in after.parties] == [p.interruptions for p in before.parties]
    assert [p.turns for p in after.parties] == [p.turns for p in before.parties]
    record = speech.transcribe(echoed)
    assert wer(dialogues.load("sales").text(Party.CALLER), speech.text_of(record, Party.CALLER)) <= 0.25


def test_speech_of_one_party_leaves_the_other_without_figures() -> None:
    samples = speech.dialogue("appointment").copy()
    samples[:, 1] = 0
    record = speech.transcribe(samples)
    assert {u.party for u in record.utterances} == {Party.CALLER}
    assert record.caller_words_per_minute is not None
    assert record.callee_words_per_minute is None


def test_a_language_the_model_cannot_write_gives_no_words_but_a_reason() -> None:
    record = speech.transcribe(speech.dialogue("appointment"), languages=("ky",))
    assert (record.status, record.language, record.utterances) == ("unsupported", "ky", ())
    assert "ky" in (record.reason or "")


def test_an_empty_recording_is_empty() -> None:
    record = speech.transcribe(np.zeros((0, 2), dtype=np.float32))
    assert (record.status, record.audio_s) == ("empty", 0.0)


def test_a_name_of_the_glossary_is_written_as_the_tenant_writes_it() -> None:
    """`tests/support/name.flac` was spoken by flite (rms): "The delivery to Osh Bazaar was late again." Without the
    glossary the name becomes words that sound alike; names that nobody said change nothing."""
    narrow = soundfile.read(Path(speech.__file__).with_name("name.flac"), dtype="float32")[0]
    samples = stereo(np.pad(np.fft.irfft(np.fft.rfft(narrow), 2 * len(narrow)) * 2, RATE // 2))
    heard = transcript.listen(samples)

    def text(*names: str) -> str:
        record = transcript.transcribe(
            speech.SUBJECT, samples, heard, ("en", "ru"), speech.recogniser(), lambda share: None, names
        )
        return speech.text_of(record, Party.CALLER)

    plain = text()
    assert "Osh Bazaar" not in plain and plain.endswith("was late again.")
    assert text("Tien Shan Tours", "Osh Bazaar", "Yealink") == "The delivery to Osh Bazaar was late again."
    assert text("Tien Shan Tours", "Yealink", "Aigerim") == plain
