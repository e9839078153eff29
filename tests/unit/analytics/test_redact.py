"""What must be hidden is found however it is said, in four languages; nothing of it is left in the text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from analytics.corrected import correct
from analytics.redact import HIDDEN, closed, judge, visible, visible_corrected, visible_text
from analytics.redact.digits import luhn
from analytics.redact.numbers import numbers
from pbx_core.domain.records import Party, TranscriptEditRecord, TranscriptRecord, Utterance, Word
from pbx_core.domain.records.redaction import RedactedSpan, RedactionRecord
from pbx_core.domain.redaction import Wishes
from pbx_core.domain.terms import reference

CARDS = Wishes(cards=True)
PHONES = Wishes(phones=True, country="KG")
BOTH = Wishes(cards=True, phones=True, country="KG")
Line = tuple[str, float, str]  # a caller, b callee; start; words, two in a second


def heard(*lines: Line, language: str | None = "en", status: str = "done", p: float = 0.9) -> TranscriptRecord:
    """A transcript of lines, each word half a second long."""
    said = []
    for number, (side, start_s, text) in enumerate(lines):
        words = tuple(Word(w, start_s + i * 0.5, start_s + i * 0.5 + 0.5, p) for i, w in enumerate(text.split()))
        party = Party.CALLER if side == "a" else Party.CALLEE
        said.append(Utterance(f"r-{number:04d}", party, start_s, words[-1].end_s, text, p, words))
    return TranscriptRecord(
        "r", "c", "t", status, None, language, 0.9, "m", "0", "v", 60.0, 1.0, None, None, tuple(said)
    )


def shown(transcript: TranscriptRecord, wishes: Wishes) -> list[str]:
    """What somebody without the right reads, line by line."""
    return [u.text for u in visible(transcript, judge(transcript, None, wishes), False).utterances]


@pytest.mark.parametrize(
    ("language", "said", "digits"),
    [
        ("en", "four five one two", "4 5 1 2"),
        ("en", "forty five twelve", "45 12"),
        ("en", "forty-five, double four triple oh", "45 44 000"),
        ("en", "four hundred and fifty one", "451"),
        ("en", "one thousand two hundred thirty four", "1234"),
        ("en", "five thousand five thousand six hundred", "5000 5600"),
        ("en", "4512 8876-1234, +996 555.", "4512 88761234 996 555"),
        ("ru", "пятьсот пятьдесят пять двенадцать тридцать четыре", "555 12 34"),
        ("ru", "две пятёрки, три нуля, сорок два", "55 000 42"),
        ("ru", "сто двадцать три и четыреста пяти", "123 405"),
        ("ru", "дважды семь двадцать пять тысяч шестьсот", "77 25600"),
        ("ru", "восьми девяти двенадцати сорока", "8 9 12 40"),
        ("sw", "ishirini na tano mia mbili na hamsini na tatu", "25 253"),
        ("sw", "nne mara mbili tano sifuri", "44 5 0"),
        ("sw", "elfu mbili mia tatu kumi na moja", "2311"),
        ("sw", "saba eight nane", "7 8 8"),
        ("ky", "жыйырма үч беш жүз элүү эки", "23 552"),
        ("ky", "эки жолу беш нөл он бир", "55 0 11"),
        ("ky", "миң тогуз жүз токсон", "1990"),
        ("ky", "алты жети пятьсот", "6 7 500"),
        ("ru", "он сказал алло", ""),  # "he", not the Kyrgyz ten
    ],
)
def test_numbers_are_read_as_they_are_said(language: str, said: str, digits: str) -> None:
    assert " ".join(n.digits for n in numbers(said.split(), language)) == digits


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "4111 1111 1111 1111"),
        ("en", "4111-1111-1111-1111."),
        ("en", "four one double one one one one one triple one one one one one one"),
        ("en", "forty one eleven eleven eleven eleven eleven eleven eleven"),
        ("en", "four one one one uh one one one one and then one one one one one one one one"),
        ("en", "4111 1111 1111 1112"),  # one digit misheard
        ("en", "4111 for 111 1111 1111"),  # a digit heard as a word
        ("ru", "сорок один одиннадцать одиннадцать одиннадцать одиннадцать одиннадцать одиннадцать одиннадцать"),
        ("ru", "четыре единицы 1111 тысяча сто одиннадцать сто одиннадцать два 11"),
        ("sw", "nne moja moja moja moja moja moja moja moja moja moja moja moja moja moja moja"),
        ("ky", "кырк бир он бир он бир он бир он бир он бир он бир он бир"),
    ],
)
def test_a_card_number_is_hidden_however_it_is_said(language: str, said: str) -> None:
    (line,) = shown(heard(("a", 0, said), language=language), CARDS)
    assert not any(c.isalnum() for c in line), line


def test_over_several_turns_with_the_other_sides_words_between() -> None:
    talk = heard(
        ("b", 0, "please tell me your card number"),
        ("a", 4, "4111"),
        ("b", 6, "yes"),
        ("a", 8, "okay 1111 then"),
        ("b", 11, "go on 1111"),
        ("a", 14, "one one one one"),
        ("a", 22, "and the last four are 1112"),
        ("b", 30, "and the security code"),
        ("a", 33, "it is 123 from the back"),
        ("b", 90, "your order 4711 ships on the 21st of the month"),
    )
    lines = shown(talk, CARDS)
    assert lines[0] == "please tell me your card number" and lines[-1].startswith("your order 4711")
    assert lines[8] == f"it is {HIDDEN} from the back"
    assert not any(c.isdigit() for line in lines[:9] for c in line) and "one" not in lines[5].split()


def test_a_number_whose_groups_were_given_to_both_sides_is_hidden_when_it_is_a_card_to_the_last_digit() -> None:
    talk = heard(("a", 0, "it is 4539 1488"), ("b", 3, "0343"), ("a", 4, "6467 thanks"))
    assert shown(talk, CARDS) == [f"it is {HIDDEN} {HIDDEN}", HIDDEN, f"{HIDDEN} thanks"]
    dictated = heard(("a", 0, "0555"), ("b", 2, "0555"), ("a", 4, "123456"), ("b", 6, "123457"))
    assert shown(dictated, CARDS) == ["0555", "0555", "123456", "123457"]


def test_who_counts_and_pays_is_not_hidden() -> None:
    for said in (
        "i have two kids and three dogs and paid 1250 for it at 10:30",
        "order number 4711 please it costs four hundred and fifty dollars",
        "call me tomorrow at ten or at eleven",
    ):
        assert shown(heard(("a", 0, said)), BOTH) == [said]


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("ru", "ноль пятьсот пятьдесят пять двенадцать тридцать четыре пятьдесят шесть"),
        ("ru", "плюс девятьсот девяносто шесть пятьсот пятьдесят пять 12 34 56"),
        ("en", "0555 123456"),
        ("en", "oh five five five one two three four five six"),
        ("ky", "нөл беш жүз элүү беш он эки отуз төрт элүү алты"),
        ("sw", "sifuri tano tano tano moja mbili tatu nne tano sita"),
    ],
)
def test_a_phone_number_is_hidden_when_phones_are(language: str, said: str) -> None:
    talk = heard(("a", 0, said), language=language)
    assert not any(c.isdigit() for c in shown(talk, PHONES)[0])
    assert set(shown(talk, PHONES)[0].split()) <= {HIDDEN, "плюс"}
    assert shown(talk, CARDS) == [said]


@pytest.mark.parametrize(
    ("language", "said", "left"),
    [
        ("ru", "позовите Айгулю пожалуйста", "позовите ● пожалуйста"),
        ("ru", "у Айгули и у Петровой", "у ● и у ●"),
        ("ru", "это Айгюль Петрова", "это ● ●"),
        ("en", "this is Anna Smyth's desk", "this is ● ● desk"),
        ("en", "Schmitz, with a z", "●, with a z"),
        ("en", "an apple and an island", "an apple and an island"),
        ("ky", "Айгулдун номери", "● номери"),
        ("en", "it is ka limba speaking", "it is ● ● speaking"),
    ],
)
def test_names_of_the_list_in_any_case_and_misspelt(language: str, said: str, left: str) -> None:
    wishes = Wishes(names=("Айгуль", "Петров", "Anna Smith", "Schmitz", "Kalimba"))
    assert visible_text(said, wishes, False, language).split() == [
        HIDDEN if w.startswith("●") else w for w in left.split()
    ]


def test_check_digits() -> None:
    assert luhn("4111111111111111") and luhn("5500005555555559") and not luhn("4111111111111112")


def test_times_stay_and_the_hidden_seconds_reach_a_little_further() -> None:
    talk = heard(("a", 10, "card 4111 1111 1111 1111 please"), ("b", 20, "thank you"))
    verdict = judge(talk, None, CARDS)
    masked = visible(talk, verdict, False).utterances[0]
    assert [(w.start_s, w.end_s) for w in masked.words] == [(w.start_s, w.end_s) for w in talk.utterances[0].words]
    assert verdict.stretches == ((10.25, 12.75),) and verdict.hides(12.0, 13.0) and not verdict.hides(12.5, 13.0)
    assert visible(talk, verdict, True) is talk
    assert {s.kind for s in verdict.spans} == {"card"}


@pytest.mark.parametrize(
    ("talk", "wishes"),
    [
        (None, CARDS),
        (heard(("a", 0, "x"), status="unsupported"), CARDS),
        (heard(("a", 0, "x"), status="failed"), CARDS),
        (heard(("a", 0, "vier eins eins"), language="de"), CARDS),
        (heard(("a", 0, "something"), p=0.3), Wishes(names=("Anna",))),
    ],
)
def test_where_the_words_are_not_known_nothing_is_shown(talk: TranscriptRecord | None, wishes: Wishes) -> None:
    verdict = judge(talk, None, wishes)
    assert not verdict.known and not verdict.open and verdict.reason.startswith("Not redacted")
    if talk is not None:
        assert visible(talk, verdict, False).utterances == ()
    assert judge(talk, None, Wishes()).open  # nothing switched on: nothing changes


def test_silence_and_talk_without_secrets_are_open() -> None:
    assert judge(replace(heard(), status="empty", utterances=()), None, BOTH).open
    assert judge(heard(("a", 0, "good morning")), None, BOTH).open
    assert judge(heard(("a", 0, "guten Tag"), language="de"), None, Wishes(names=("Anna",))).open


def test_what_was_hidden_stays_hidden_when_the_wish_goes() -> None:
    talk = heard(("a", 0, "card 4111 1111 1111 1111 please"))
    found = judge(talk, None, CARDS).spans
    record = RedactionRecord("r", "c", "t", "v", CARDS.sha256, "done", None, 1, 0, 0, found)
    assert visible(talk, judge(talk, record, Wishes()), False).utterances[0].text.count(HIDDEN) == 4


def _edit(utterance: Utterance, text: str) -> TranscriptEditRecord:
    return TranscriptEditRecord(
        edit_id="e", tenant_id="t", call_id="c", recording_id="r", utterance_id=reference(
            utterance.utterance_id, utterance.text
        ), kind="text", party=str(utterance.party), text=text, author_id="p",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip


def test_a_number_that_a_person_put_right_is_hidden_too_and_so_is_what_was_heard_before() -> None:
    talk = heard(("a", 0, "my card foreign one wine one please"), ("b", 9, "thank you"))
    assert judge(talk, None, CARDS).open
    edited = correct(talk, [_edit(talk.utterances[0], "my card 4111 1111 1111 1111 please")])
    verdict = judge(talk, None, CARDS, edited)
    seen = visible_corrected(edited, verdict, False)
    assert seen.utterances[0].text == f"my card {HIDDEN} {HIDDEN} {HIDDEN} {HIDDEN} please"
    assert "foreign" not in seen.utterances[0].heard.text and closed(seen.utterances[0].reference)
    assert seen.utterances[1] == edited.utterances[1] and not seen.latest
    assert verdict.stretches and visible_corrected(edited, verdict, True) is edited


def test_text_without_word_times_is_judged_too() -> None:
    talk = heard(("a", 0, "my card is 4111 1111 1111 1111"))
    bare = replace(talk, utterances=tuple(replace(u, words=()) for u in talk.utterances))
    assert shown(bare, CARDS) == [f"my card is {HIDDEN} {HIDDEN} {HIDDEN} {HIDDEN}"]


@pytest.mark.parametrize("said", ["", "   ", "0" * 5000, "１２３４ " * 4, "\u202e4111", "²³", "one " * 3000])
def test_hostile_text_is_only_text(said: str) -> None:
    assert isinstance(visible_text(said, BOTH, False), str)


def test_digits_of_other_scripts_are_digits() -> None:
    assert visible_text("४१११ １１１１ ١١١١ 1111", CARDS, False) == " ".join([HIDDEN] * 4)


def spans(found: Sequence[RedactedSpan]) -> list[tuple[str, int, int]]:
    return [(s.utterance_id, s.first, s.last) for s in found]


def test_a_record_tells_where_and_never_what() -> None:
    talk = heard(("a", 0, "card 4111 1111"), ("a", 5, "1111 1111 thanks"))
    assert spans(judge(talk, None, CARDS).spans) == [("r-0000", 1, 2), ("r-0001", 0, 1)]
