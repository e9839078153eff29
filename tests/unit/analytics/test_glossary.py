"""Names of the glossary: which may have been said, and when a result with them is the better one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analytics import glossary
from analytics.heard import Heard
from pbx_core.domain.records import Word

NAMES = ("Tien Shan Tours", "Bektemir", "Osh Bazaar", "Yealink", "Aida", "Кумтор")


@pytest.mark.parametrize(
    ("heard", "offered"),
    [
        ("a trip with the Enchenters next week", ("Tien Shan Tours",)),
        ("My name is Bektomir and I have a question.", ("Bektemir",)),
        ("The delivery to Ashtabasar was late", ("Osh Bazaar",)),
        ("ten year -links phones", ("Yealink",)),
        ("счёт для кунтора и банка", ("Кумтор",)),
        ("I calling from Comter about it", ("Кумтор",)),  # sounds are compared, whatever the alphabet
        ("the address at the end of the street", ()),
        ("my name is Bektemir, from the osh-bazaar", ()),  # there already
        ("", ()),
        ("… , –", ()),
    ],
)
def test_names_that_sound_alike_are_offered(heard: str, offered: tuple[str, ...]) -> None:
    assert glossary.alike(heard, NAMES) == offered


def test_never_many_at_once() -> None:
    assert len(glossary.alike("Bektemir", tuple(f"Bektemir{n}" for n in range(500)))) == glossary.OFFERED_MAX


def test_names_without_letters_offer_nothing() -> None:
    assert glossary.alike("some words", ("--", "", "🙂")) == ()


def heard(text: str, logprob: float) -> Heard:
    words = tuple(Word(w, float(i), i + 0.5, 0.9) for i, w in enumerate(text.split()))
    return Heard(words, tokens=len(words), avg_logprob=logprob, no_speech=0.0, compression=1.0, capped=False)


def test_a_result_is_better_that_has_the_name_and_loses_nothing() -> None:
    first = heard("the delivery to Ashtabasar was late again", -0.5)
    again = heard("the delivery to Osh Bazaar was late again", -0.4)
    assert glossary.better(first, again, ("Osh Bazaar",))
    assert glossary.better(first, replace(again, avg_logprob=-0.6), ("Osh Bazaar",))
    assert not glossary.better(first, replace(again, avg_logprob=-0.61), ("Osh Bazaar",)), "less probable"
    assert not glossary.better(first, again, ("Yealink",)), "without the name"
    assert not glossary.better(first, heard("Osh Bazaar", -0.1), ("Osh Bazaar",)), "everything else dropped"
