"""A recording of one channel, as other systems make them: two voices, and no more said than can be known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from analytics import transcript
from analytics.asr import RATE
from ingest import audio
from pbx_core.demo import dialogues
from pbx_core.domain.records import Party
from pbx_core.errors import InputError
from tests.support import speech
from tests.support.wer import wer


@pytest.fixture
def mono(tmp_path: Path) -> Path:
    """The sales dialogue with both sides in one channel. The callee speaks first."""
    path = tmp_path / "mono.wav"
    soundfile.write(path, speech.dialogue("sales").sum(axis=1), RATE, subtype="PCM_16")
    return path


def test_two_voices_are_heard_apart_and_what_one_channel_cannot_tell_is_left_open(mono: Path) -> None:
    samples = audio.decode_speech(mono)
    assert samples.shape[1] == 1
    heard = transcript.listen(samples)
    turns = transcript.turns_record(speech.SUBJECT, heard)
    two = transcript.turns_record(speech.SUBJECT, transcript.listen(speech.dialogue("sales")))
    assert (turns.channels, turns.overlap_s) == (1, None)
    assert "One channel" in (turns.reason or "")
    first, second = turns.parties
    caller, callee = two.parties
    assert (first.interruptions, first.interruption_s) == (None, None)
    assert first.talk_ratio == pytest.approx(callee.talk_ratio, abs=0.05)
    assert second.talk_ratio == pytest.approx(caller.talk_ratio, abs=0.05)
    assert (first.turns, second.turns) == (callee.turns, caller.turns)
    assert first.loudness_dbfs is not None and turns.interactivity is not None
    record = transcript.transcribe(speech.SUBJECT, samples, heard, ("en",), speech.recogniser(), lambda share: None)
    spoken = dialogues.load("sales")
    assert wer(spoken.text(Party.CALLEE), speech.text_of(record, Party.CALLER)) <= 0.25
    assert wer(spoken.text(Party.CALLER), speech.text_of(record, Party.CALLEE)) <= 0.25


def test_one_voice_in_one_channel_has_no_parties() -> None:
    alone = speech.dialogue("sales")[:, :1]
    heard = transcript.listen(np.ascontiguousarray(alone))
    turns = transcript.turns_record(speech.SUBJECT, heard)
    assert (turns.channels, turns.parties, turns.interactivity) == (1, (), None)
    assert turns.reason and turns.silence_s > 0


def test_where_both_sides_are_needed_one_channel_is_refused(mono: Path) -> None:
    with pytest.raises(InputError, match=r"1 channel\(s\) where two are needed"):
        audio.decode(mono)
