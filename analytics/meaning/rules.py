"""Rules: which hold, which do not, and which cannot be decided because what they ask for is not known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pbx_core.domain.model_speech import SpeechRule
from pbx_core.domain.speech_rules import OPERATORS, Condition, Heard, parse


@dataclass(frozen=True)
class Known:
    """What is known of a call. trackers: whether heard; None: not known. checklists: share 0..1 said in time, of those
    that apply; None: not known at all. figures: None: not known."""

    trackers: Mapping[str, bool | None]
    checklists: Mapping[str, float | None] | None
    figures: Mapping[str, float | None]


@dataclass(frozen=True)
class Outcome:
    """The rules that hold, and those that cannot be decided; the rest does not hold."""

    held: tuple[SpeechRule, ...]
    undecided: tuple[SpeechRule, ...]


def decide(rules: Sequence[SpeechRule], known: Known) -> Outcome:
    """One false condition is enough for a rule not to hold; without one, an unknown one leaves it undecided."""
    held, undecided = [], []
    for rule in rules:
        answers = [_holds(parse(text), known) for text in rule.when]
        if not answers or False in answers:
            continue
        (undecided if None in answers else held).append(rule)
    return Outcome(tuple(held), tuple(undecided))


def score(rules: Sequence[SpeechRule], outcome: Outcome) -> float | None:
    """The sum over the rules that hold; None when no rule scores at all."""
    if not any(r.score for r in rules):
        return None
    return round(sum(r.score for r in outcome.held), 3)


def _holds(condition: Condition, known: Known) -> bool | None:
    if isinstance(condition, Heard):
        was = known.trackers.get(condition.tracker)
        return None if was is None else was is condition.wanted
    if condition.checklist:
        if known.checklists is None:
            return None
        if condition.name not in known.checklists:
            return False  # a script that is not for this call
        value = known.checklists[condition.name]
    else:
        value = known.figures.get(condition.name)
    return None if value is None else OPERATORS[condition.how](value, condition.number)
