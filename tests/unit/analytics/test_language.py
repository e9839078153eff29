"""The language of a call: the tenant's most likely one, or an honest no."""

from __future__ import annotations

from analytics.language import choose, codes

WHISPER = frozenset({"en", "ru", "kk", "tr", "uz", "sw", "de"})


def test_the_likeliest_of_the_tenants_languages_wins_even_if_another_is_likelier() -> None:
    choice = choose({"de": 0.6, "en": 0.1, "ru": 0.3}, ("en", "ru"), WHISPER)
    assert (choice.language, choice.probability, choice.unsupported) == ("ru", 0.3, None)


def test_a_tenant_with_one_language_gets_it() -> None:
    assert choose({"ru": 0.9, "en": 0.02}, ("en",), WHISPER).language == "en"


def test_kyrgyz_is_heard_as_its_neighbours_and_labelled_unsupported() -> None:
    choice = choose({"kk": 0.5, "uz": 0.1, "ru": 0.3}, ("ky", "ru"), WHISPER)
    assert choice.language == "ky"
    assert "ky" in (choice.unsupported or "")


def test_russian_in_a_kyrgyz_office_is_russian() -> None:
    choice = choose({"ru": 0.9, "kk": 0.05}, ("ky", "ru"), WHISPER)
    assert (choice.language, choice.unsupported) == ("ru", None)


def test_kazakh_spoken_by_the_tenant_is_not_taken_for_kyrgyz() -> None:
    assert choose({"kk": 0.8, "ru": 0.1}, ("ky", "kk", "ru"), WHISPER).language == "kk"


def test_a_tenant_whose_only_language_is_unsupported() -> None:
    choice = choose({}, ("ky",), WHISPER)
    assert (choice.language, choice.probability) == ("ky", None)
    assert "(ky) is supported" in (choice.unsupported or "")


def test_several_unsupported_languages_leave_the_language_open() -> None:
    assert choose({}, ("ky", "ug"), WHISPER).language is None


def test_codes_are_read_as_people_write_them() -> None:
    assert codes((" EN-gb", "ru", "en", "")) == ("en", "ru")


def test_kyrgyz_with_a_model_of_its_own_is_told_by_its_neighbours() -> None:
    choice = choose({"kk": 0.5, "uz": 0.1, "ru": 0.3}, ("ky", "ru"), WHISPER | {"ky"})
    assert (choice.language, choice.unsupported) == ("ky", None)
    assert choose({"kk": 0.1, "ru": 0.8}, ("ky", "ru"), WHISPER | {"ky"}).language == "ru"
