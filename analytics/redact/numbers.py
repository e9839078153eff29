"""Numbers as they are said: words one after another become strings of digits, with the words that each came from.

"four five" is 4 and 5, "forty five" is 45, "double four" 44, "mia mbili" 200, "две пятёрки" 55. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analytics.redact.numerals import Sort, Token, tokens

REPEATS_MAX = 9


@dataclass(frozen=True)
class Number:
    """Digits said by the words first..last (from 0, both included)."""

    digits: str
    first: int
    last: int


def numbers(words: Sequence[str], language: str | None) -> list[Number]:
    """The numbers in a row of words, in their order."""
    reader = _Reader()
    for place, word in enumerate(words):
        for token in tokens(word, language):
            reader.take(token, place)
    reader.flush()
    return reader.found


def joins(word: str, language: str | None) -> bool:
    """Whether a word between two numbers says nothing ("and", "uh", a dash)."""
    return all(token.sort is Sort.JOIN for token in tokens(word, language))


class _Reader:
    """Takes token by token. The number under way is `thousands` + `below`; values below `room` may still be added."""

    def __init__(self) -> None:
        self.found: list[Number] = []
        self._repeat, self._repeat_from = 1, -1  # the next digit comes so often
        self._count_last = False  # the next unit says how often the last digit came
        self._forget()

    def _forget(self) -> None:
        self._first = self._last = -1  # -1: no number under way
        self._thousands = self._below = self._room = 0
        self._unit = 0  # the unit that was said last, with nothing after it
        self._below_first = -1
        self._next_times = 0  # 100, 1000: a unit that follows multiplies it

    def take(self, token: Token, place: int) -> None:
        match token.sort:
            case Sort.DIGITS:
                self.flush()
                self._emit(token.digits, place, place)
            case Sort.VALUE:
                self._value(token, place)
            case Sort.TIMES if token.value == 1000:
                self._thousand(place)
            case Sort.TIMES:
                self._hundred(place)
            case Sort.TIMES_NEXT:
                self._times_next(token.value, place)
            case Sort.REPEAT:
                self.flush()
                self._repeat, self._repeat_from = token.value, place
            case Sort.REPEAT_LAST:
                self.flush()
                self._count_last = bool(self.found)
            case Sort.AS_OFTEN if self._small():
                self._repeat, self._repeat_from = self._below, self._first
                self._forget()
            case Sort.NOUN:
                self._noun(token.value, place)
            case Sort.JOIN:
                return
            case _:
                self.flush()
                self._repeat, self._count_last = 1, False

    def flush(self) -> None:
        """End the number under way."""
        if self._first >= 0:
            digits, first, last = str(self._thousands + self._below), self._first, self._last
            self._forget()
            self._emit(digits, first, last)

    def _small(self) -> bool:
        """Whether the number under way is a unit that can count."""
        return self._first >= 0 and not self._thousands and 2 <= self._below <= REPEATS_MAX

    def _value(self, token: Token, place: int) -> None:
        value = token.value
        if self._count_last:
            self._count_last = False
            if 2 <= value <= REPEATS_MAX and len(self.found[-1].digits) == 1:
                one = self.found.pop()
                self.found.append(Number(one.digits * value, one.first, place))
                return
        if self._next_times and 1 <= value <= 9:
            if self._next_times == 1000:
                self._thousands *= value
            else:
                self._below += 100 * (value - 1)
            self._last, self._next_times = place, 0
            return
        if self._first < 0 or value == 0 or value >= self._room:
            self.flush()
            self._first = place
        if not self._below:
            self._below_first = place
        self._below += value
        self._last, self._room, self._next_times = place, token.room, 0
        self._unit = value if value <= 9 else 0
        if value == 0:
            self.flush()

    def _hundred(self, place: int) -> None:
        """A hundred: of the unit before it, which then belongs to nothing before."""
        unit, at = self._unit, self._last
        if unit and self._below == unit:
            self._below = unit * 100
        elif unit:
            self._below -= unit
            self._last = at - 1
            self.flush()
            self._first = self._below_first = at
            self._below = unit * 100
        elif self._first >= 0 and self._room > 100:
            self._below, self._below_first = 100, place
        else:
            self.flush()
            self._first = self._below_first = place
            self._below = 100
        self._last, self._room, self._unit = place, 100, 0

    def _thousand(self, place: int) -> None:
        """A thousand: of what was said before it since the last thousand."""
        below, at = self._below, self._below_first
        if below and self._thousands:
            self._below, self._last = 0, at - 1
            self.flush()
            self._first = at
        elif not below:
            self.flush()
            self._first = place
        self._thousands, self._below = max(1, below) * 1000, 0
        self._last, self._room, self._unit = place, 1000, 0

    def _times_next(self, value: int, place: int) -> None:
        """mia, elfu: a hundred below a thousand goes on with it, else a new number begins."""
        if not (value == 100 and self._room == 1000):
            self.flush()
            self._first = place
            self._thousands = value if value == 1000 else 0
        self._below = value if value == 100 else 0
        self._last, self._room, self._unit, self._next_times = place, value, 0, value

    def _noun(self, digit: int, place: int) -> None:
        times, first = 1, place
        if self._small():
            times, first = self._below, self._first
            self._forget()
        self.flush()
        self._emit(str(digit) * times, first, place)

    def _emit(self, digits: str, first: int, last: int) -> None:
        if self._repeat > 1:
            first = min(first, self._repeat_from)
            digits = digits * self._repeat if len(digits) == 1 else digits
        self._repeat, self._count_last = 1, False
        self.found.append(Number(digits, first, last))
