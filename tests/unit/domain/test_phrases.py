"""Every sentence in every language, and numbers as people say them."""

from __future__ import annotations

import re

import pytest

from pbx_core.domain import phrases
from pbx_core.domain.phrases import KEYS, LANGUAGES, phrase, russian_plural

VALUES = {"n": 3, "total": 5, "minutes": 2, "name": "Aizada", "slot": "701", "target": "+996312000000"}
PROMISED = [
    "queue_welcome",
    "queue_position",
    "queue_wait",
    "queue_callback_ok",
    "queue_exit",
    "voicemail_greeting",
    "voicemail_saved",
    "mailbox_empty",
    "mailbox_message",
    "mailbox_help",
    "message_deleted",
    "recording_announcement",
    "not_available",
    "wrong_number",
    "not_allowed",
    "blocked",
    "transfer_failed",
    "parked",
    "conference_alone",
    "conference_pin",
    "conference_wrong_pin",
    "menu_wrong_key",
    "menu_timeout",
    "dnd_on",
    "dnd_off",
    "forward_on",
    "forward_off",
    "logged_in",
    "logged_out",
    "paused",
    "unpaused",
    "nothing_to_pick_up",
    "nothing_parked",
    "no_right",
    "opted_out",
    "recording_on",
    "recording_off",
    "error",
]


def test_every_promised_sentence_exists() -> None:
    assert sorted(KEYS) == sorted(PROMISED)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", KEYS)
def test_a_sentence_is_whole_in_its_own_letters(key: str, language: str) -> None:
    said = phrase(key, language, **VALUES)
    assert said.startswith(f"say:{language}:")
    text = said.split(":", 2)[2]
    assert text.endswith(".") and "{" not in text and len(text) <= 200
    cyrillic = len(re.findall("[а-яёңөү]", text.lower()))
    latin = len(re.findall("[a-z]", text.lower().replace("aizada", "")))
    assert (cyrillic > 5 and latin == 0) if language in ("ru", "ky") else (latin > 5 and cyrillic == 0)


@pytest.mark.parametrize("key", KEYS)
def test_a_sentence_uses_the_same_values_in_all_languages(key: str) -> None:
    sentence = phrases._SENTENCES[key]
    assert len({tuple(sorted(re.findall(r"\{\w+\}", getattr(sentence, lang)))) for lang in LANGUAGES}) == 1


@pytest.mark.parametrize(
    ("language", "minutes", "heard"),
    [
        ("en", 0, "less than a minute"),
        ("en", 1, "1 minute."),
        ("en", 2, "2 minutes."),
        ("en", 60, "more than an hour"),
        ("ru", 0, "меньше минуты"),
        ("ru", 1, "одна минута"),
        ("ru", 2, "две минуты"),
        ("ru", 5, "пять минут."),
        ("ru", 11, "одиннадцать минут."),
        ("ru", 14, "четырнадцать минут."),
        ("ru", 21, "двадцать одна минута"),
        ("ru", 34, "тридцать четыре минуты"),
        ("ru", 50, "пятьдесят минут."),
        ("sw", 3, "dakika 3"),
        ("ky", 3, "3 мүнөт"),
    ],
)
def test_minutes(language: str, minutes: int, heard: str) -> None:
    assert heard in phrase("queue_wait", language, minutes=minutes)


def test_russian_plural() -> None:
    forms = {n: russian_plural(n, "one", "few", "many") for n in (0, 1, 2, 4, 5, 11, 12, 14, 20, 21, 22, 101, 111, 112)}
    assert [n for n, form in forms.items() if form == "one"] == [1, 21, 101]
    assert [n for n, form in forms.items() if form == "few"] == [2, 4, 22]


def test_numbers_are_read_digit_by_digit() -> None:
    assert "on 7 0 1." in phrase("parked", "en", slot="701")
    assert "to 9 9 6 3 1 2." in phrase("forward_on", "en", target="+996312")
    assert "1 0 1 is not" in phrase("voicemail_greeting", "en", name="101")
    assert "The person you are calling is not" in phrase("voicemail_greeting", "en", name="")


def test_a_hostile_name_stays_a_name() -> None:
    said = phrase("voicemail_greeting", "en", name="{n}\r\n\x00<break/>" + "x" * 9000)
    assert said.startswith("say:en:{n} <break/>xxx")
    assert len(said) < 200 and said.isprintable()


def test_a_language_we_do_not_speak_is_english() -> None:
    assert phrase("error", "de").startswith("say:en:")
    assert phrase("error", "ky-KG").startswith("say:ky:")
    assert phrase("error", "RU_ru").startswith("say:ru:")


def test_a_wrong_key_or_a_missing_value_is_our_own_mistake() -> None:
    with pytest.raises(KeyError):
        phrase("no_such_key", "en")
    with pytest.raises(KeyError):
        phrase("parked", "en")
