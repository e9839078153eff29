"""Turn metrics on conversations whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from analytics import turns
from analytics.vad import Segments
from pbx_core.domain.records import PartyTurns, TurnsRecord


def measure(caller: Segments, callee: Segments, duration_s: float = 60.0) -> TurnsRecord:
    return turns.measure("r", "c", "t", duration_s, caller, callee)


def alice(record: TurnsRecord) -> PartyTurns:
    return record.parties[0]


def bob(record: TurnsRecord) -> PartyTurns:
    return record.parties[1]


def test_nobody_speaks() -> None:
    record = measure((), ())
    assert (record.silence_s, record.overlap_s) == (60.0, 0.0)
    assert (alice(record).talk_s, alice(record).talk_ratio, alice(record).longest_monologue_s) == (0.0, None, 0.0)
    assert (alice(record).turns, alice(record).interruptions, alice(record).segments) == (0, 0, ())


def test_an_empty_recording_has_no_seconds() -> None:
    record = measure((), (), duration_s=0.0)
    assert (record.silence_s, record.duration_s) == (0.0, 0.0)


def test_polite_conversation_counts_talk_silence_and_turns() -> None:
    record = measure(((1.0, 5.0), (12.0, 15.0)), ((6.0, 11.0),), duration_s=20.0)
    assert (alice(record).talk_s, bob(record).talk_s) == (7.0, 5.0)
    assert alice(record).talk_ratio == pytest.approx(7 / 12, abs=1e-4)
    assert bob(record).talk_ratio == pytest.approx(5 / 12, abs=1e-4)
    assert (record.silence_s, record.overlap_s) == (8.0, 0.0)
    assert (alice(record).turns, bob(record).turns) == (2, 1)
    assert (alice(record).interruptions, bob(record).interruptions) == (0, 0)


def test_bob_interrupts_alice_and_takes_the_floor() -> None:
    record = measure(((1.0, 6.0),), ((5.0, 9.0),))
    assert (bob(record).interruptions, bob(record).interruption_s) == (1, 1.0)
    assert alice(record).interruptions == 0
    assert record.overlap_s == 1.0


@pytest.mark.parametrize(("overlap_s", "counted"), [(0.24, 0), (0.25, 1), (0.6, 1)])
def test_an_overlap_counts_as_interruption_from_a_quarter_second(overlap_s: float, counted: int) -> None:
    record = measure(((1.0, 6.0),), ((6.0 - overlap_s, 9.0),))
    assert bob(record).interruptions == counted


def test_a_short_word_inside_the_others_turn_is_a_backchannel() -> None:
    record = measure(((1.0, 9.0),), ((4.0, 4.6),))
    assert (bob(record).interruptions, bob(record).turns) == (0, 0)
    assert (bob(record).talk_s, record.overlap_s) == (0.6, 0.6)
    assert alice(record).longest_monologue_s == 8.0


def test_a_second_of_speech_inside_the_others_turn_is_an_interruption() -> None:
    record = measure(((1.0, 9.0),), ((4.0, 5.0),))
    assert (bob(record).interruptions, bob(record).interruption_s, bob(record).turns) == (1, 1.0, 1)
    assert alice(record).longest_monologue_s == 4.0


@pytest.mark.parametrize(("gap_s", "interruptions"), [(0.49, 1), (0.5, 2)])
def test_gaps_under_half_a_second_do_not_split_an_interruption(gap_s: float, interruptions: int) -> None:
    record = measure(((0.0, 20.0),), ((5.0, 7.0), (7.0 + gap_s, 10.0)))
    assert bob(record).interruptions == interruptions
    assert bob(record).talk_s == pytest.approx(5.0 - gap_s)


def test_who_starts_at_the_same_moment_interrupts_nobody() -> None:
    record = measure(((1.0, 6.0),), ((1.0, 6.0),))
    assert (alice(record).interruptions, bob(record).interruptions, record.overlap_s) == (0, 0, 5.0)


def test_a_monologue_goes_on_through_short_pauses_but_not_through_a_hold() -> None:
    record = measure(((0.0, 4.0), (6.0, 10.0), (20.0, 23.0)), ())
    assert alice(record).longest_monologue_s == 10.0
    assert alice(record).turns == 1


def test_a_monologue_ends_where_the_other_speaks() -> None:
    record = measure(((0.0, 4.0), (6.0, 10.0)), ((4.3, 5.8),))
    assert alice(record).longest_monologue_s == 4.0
    assert alice(record).turns == 2


def test_patience_is_the_median_of_the_gaps_after_the_other() -> None:
    record = measure(((0.0, 2.0), (5.0, 7.0), (11.0, 13.0)), ((3.0, 4.0), (7.5, 9.0), (13.1, 14.0), (16.0, 17.0)))
    assert alice(record).patience_s == 1.5  # 1.0 and 2.0
    assert bob(record).patience_s == 0.5  # 1.0, 0.5, 0.1; going on after a pause of one's own is no answer


def test_who_cuts_in_leaves_no_gap() -> None:
    record = measure(((0.0, 6.0),), ((5.0, 9.0),))
    assert (alice(record).patience_s, bob(record).patience_s) == (None, None)


def test_a_backchannel_is_no_answer_and_ends_no_gap() -> None:
    record = measure(((0.0, 6.0),), ((3.0, 3.5), (7.0, 9.0)))
    assert bob(record).patience_s == 1.0


def test_interactivity_counts_changes_of_the_floor_per_minute() -> None:
    assert measure(((0.0, 2.0), (5.0, 7.0)), ((3.0, 4.0),), duration_s=30.0).interactivity == 4.0
    assert measure(((0.0, 2.0),), (), duration_s=30.0).interactivity == 0.0


def test_a_silent_or_very_short_recording_has_no_interactivity() -> None:
    assert measure((), ()).interactivity is None
    assert measure(((0.0, 2.0),), ((3.0, 4.0),), duration_s=9.9).interactivity is None


@pytest.mark.parametrize(("pause_s", "non_talk_s"), [(2.9, 0.0), (3.0, 3.0), (8.5, 8.5)])
def test_only_long_silence_is_non_talk_time(pause_s: float, non_talk_s: float) -> None:
    record = measure(((0.0, 5.0),), ((5.0 + pause_s, 18.0),), duration_s=20.0)
    assert record.non_talk_s == non_talk_s


def test_in_one_channel_two_voices_have_no_overlap_and_no_interruptions() -> None:
    record = turns.of_voices(measure(((0.0, 2.0), (5.0, 7.0)), ((3.0, 4.0),)))
    assert (record.channels, record.overlap_s) == (1, None)
    assert [(p.interruptions, p.interruption_s) for p in record.parties] == [(None, None)] * 2
    assert alice(record).talk_s == 4.0 and alice(record).patience_s == 1.0
    assert record.reason


def test_one_channel_that_cannot_be_parted_has_no_parties_but_its_silence() -> None:
    record = turns.of_one_voice(measure(((0.0, 2.0), (5.0, 7.0)), ()))
    assert (record.parties, record.overlap_s, record.interactivity) == ((), None, None)
    assert (record.silence_s, record.non_talk_s) == (56.0, 56.0)
    assert record.reason


def test_segments_beyond_the_end_are_cut() -> None:
    record = measure(((8.0, 12.0),), (), duration_s=10.0)
    assert alice(record).talk_s == 2.0


def test_both_parties_swapped_give_the_mirrored_record() -> None:
    rng = np.random.default_rng(7)

    def talk() -> Segments:
        edges = np.unique(np.round(np.sort(rng.uniform(0, 120, 40)), 2)).tolist()
        return tuple(zip(edges[::2], edges[1::2], strict=False))

    one, two = talk(), talk()
    here, there = measure(one, two, 120.0), measure(two, one, 120.0)
    assert (here.silence_s, here.overlap_s) == (there.silence_s, there.overlap_s)
    for mine, mirrored in ((alice(here), bob(there)), (bob(here), alice(there))):
        assert (mine.talk_s, mine.interruptions, mine.longest_monologue_s, mine.turns) == (
            mirrored.talk_s,
            mirrored.interruptions,
            mirrored.longest_monologue_s,
            mirrored.turns,
        )
    spoken = alice(here).talk_s + bob(here).talk_s
    assert here.silence_s == pytest.approx(120.0 - spoken + here.overlap_s, abs=0.02)
