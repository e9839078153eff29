"""Rules that tag, score and alert, and never guess; questions, fillers, tone, extracts; why something is missing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analytics.after import STEPS, Conversation
from analytics.meaning import wishes
from analytics.meaning.record import meaning
from pbx_core.domain.model import Model
from pbx_core.domain.model_speech import Checklist, ChecklistItem, Redaction, Side, Speech, SpeechRule, Tracker
from pbx_core.domain.records import MeaningRecord, from_json, to_json
from pbx_core.domain.speech_rules import FIGURES, Compared, Heard, parse
from tests.support.sayings import said

TRACKERS = (Tracker("refund", ("refund",)), Tracker("sorry", ("sorry",)))
SCRIPT = Checklist("hello", (ChecklistItem("Hello", ("hello",)), ChecklistItem("Bye", ("bye",))))
LINES = ("agent 0 hello. um, what do you want?", "customer 4 a refund, you know. can I?")


def _rule(*when: str, **does: object) -> Speech:
    return Speech(trackers=TRACKERS, checklists=(SCRIPT,), rules=(SpeechRule("r", when, **(does or {"tag": "x"})),))


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        (("tracker:refund",), True),
        (("tracker:refund", "not tracker:sorry"), True),
        (("not tracker:refund",), False),
        (("checklist:hello < 0.8",), True),
        (("checklist:hello >= 0.8",), False),
        (("checklist:hello = 0.5", "silence_s > 30"), True),
        (("talk_s < 20", "questions >= 1", "customer_questions = 1"), True),
        (("talk_ratio > 0.7",), False),
        (("fillers = 1", "customer_fillers = 1"), True),
        (("words_per_minute > 125", "customer_words_per_minute < 125"), True),
    ],
)
def test_a_rule_holds_when_all_its_conditions_do(when: tuple[str, ...], holds: bool) -> None:
    record = meaning(said("en", *LINES), _rule(*when))
    assert record.held == (("r",) if holds else ())
    assert record.tags == (("x",) if holds else ())
    assert record.undecided == ()


def test_rules_tag_score_and_alert() -> None:
    rules = (
        SpeechRule("a", ("tracker:refund",), tag="money", score=-10, alert=True),
        SpeechRule("b", ("questions > 0",), tag="money", score=2.5),
        SpeechRule("c", ("tracker:sorry",), tag="sorry", score=7),
    )
    record = meaning(said("en", *LINES), Speech(trackers=TRACKERS, rules=rules))
    assert (record.tags, record.score, record.alerts, record.held) == (("money",), -7.5, ("a",), ("a", "b"))
    assert meaning(said("en", *LINES), Speech(trackers=TRACKERS)).score is None


UNHEARD = said(None, status="unsupported", reason="Kyrgyz is not supported by this model.")


@pytest.mark.parametrize(
    ("when", "undecided"),
    [
        (("not tracker:refund",), True),  # not heard is not the same as not said
        (("checklist:hello < 0.8",), True),
        (("questions < 1",), True),
        (("sentiment < 0",), True),
        (("silence_s > 30", "tracker:refund"), True),
        (("silence_s < 30", "tracker:refund"), False),  # false whatever was said
    ],
)
def test_what_was_not_heard_decides_nothing(when: tuple[str, ...], undecided: bool) -> None:
    record = meaning(UNHEARD, _rule(*when))
    assert (record.held, record.undecided) == ((), ("r",) if undecided else ())


def test_sound_alone_decides_what_it_can() -> None:
    record = meaning(UNHEARD, _rule("silence_s > 30", "talk_s < 1"))
    assert record.held == ("r",)
    assert "Kyrgyz is not supported" in record.reasons["words"]
    assert record.parties[0].words is None
    assert record.parties[0].questions is None
    assert record.parties[0].sentiment == ()


def test_a_script_for_other_calls_decides_nothing_here() -> None:
    record = meaning(said("en", *LINES, direction="internal"), _rule("checklist:hello < 0.8"))
    assert (record.held, record.undecided) == ((), ())


def test_nobody_speaks_is_known_and_decides() -> None:
    record = meaning(said(None, status="empty"), _rule("not tracker:refund", "talk_s < 1"))
    assert record.held == ("r",)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("tracker:refund", Heard("refund", True)),
        (" not  tracker:a-1 ", Heard("a-1", False)),
        ("checklist:hello < 0.8", Compared("hello", True, "<", 0.8)),
        ("silence_s>=30", Compared("silence_s", False, ">=", 30.0)),
        ("customer_sentiment < -0.5", Compared("customer_sentiment", False, "<", -0.5)),
    ],
)
def test_conditions_are_read(text: str, condition: object) -> None:
    assert parse(text) == condition


@pytest.mark.parametrize(
    "text",
    ["", "refund", "tracker:", "not checklist:x", "checklist:hello", "silence_s > ten", "silence_s == 3", "1 < x"],
)
def test_other_texts_are_no_conditions(text: str) -> None:
    with pytest.raises(ValueError, match="is no condition"):
        parse(text)


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_can_be_asked_for(figure: str) -> None:
    record = meaning(said("en", *LINES), _rule(f"{figure} > -1000"))
    unknown = figure.endswith(("patience_s", "interactivity"))  # the records of this test come without them
    assert record.held == (() if unknown else ("r",))
    assert record.undecided == (("r",) if unknown else ())


def test_of_one_channel_nobody_knows_who_is_who() -> None:
    heard = said("en", *LINES)
    mono = replace(heard, turns=replace(heard.turns, channels=1, reason="one channel"))
    speech = replace(
        _rule("not tracker:mine"),
        trackers=(*TRACKERS, Tracker("mine", ("um",), side=Side.AGENT)),
        rules=tuple(SpeechRule(str(i), (when,), tag="x") for i, when in enumerate(
            ("tracker:refund", "not tracker:mine", "checklist:hello < 1", "talk_ratio > 0", "talk_s > 1",
             "questions > 0")
        )),
    )  # fmt: skip
    record = meaning(mono, speech)
    assert (record.held, record.undecided) == (("0", "4"), ("1", "2", "3", "5"))
    assert (record.parties, record.items) == ((), ())
    assert "one channel" in record.reasons["sides"]
    untold = replace(mono, turns=replace(mono.turns, parties=()))
    assert meaning(untold, speech).undecided == ("1", "2", "3", "4", "5")


def test_questions_and_fillers_of_two_languages() -> None:
    record = meaning(said("ru", "customer 0 Эм, как бы это сказать? Короче, где он?", "agent 9 Ну вот."), Speech())
    caller, callee = record.parties
    assert (caller.questions, caller.fillers, callee.questions, callee.fillers) == (2, 3, 0, 0)
    swahili = meaning(said("sw", "customer 0 habari? nzuri"), Speech())
    assert (swahili.parties[0].questions, swahili.parties[0].fillers) == (None, None)
    assert {"questions", "fillers", "sentiment", "forms"} <= swahili.reasons.keys()


def test_tone_by_quarter_where_there_is_a_lexicon() -> None:
    lines = (
        "customer 0 This is terrible, I hate it.", "agent 10 The number is seven.", "customer 20 It is horrible.",
        "customer 36 Wonderful, I love it!",
    )  # fmt: skip
    first, second, third, last = meaning(said("en", *lines), Speech()).parties[0].sentiment
    assert first is not None and first < -0.5
    assert second is None  # nothing said, not 0
    assert third is not None and third < 0
    assert last is not None and last > 0.5
    russian = meaning(said("ru", "customer 0 Это ужасно."), Speech())
    assert russian.parties[0].sentiment == ()
    assert "no lexicon for Russian" in russian.reasons["sentiment"]
    assert "switched off" in meaning(said("en", *lines), Speech(sentiment=False)).reasons["sentiment"]


TALK = (
    "agent 0 Good morning, this is the service desk.",
    "customer 4 I would like to return the blue kettle that I bought.",
    "agent 9 I see. Please look for the serial plate.",
    "customer 11 The kettle leaks water. The kettle smells of plastic and water.",
    "agent 20 Then return the kettle with the receipt. We replace every kettle that leaks water.",
)


def test_a_summary_is_quoted_sentences_in_their_order_and_only_when_wanted() -> None:
    assert meaning(said("en", *TALK), Speech()).extracts == ()
    extracts = meaning(said("en", *TALK), Speech(summary=True)).extracts
    assert len(extracts) == 5
    assert "I would like to return the blue kettle that I bought." in [e.text for e in extracts]
    assert [e.start_s for e in extracts] == sorted(e.start_s for e in extracts)
    whole = " ".join(TALK)
    assert all(e.text in whole for e in extracts)
    assert not any("serial" in e.text for e in extracts)  # its words do not come back


def test_names_to_be_hidden_are_no_topics() -> None:
    heard = said("en", "customer 0 Mister Abramovs wants the kettle 4444")
    assert ("abramov", "abramovs") in meaning(heard, Speech()).terms
    stems = dict(meaning(heard, Speech(redact=Redaction(names=("Abramov",)))).terms)
    assert "kettl" in stems
    assert not {"abramov", "4444"} & stems.keys()


def test_the_record_is_read_back_equal_and_knows_its_wishes() -> None:
    record = meaning(said("en", *LINES), _rule("tracker:refund"))
    assert from_json(MeaningRecord, to_json(record)) == record
    assert record.wishes_sha256 == wishes.sha256(_rule("tracker:refund"))
    assert record.wishes_sha256 != wishes.sha256(_rule("tracker:sorry"))


def test_the_step_after_a_transcript_gives_the_record() -> None:
    heard = said("en", *LINES, queue="support")
    silence = np.zeros((16_000, 2), dtype=np.float32)
    model = Model(speech=_rule("tracker:refund"))
    told = Conversation(heard.transcript, heard.turns, silence, model, heard.agent, heard.direction, heard.queue)
    made = dict(line for step in STEPS for line in step(told))
    assert made["meaning"] == meaning(heard, model.speech)
    assert made["meaning"].queue == "support"
