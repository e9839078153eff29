"""The conditions of a tenant's speech rules, read from their texts; what is compared with what. Pure."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

WHOLE = ("duration_s", "silence_s", "overlap_s", "talk_s", "interactivity")  # of the conversation
OF_A_SIDE = (
    "talk_ratio", "interruptions", "longest_monologue_s", "patience_s", "questions", "fillers", "words_per_minute",
    "sentiment",
)  # fmt: skip
CUSTOMER = "customer_"  # before a figure of a side: the customer's instead of the agent's
FIGURES = (*WHOLE, *OF_A_SIDE, *(f"{CUSTOMER}{name}" for name in OF_A_SIDE))

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt, "=": operator.eq,
}  # fmt: skip
_ID = r"[a-z0-9][a-z0-9_-]{0,31}"
_TRACKER = re.compile(rf"(?P<no>not\s+)?tracker:(?P<id>{_ID})")
_COMPARED = re.compile(
    rf"(?:checklist:(?P<checklist>{_ID})|(?P<figure>[a-z_]+))\s*(?P<how><=|>=|<|>|=)\s*(?P<number>-?[0-9]+(?:\.[0-9]+)?)"
)


@dataclass(frozen=True)
class Heard:
    """A tracker has been heard, or (wanted False) has not."""

    tracker: str
    wanted: bool


@dataclass(frozen=True)
class Compared:
    """A figure, or the share 0..1 of a checklist's items said in time, against a number."""

    name: str  # of the figure, or the checklist's id
    checklist: bool
    how: str  # a key of OPERATORS
    number: float


Condition = Heard | Compared


def parse(text: str) -> Condition:
    """A condition; ValueError says what was expected."""
    text = text.strip()
    if found := _TRACKER.fullmatch(text):
        return Heard(found["id"], not found["no"])
    if found := _COMPARED.fullmatch(text):
        name = found["checklist"] or found["figure"]
        return Compared(name, bool(found["checklist"]), found["how"], float(found["number"]))
    raise ValueError(
        f"{text[:60]!r} is no condition; write tracker:ID, not tracker:ID, checklist:ID < 0.8, or a figure compared "
        "with a number, as silence_s > 30"
    )
