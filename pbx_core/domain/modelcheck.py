"""What a model of the right form can still get wrong: every mistake with its place in the document.

`check` runs all rules; the rules live by subject in modelcheck_values (each thing by itself), modelcheck_links (what
things say of each other) and modelcheck_speech (how conversations are heard).
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from pbx_core.domain.model import Model


@dataclass(frozen=True)
class Mistake:
    """`place`: where it stands in the document, as menus.main.keys.3; "" the document as a whole."""

    place: str
    text: str


Rule = Callable[[Model], Iterator[Mistake]]


def check(model: Model) -> tuple[Mistake, ...]:
    """All mistakes of meaning, in the order of the document's parts."""
    from pbx_core.domain import modelcheck_links, modelcheck_speech, modelcheck_values  # they name Mistake

    rules = (*modelcheck_values.RULES, *modelcheck_links.RULES, *modelcheck_speech.RULES)
    return tuple(m for rule in rules for m in rule(model))


def meant(word: object, known: Iterable[str]) -> str:
    """ "; did you mean `…`?" when a known word is like it, else ""."""
    near = difflib.get_close_matches(str(word), list(known), 1, 0.6)
    return f"; did you mean `{near[0]}`?" if near else ""
