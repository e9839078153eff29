"""Card and phone numbers in what one side says: numbers that belong together though pauses, short words and the other
side's "yes" lie between them. Pure.

Who reads a card number out is heard badly by some digit: a row of so many digits is hidden whether or not its check
digit is right. Too much hidden is an annoyance, a digit left is a leak.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import phonenumbers
from phonenumbers import NumberParseException, ValidationResult

from analytics.redact.numbers import Number, joins, numbers
from analytics.redact.speech import Place
from pbx_core.domain.redaction import Wishes

CARD_DIGITS_MIN = 12  # a card has 13 to 19 (ISO/IEC 7812); one may have been missed
CARD_DIGITS = range(13, 20)
PHONE_DIGITS = range(7, 16)  # E.164 has 15 at most; below 7 are short numbers and prices
PHONE_DIGITS_SURE = 9  # so many without a word between are hidden even if no such number can exist
GAP_WORDS_MAX = 3  # between two numbers of one row: "and then", "let me see"
GAP_S_MAX = 15.0  # the other side repeats a group
TIGHT_S_MAX = 5.0  # a pause within a phone number
FILL_WORDS_MAX = 2  # so few words between two numbers are digits not understood ("for", "to"): hidden with them
FILL_S_MAX = 3.0
PHONE_GAP_WORDS_MAX = 1  # between its parts, short words not counted: the rest of the talk is full of numbers
PHONE_PARTS_MAX = 15  # numbers that one phone number is said in
CODE_DIGITS_MIN = 3  # said around a card: its code, its month, a group repeated
CODE_BEFORE_S = 5.0
CODE_AFTER_S = 45.0


@dataclass(frozen=True)
class Said:
    """A number and where its words begin and end."""

    number: Number
    start_s: float
    end_s: float
    gap_words: int = 0  # between the number before it in its row and this one; "and", "uh" not counted


@dataclass(frozen=True)
class Range:
    """Words first..last of one side that are hidden."""

    first: int
    last: int
    kind: str


Row = tuple[Said, ...]


def rows(side: Sequence[Place], language: str | None) -> list[Row]:
    """The numbers of one side, parted where they do not belong together."""
    words = [place.text for place in side]
    out: list[list[Said]] = []
    for number in numbers(words, language):
        before = out[-1][-1].number.last + 1 if out else 0
        gap_words = sum(not joins(word, language) for word in words[before : number.first])
        said = Said(number, side[number.first].start_s, side[number.last].end_s, gap_words)
        if out and gap_words <= GAP_WORDS_MAX and said.start_s - out[-1][-1].end_s <= GAP_S_MAX:
            out[-1].append(said)
        else:
            out.append([said])
    return [tuple(row) for row in out]


def digits_of(row: Sequence[Said]) -> str:
    """All digits of a row."""
    return "".join(said.number.digits for said in row)


def card(row: Row, wishes: Wishes) -> str | None:
    """The kind of a row that is hidden as a card number; None when it is none."""
    digits = digits_of(row)
    if len(digits) < CARD_DIGITS_MIN:
        return None
    if exact_card(row):
        return "card"
    return None if _valid_phone(digits, wishes.country) else "long_number"


def exact_card(row: Row) -> bool:
    """Whether a row is a card number to the last digit."""
    digits = digits_of(row)
    return len(digits) in CARD_DIGITS and luhn(digits)


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1)."""
    doubled = [int(d) * (1 + i % 2) for i, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def phones(row: Row, wishes: Wishes) -> list[Row]:
    """The parts of a row that are phone numbers; they do not overlap."""
    found: list[Row] = []
    start = 0
    while start < len(row):
        ends = range(min(len(row), start + PHONE_PARTS_MAX), start, -1)
        end = next((e for e in ends if _phone(row[start:e], wishes.country)), None)
        if end is not None:
            found.append(row[start:end])
        start = end or start + 1
    return found


def _phone(part: Row, country: str) -> bool:
    digits = digits_of(part)
    if len(digits) not in PHONE_DIGITS or any(said.gap_words > PHONE_GAP_WORDS_MAX for said in part[1:]):
        return False
    if _valid_phone(digits, country):
        return True
    tight = all(not after.gap_words and after.start_s - before.end_s <= TIGHT_S_MAX for before, after in pairwise(part))
    return tight and (len(digits) >= PHONE_DIGITS_SURE or _possible(digits, country))


def _valid_phone(digits: str, country: str) -> bool:
    return any(phonenumbers.is_valid_number(number) for number in _readings(digits, country))


def _possible(digits: str, country: str) -> bool:
    """Whether numbers of the country are as long as this. Without a country: it may be."""
    good = (ValidationResult.IS_POSSIBLE, ValidationResult.IS_POSSIBLE_LOCAL_ONLY)
    found = [phonenumbers.is_possible_number_with_reason(number) for number in _readings(digits, country)]
    return not country or any(reason in good for reason in found)


def _readings(digits: str, country: str) -> list[phonenumbers.PhoneNumber]:
    """As dialled at home, and with the plus that was not said."""
    out = []
    for text in (digits, f"+{digits}"):
        try:
            out.append(phonenumbers.parse(text, country or None))
        except NumberParseException:
            continue
    return out


def ranges(part: Sequence[Said], kind: str) -> list[Range]:
    """The words that hide these numbers. The few between two of them are hidden too: a digit that was not understood
    looks like a word."""
    out: list[Range] = []
    end_s = 0.0
    for said in part:
        first, last = said.number.first, said.number.last
        if out and first - out[-1].last - 1 <= FILL_WORDS_MAX and said.start_s - end_s <= FILL_S_MAX:
            out[-1] = Range(out[-1].first, last, kind)
        else:
            out.append(Range(first, last, kind))
        end_s = said.end_s
    return out
