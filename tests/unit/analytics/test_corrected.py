"""A transcript with what people put right in it: words that stayed keep their times, nothing is invented."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from analytics.corrected import align, correct
from pbx_core.domain.records import Party, TranscriptEditRecord, TranscriptRecord, Utterance, Word
from pbx_core.domain.terms import reference, terms

HEARD = "my boiler is out since Monday"
WORDS = tuple(Word(w, 10.0 + i, 10.9 + i, 0.4 + i / 10) for i, w in enumerate(HEARD.split()))
UTTERANCE = Utterance("rec-0001", Party.CALLER, 10.0, 16.0, HEARD, 0.6, WORDS)
OTHER = Utterance("rec-0002", Party.CALLEE, 17.0, 18.0, "yes", 0.9, (Word("yes", 17.0, 18.0, 0.9),))
TRANSCRIPT = TranscriptRecord(
    "rec", "call", "acme", "done", None, "en", 0.9, "base", "0" * 64, "asr-1", 20.0, 1.0, None, None, (UTTERANCE, OTHER)
)
EDIT = TranscriptEditRecord(
    "e1",
    "call",
    "acme",
    "rec",
    reference("rec-0001", HEARD),
    "text",
    "caller",
    "",
    "anna",
    datetime(2026, 1, 1, tzinfo=UTC),
)


def edit(kind: str = "text", text: str | None = "", **more: str) -> TranscriptEditRecord:
    return replace(EDIT, kind=kind, text=text, **more)


def test_equal_words_keep_time_and_confidence_and_new_ones_have_none() -> None:
    words = align(UTTERANCE, "My boiler has been out since Monday morning")
    by_text = {w.text: w for w in words}
    assert [w.text for w in words] == ["My", "boiler", "has", "been", "out", "since", "Monday", "morning"]
    assert (by_text["out"].start_s, by_text["out"].p) == (13.0, pytest.approx(0.7))
    assert by_text["My"].p == pytest.approx(0.4)
    assert [by_text[w].p for w in ("has", "been", "morning")] == [None] * 3
    assert 11.9 <= by_text["has"].start_s < by_text["been"].start_s < by_text["been"].end_s <= 13.0
    assert 15.9 <= by_text["morning"].start_s <= by_text["morning"].end_s <= 16.0


@pytest.mark.parametrize("text", ["", "entirely other words here", "a " * 400, "boiler my", "Monday since out"])
def test_times_never_run_backwards_nor_leave_the_utterance(text: str) -> None:
    words = align(UTTERANCE, text)
    assert [w.text for w in words] == text.split()
    times = [t for w in words for t in (w.start_s, w.end_s)]
    assert times == sorted(times) and all(10.0 <= t <= 16.0 for t in times)


def test_an_utterance_without_word_times_can_be_corrected_too() -> None:
    words = align(replace(UTTERANCE, words=()), "three new words")
    assert words[0].start_s == 10.0 and words[-1].end_s == 16.0 and {w.p for w in words} == {None}


def test_the_latest_change_counts_and_none_puts_back_what_was_heard() -> None:
    first, second, back = edit(text="one"), edit(text="two", edit_id="e2"), edit(text=None, edit_id="e3")
    assert correct(TRANSCRIPT, []).utterances[0].text == HEARD
    assert correct(TRANSCRIPT, [first, second]).utterances[0].text == "two"
    standing = correct(TRANSCRIPT, [first, second, back])
    assert standing.utterances[0].text == HEARD and standing.utterances[0].text_edit is None
    assert standing.latest["text", EDIT.utterance_id].edit_id == "e3"
    assert correct(TRANSCRIPT, [edit(text="")]).utterances[0].words == ()


def test_whose_words_and_names_change_apart_from_the_text() -> None:
    standing = correct(
        TRANSCRIPT,
        [edit(text="one"), edit("party", party="callee"), edit("name", "Bermet", utterance_id=""),
         edit("name", "Ivan", utterance_id="", party="callee"), edit("name", None, utterance_id="", party="callee")],
    )  # fmt: skip
    said = standing.utterances[0]
    assert (said.text, said.party, said.heard.party) == ("one", Party.CALLEE, Party.CALLER)
    assert standing.names == {Party.CALLER: "Bermet"}
    assert correct(TRANSCRIPT, [edit("party", None, party="caller")]).utterances[0].party is Party.CALLER


def test_a_correction_does_not_fall_upon_other_words_after_a_new_transcription() -> None:
    again = replace(TRANSCRIPT, utterances=(replace(UTTERANCE, text="something else was heard"), OTHER))
    assert correct(again, [edit(text="one")]).utterances[0].text == "something else was heard"


def test_words_as_they_are_searched() -> None:
    assert terms("Don't—Счёт №5, ЁЖ_ёж!") == ["don", "t", "счет", "5", "еж", "еж"]
