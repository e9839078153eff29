"""Numbers: how people write them, how carriers want them, what is never called; plans of short numbers in bulk."""

from __future__ import annotations

import pytest

from pbx_core.domain import numbers
from pbx_core.domain.model import Trunk


@pytest.mark.parametrize(
    ("text", "country", "e164", "region"),
    [
        ("0312555555", "KG", "+996312555555", "KG"),
        ("00996312555555", "KG", "+996312555555", "KG"),
        ("+996312555555", "", "+996312555555", "KG"),
        ("030901820", "DE", "+4930901820", "DE"),
        ("0114930901820", "US", "+4930901820", "DE"),
        ("2025550123", "US", "+12025550123", "US"),
        ("+16135550123", "US", "+16135550123", "CA"),
    ],
)
def test_numbers_are_read_as_people_dial_them(text: str, country: str, e164: str, region: str) -> None:
    found = numbers.parse(text, country)
    assert found == numbers.Public(e164, region)


@pytest.mark.parametrize(
    "text",
    ["", "+", "0", "112", "12", "+99", "+996", "+9963125", "0312 555 555", "+49(30)901820", "1" * 33, "٠٣١٢٥٥٥٥٥٥",
     "+1;ext=3", "sip:101@x", "\r\n", "+000000000000"],
)  # fmt: skip
def test_what_is_no_number_is_none(text: str) -> None:
    assert numbers.parse(text, "KG") is None


@pytest.mark.parametrize(
    "text",
    ["+870771234567", "+881612345678", "+8821234567", "+883510012345", "+87812345678901", "+979123456789",
     "+19005551234", "+19765551234", "+12129761234", "+449061234567", "+499001234567", "+33899123456"],
)  # fmt: skip
def test_satellite_and_premium_numbers_are_refused(text: str) -> None:
    found = numbers.parse(text, "KG")
    assert found is not None and found.refused


@pytest.mark.parametrize(
    ("form", "prefix", "strip", "berlin", "bishkek"),
    [
        ("e164", "", 0, "+4930901820", "+996312555555"),
        ("digits", "", 0, "4930901820", "996312555555"),
        ("national", "", 0, "030901820", "00996312555555"),
        ("e164", "9", 0, "94930901820", "9996312555555"),
        ("national", "", 1, "30901820", "0996312555555"),
        ("digits", "00", 0, "004930901820", "00996312555555"),
    ],
)
def test_carriers_get_numbers_in_their_form(form: str, prefix: str, strip: int, berlin: str, bishkek: str) -> None:
    trunk = Trunk("t", "host.test", number_format=form, country="DE", prefix=prefix, strip=strip)
    assert numbers.for_carrier("+4930901820", trunk, "KG") == berlin
    assert numbers.for_carrier("+996312555555", trunk, "KG") == bishkek


@pytest.mark.parametrize(
    ("said", "read"),
    [("0312555555", "+996312555555"), ("+996312555555", "+996312555555"), ("", "anonymous"),
     ("Anonymous", "anonymous"), ("4711", "4711")],
)  # fmt: skip
def test_a_callers_number_is_read_as_far_as_possible(said: str, read: str) -> None:
    assert numbers.caller(said, "KG") == read


def test_every_country_has_its_emergency_numbers() -> None:
    assert {"101", "102", "103"} <= numbers.emergency_numbers("KG")
    assert {"110", "112"} <= numbers.emergency_numbers("DE")
    assert "911" in numbers.emergency_numbers("US")
    assert numbers.emergency_numbers("") == numbers.emergency_numbers("XX") == frozenset()


def test_a_plan_of_short_numbers() -> None:
    assert numbers.plan(3, "2") == ("201", "202", "203")
    assert numbers.plan(3, "1", frozenset({"101", "102", "103", "105"})) == ("104", "106", "107")
    assert numbers.plan(99, "2")[-1] == "299"
    assert numbers.plan(100, "2")[0] == "2001"  # three digits are not enough for all
    assert len(set(numbers.plan(9_999, "7"))) == 9_999
    assert not any(n.startswith("112") for n in numbers.plan(900, "1", frozenset({"112"})))  # 1120 could not be dialled
    for count, digit in ((0, "2"), (1, "0"), (1, "12"), (1, "x"), (10_000, "2")):
        with pytest.raises(ValueError, match=r"first digit|at least|there are not"):
            numbers.plan(count, digit)


def test_numbers_of_shared_cost_are_for_their_own_country() -> None:
    home, abroad = numbers.parse("01801234567", "DE"), numbers.parse("+491801234567", "KG")
    assert home and not home.refused
    assert abroad and "abroad" in abroad.refused
