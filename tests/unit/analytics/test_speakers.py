"""Two voices in one channel: real ones are told apart, one alone is not parted in two."""

from __future__ import annotations

import numpy as np
import pytest

from analytics import speakers, turns, vad
from analytics.vad import Segments
from pbx_core.demo import dialogues
from pbx_core.domain.records import Party
from tests.support import speech


def lines(name: str) -> tuple[Segments, Segments]:
    """When each side has a line, by the script."""
    spoken = dialogues.load(name)
    caller, callee = (
        tuple((line.start_s, line.end_s) for line in spoken.lines if line.party is party) for party in Party
    )
    return caller, callee


@pytest.mark.parametrize("name", ["sales", "complaint", "crosstalk"])
def test_a_man_and_a_woman_in_one_channel_are_told_apart(name: str) -> None:
    both = speech.dialogue(name)
    caller, callee = lines(name)
    duration_s = len(both) / speakers.RATE
    either = turns.runs_of(turns.mask_of(caller, duration_s) | turns.mask_of(callee, duration_s))
    found = speakers.separate(both.sum(axis=1), tuple((a / 100, b / 100) for a, b in either))
    assert found is not None
    truth = [turns.mask_of(s, duration_s) for s in (caller, callee)]
    heard = [turns.mask_of(s, duration_s) for s in (found.first, found.second)]
    if caller[0][0] > callee[0][0]:
        heard.reverse()
    alone = truth[0] ^ truth[1]
    wrong = alone & ((truth[0] & heard[1]) | (truth[1] & heard[0]))
    assert wrong.sum() / alone.sum() < 0.05


def test_one_voice_alone_is_not_parted_in_two() -> None:
    alone = np.concatenate([speech.dialogue(name)[:, 0] for name in ("sales", "crosstalk")])
    shift_s = len(speech.dialogue("sales")) / speakers.RATE
    own = (*lines("sales")[0], *((a + shift_s, b + shift_s) for a, b in lines("crosstalk")[0]))
    assert speakers.separate(alone, own) is None


@pytest.mark.parametrize("speech_s", [0.0, 5.0])
def test_little_speech_tells_nobody_apart(speech_s: float) -> None:
    assert speakers.separate(speech.dialogue("sales")[:, 0], ((0.0, speech_s),)) is None


def test_stretches_of_a_voice_are_joined_but_not_across_the_other() -> None:
    own: Segments = ((1.0, 2.0), (2.4, 3.0), (4.0, 5.0), (5.4, 6.0))
    other: Segments = ((5.1, 5.35),)
    joined = vad.joined(own, other, 10.0, vad.MERGED)
    assert joined == ((0.8, 3.2), (3.8, 5.05), (5.375, 6.2))


def test_a_voice_without_a_pause_is_cut_into_pieces_that_fit() -> None:
    joined = vad.joined(((1.0, 61.0),), (), 100.0, vad.MERGED)
    assert len(joined) == 3
    assert max(b - a for a, b in joined) <= vad.MERGED.max_s
