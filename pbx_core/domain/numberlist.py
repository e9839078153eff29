"""Lists of telephone numbers as people hand them in: read, checked, each number once."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from pbx_core.domain import numbers

NUMBERS_MAX = 100_000  # of one list: a whole town


@dataclass(frozen=True)
class NumberList:
    """A list that was read. bad: (line number, text, why)."""

    good: tuple[str, ...]
    bad: tuple[tuple[int, str, str], ...]
    doubles: int


def read_numbers(lines: Iterable[str], country: str, own: Collection[str]) -> NumberList:
    """The numbers of a list, one a line, in E.164, each once; of a line with several columns the first counts. own:
    the tenant's, which are not informed."""
    good: dict[str, None] = {}
    bad: list[tuple[int, str, str]] = []
    doubles = 0
    for place, raw in enumerate(lines, 1):
        text = raw.strip().lstrip("\ufeff").split(";")[0].split("\t")[0].split(",")[0].strip().strip('"')
        if not text or text.startswith("#"):
            continue
        public = numbers.parse("".join(c for c in text if c not in " -()./'\u00a0"), country)
        why = ""
        if public is None:
            why = "is no telephone number"
        elif public.refused:
            why = public.refused
        elif public.e164 in own:
            why = "is a number of your own"
        if public is None or why:
            bad.append((place, text[:40], why))
        elif public.e164 in good:
            doubles += 1
        else:
            good[public.e164] = None
    return NumberList(tuple(good), tuple(bad), doubles)
