"""What a person types into the search, understood."""

from __future__ import annotations

import pytest

from analytics.searching import Sought, stem, understand
from pbx_core.errors import InputError


def words(text: str) -> list[list[str]]:
    return [[w.word + "*" * w.prefix + "!" * w.exact for w in c.words] for c in understand(text)]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Refund", [["refund"]]),
        ("invoice refund", [["invoice"], ["refund"]]),
        ('"my boiler" cold', [["my!", "boiler!"], ["cold"]]),
        ('"never closed', [["never!", "closed!"]]),
        ("boil*", [["boil*"]]),
        ('"my boil*"', [["my!", "boil*!"]]),
        ("b* cold", [["b"], ["cold"]]),
        ("don't", [["don!", "t!"]]),
        ("Счёт", [["счет"]]),
        ("100% [a-z]+ (.*)*$", [["100"], ["a!", "z!"]]),
        ("'; DROP TABLE call;--", [["drop"], ["table"], ["call"]]),
        ('"" *** ok', [["ok"]]),
    ],
)
def test_typed_and_meant(typed: str, meant: list[list[str]]) -> None:
    assert words(typed) == meant


@pytest.mark.parametrize("typed", ["", "   ", '""', "* % _ ?", "x" * 10_000, "a " * 13, '"' * 199])
def test_what_cannot_be_meant_is_refused_with_a_sentence(typed: str) -> None:
    with pytest.raises(InputError, match=r"search has at most|no word to look for"):
        understand(typed)


@pytest.mark.parametrize(
    ("word", "form"),
    [("refund", "refunds"), ("calling", "called"), ("happy", "happiness"), ("счета", "счетов"), ("звонок", "звонок"),
     ("договора", "договору"), ("доставка", "доставки")],
)  # fmt: skip
def test_forms_of_a_word_share_stem_and_beginning(word: str, form: str) -> None:
    sought = Sought(word)
    assert stem(word) == stem(form) and sought.fits(form) and form.startswith(sought.head)
    assert not Sought(word, exact=True).fits(form + "x")


def test_mistakes_are_forgiven_in_long_words_only() -> None:
    assert [Sought(w).edits for w in ("oil", "boiler", "appointment", "12345", "абонемент")] == [0, 1, 2, 0, 2]
    assert Sought("boiler", exact=True).edits == Sought("boiler", prefix=True).edits == 0
