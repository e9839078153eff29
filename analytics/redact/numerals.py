"""The number words of English, Russian, Swahili and Kyrgyz, case endings included, as tokens. Pure.

A transcript's language says which are looked up. English and Russian ones are heard in calls of the others too. Kyrgyz
is also read in Russian spelling (нол, уч), because engines trained on Russian write it so.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from enum import Enum

LANGUAGES = frozenset({"en", "ru", "sw", "ky"})


class Sort(Enum):
    """What a word does to the number that is being said."""

    DIGITS = "digits"  # written as such
    VALUE = "value"
    TIMES = "times"  # 100 or 1000: multiplies the unit before it
    TIMES_NEXT = "times next"  # mia, elfu: the unit after it
    REPEAT = "repeat"  # "double": the next digit n times
    REPEAT_LAST = "repeat last"  # "mara": the digit before it, as often as the next says
    AS_OFTEN = "as often"  # "жолу": the unit before it says how often the next digit comes
    NOUN = "noun"  # "пятёрка": a digit; after a small number as many of them
    JOIN = "join"  # "and": neither number nor word between
    OTHER = "other"


@dataclass(frozen=True)
class Token:
    """value: of VALUE, TIMES, REPEAT and NOUN; digits: of DIGITS; room: a value below it may follow and is added."""

    sort: Sort
    value: int = 0
    digits: str = ""
    room: int = 1


def _room(value: int) -> int:
    return 100 if value >= 100 else 10 if value >= 20 else 1


def _values(text: str) -> dict[str, Token]:
    """Lines `value: forms`."""
    found = {}
    for line in text.strip().splitlines():
        value, forms = line.split(":")
        found.update({form: Token(Sort.VALUE, int(value), room=_room(int(value))) for form in forms.split()})
    return found


def _all(sort: Sort, value: int, forms: str) -> dict[str, Token]:
    return {form: Token(sort, value) for form in forms.split()}


_EN = {
    **_values("""
        0: zero oh o nought naught nil
        1: one
        2: two
        3: three
        4: four
        5: five
        6: six
        7: seven
        8: eight
        9: nine niner
        10: ten
        11: eleven
        12: twelve
        13: thirteen
        14: fourteen
        15: fifteen
        16: sixteen
        17: seventeen
        18: eighteen
        19: nineteen
        20: twenty
        30: thirty
        40: forty fourty
        50: fifty
        60: sixty
        70: seventy
        80: eighty
        90: ninety
    """),
    **_all(Sort.TIMES, 100, "hundred"),
    **_all(Sort.TIMES, 1000, "thousand"),
    **_all(Sort.REPEAT, 2, "double"),
    **_all(Sort.REPEAT, 3, "triple treble"),
    **_all(Sort.REPEAT, 4, "quadruple"),
    **_all(Sort.JOIN, 0, "and uh um er erm then dash hyphen space slash okay ok"),
}

# case forms; ё is read as е
_RU = {
    **_values("""
        0: ноль нуль нолю нулю нолем нулем
        1: один одна одно одну одного одной одному одним раз
        2: два две двух двум двумя
        3: три трех трем тремя
        4: четыре четырех четырем четырьмя
        5: пять пяти пятью
        6: шесть шести шестью
        7: семь семи семью
        8: восемь восьми восемью восьмью
        9: девять девяти девятью
        10: десять десяти десятью
        11: одиннадцать одиннадцати одинадцать
        12: двенадцать двенадцати
        13: тринадцать тринадцати
        14: четырнадцать четырнадцати
        15: пятнадцать пятнадцати
        16: шестнадцать шестнадцати
        17: семнадцать семнадцати
        18: восемнадцать восемнадцати
        19: девятнадцать девятнадцати
        20: двадцать двадцати двадцатью
        30: тридцать тридцати тридцатью
        40: сорок сорока
        50: пятьдесят пятидесяти
        60: шестьдесят шестидесяти
        70: семьдесят семидесяти
        80: восемьдесят восьмидесяти
        90: девяносто девяноста
        100: сто ста
        200: двести двухсот
        300: триста трехсот
        400: четыреста четырехсот
        500: пятьсот пятисот
        600: шестьсот шестисот
        700: семьсот семисот
        800: восемьсот восьмисот
        900: девятьсот девятисот
    """),
    **_all(Sort.TIMES, 1000, "тысяча тысячи тысяч тысячу"),
    **_all(Sort.REPEAT, 2, "дважды"),
    **_all(Sort.REPEAT, 3, "трижды"),
    **_all(Sort.NOUN, 0, "нолик нолики ноликов нули нолей нулей ноли ноля нуля"),
    **_all(Sort.NOUN, 1, "единица единицы единиц единичка единички единичек единицу"),
    **_all(Sort.NOUN, 2, "двойка двойки двоек двойку"),
    **_all(Sort.NOUN, 3, "тройка тройки троек тройку"),
    **_all(Sort.NOUN, 4, "четверка четверки четверок четверку"),
    **_all(Sort.NOUN, 5, "пятерка пятерки пятерок пятерку"),
    **_all(Sort.NOUN, 6, "шестерка шестерки шестерок шестерку"),
    **_all(Sort.NOUN, 7, "семерка семерки семерок семерку"),
    **_all(Sort.NOUN, 8, "восьмерка восьмерки восьмерок восьмерку"),
    **_all(Sort.NOUN, 9, "девятка девятки девяток девятку"),
    **_all(Sort.JOIN, 0, "и э эм ээ ну так дальше далее потом затем тире дефис"),
}

_SW = {
    **_values("""
        0: sifuri ziro
        1: moja mosi
        2: mbili
        3: tatu
        4: nne
        5: tano
        6: sita
        7: saba
        8: nane
        9: tisa
        20: ishirini
        30: thelathini thalathini
        40: arobaini arubaini
        50: hamsini
        60: sitini
        70: sabini
        80: themanini
        90: tisini
    """),
    "kumi": Token(Sort.VALUE, 10, room=10),  # kumi na moja: 11
    **_all(Sort.TIMES_NEXT, 100, "mia"),
    **_all(Sort.TIMES_NEXT, 1000, "elfu"),
    **_all(Sort.REPEAT_LAST, 0, "mara"),
    **_all(Sort.JOIN, 0, "na halafu kisha"),
}

_KY = {
    **_values("""
        0: нөл нол
        1: бир
        2: эки
        3: үч уч
        4: төрт торт
        5: беш
        6: алты
        7: жети
        8: сегиз
        9: тогуз
        20: жыйырма жийирма
        30: отуз
        40: кырк
        50: элүү элуу
        60: алтымыш
        70: жетимиш
        80: сексен
        90: токсон
    """),
    **_all(Sort.TIMES, 100, "жүз жуз"),
    **_all(Sort.TIMES, 1000, "миң мин"),
    **_all(Sort.AS_OFTEN, 0, "жолу"),
    **_all(Sort.JOIN, 0, "жана анан кийин"),
}
_TEN_KY = {"он": Token(Sort.VALUE, 10, room=10)}  # он бир: 11; in Russian the word means "he"

_OF = {
    "en": _EN,
    "ru": {**_EN, **_KY, **_RU},
    "sw": {**_EN, **_SW},
    "ky": {**_EN, **_RU, **_KY, **_TEN_KY},
}
_ANY = {**_EN, **_SW, **_KY, **_RU}
_OTHER = Token(Sort.OTHER)


@functools.lru_cache(maxsize=20_000)
def tokens(word: str, language: str | None) -> tuple[Token, ...]:
    """The tokens of one word as written; hyphens part it ("forty-five"). language: ISO 639-1, None: not known."""
    digits = "".join(str(int(c)) for c in word if c.isdecimal())
    if digits:
        return (Token(Sort.DIGITS, digits=digits),)
    known = _ANY if language is None else _OF.get(language, _EN)
    parts = "".join(c if c.isalpha() else " " for c in word.lower().replace("ё", "е")).split()
    return tuple(known.get(part, _OTHER) for part in parts)
