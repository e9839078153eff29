"""The dialogues kept in the repository: tracks, words and times belong together."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from pbx_core.demo import dialogues
from pbx_core.domain.records import Party
from pbx_core.errors import InputError


@pytest.mark.parametrize("name", dialogues.NAMES)
def test_each_side_sounds_when_its_lines_say_so_and_is_silent_otherwise(name: str) -> None:
    spoken = dialogues.load(name)
    for party, path in ((Party.CALLER, spoken.caller_wav), (Party.CALLEE, spoken.callee_wav)):
        samples, rate = soundfile.read(path, dtype="int16")
        assert (rate, samples.ndim) == (dialogues.SAMPLE_RATE, 1)
        assert len(samples) / rate == pytest.approx(spoken.duration_s, abs=0.001)
        rest = samples.copy()
        for line in (line for line in spoken.lines if line.party is party):
            stretch = slice(round(line.start_s * rate) - 80, round(line.end_s * rate) + 80)
            assert np.sqrt(np.mean(samples[stretch].astype(float) ** 2)) > 1000, line.text
            rest[stretch] = 0
        assert not rest.any()


@pytest.mark.parametrize("name", dialogues.NAMES)
def test_lines_are_in_order_and_have_words(name: str) -> None:
    spoken = dialogues.load(name)
    starts = [line.start_s for line in spoken.lines]
    assert starts == sorted(starts)
    assert all(0 < line.start_s < line.end_s < spoken.duration_s and line.text for line in spoken.lines)
    assert all(spoken.text(party).split() for party in Party)


def test_nobody_speaks_while_the_complaint_is_on_hold() -> None:
    spoken = dialogues.load("complaint")
    assert spoken.hold
    start_s, end_s = spoken.hold
    assert end_s - start_s >= 5
    assert not [line for line in spoken.lines if line.start_s < end_s and line.end_s > start_s]


def test_only_the_crosstalk_overlaps_three_times_long_and_once_short() -> None:
    overlaps = {d.name: d.overlaps() for d in dialogues.load_all()}
    lengths = [end - start for start, end in overlaps.pop("crosstalk")]
    assert sum(length >= 0.9 for length in lengths) == 3
    assert sum(length < 0.5 for length in lengths) == 1
    assert not any(overlaps.values())


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="crosstalk"):
        dialogues.load("../../settings")
