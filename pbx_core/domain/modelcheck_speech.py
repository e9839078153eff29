"""Rules for how a tenant wants his conversations heard: phrases that can be said, trackers that can match, scripts
that can apply, conditions that name what exists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from pbx_core.domain.model import Model
from pbx_core.domain.model_speech import SpeechRule
from pbx_core.domain.modelcheck import Mistake, Rule, meant
from pbx_core.domain.speech_rules import FIGURES, Compared, Heard, parse

TRACKERS_MAX = 200
CHECKLISTS_MAX = 50
RULES_MAX = 200
ITEMS_MAX = 50  # of one checklist
PHRASES_MAX = 100  # of one tracker or item, `unless` likewise
PHRASE_WORDS_MAX = 10
PHRASE_CHARS_MAX = 100
CONDITIONS_MAX = 20  # of one rule
GLOSSARY_MAX = 500
NAMES_MAX = 1_000  # of redact
TAG_CHARS_MAX = 32
NAME_CHARS_MAX = 64
SECONDS_MAX = 36_000  # a call of ten hours
SCORE_MAX = 100
DIRECTIONS = ("inbound", "outbound", "internal")
ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


def _ids(model: Model) -> Iterator[Mistake]:
    speech = model.speech
    for kind, most in (("trackers", TRACKERS_MAX), ("checklists", CHECKLISTS_MAX), ("rules", RULES_MAX)):
        things = getattr(speech, kind)
        yield from _too_many(f"speech.{kind}", things, most)
        for i, thing in enumerate(things):
            if not ID.fullmatch(thing.id):
                text = "a name is 1 to 32 of a-z, 0-9, - and _, and begins with a-z or 0-9"
                yield Mistake(f"speech.{kind}.{thing.id[:40]}", text)
            if thing.id in (other.id for other in things[:i]):
                yield Mistake(f"speech.{kind}.{thing.id}", "stands there twice")
            if len(getattr(thing, "name", "")) > NAME_CHARS_MAX:
                yield Mistake(f"speech.{kind}.{thing.id}.name", f"is longer than {NAME_CHARS_MAX} characters")


def _lists(model: Model) -> Iterator[Mistake]:
    speech = model.speech
    for i, number in enumerate(speech.never, 1):
        if number not in model.book.extensions:
            yield Mistake(f"speech.never.{i}", f"no extension `{number[:40]}`{meant(number, model.book.extensions)}")
    for place, texts, most in (
        ("speech.glossary", speech.glossary, GLOSSARY_MAX),
        ("speech.redact.names", speech.redact.names, NAMES_MAX),
    ):
        yield from _too_many(place, texts, most)
        yield from _unspeakable(place, texts)


def _trackers(model: Model) -> Iterator[Mistake]:
    for tracker in model.speech.trackers:
        place = f"speech.trackers.{tracker.id}"
        yield from _phrases(f"{place}.phrases", tracker.phrases)
        yield from _too_many(f"{place}.unless", tracker.unless, PHRASES_MAX)
        yield from _unspeakable(f"{place}.unless", tracker.unless)
        for name in ("from_s", "to_s"):
            yield from _seconds(f"{place}.{name}", getattr(tracker, name))
        if tracker.to_s and tracker.to_s <= tracker.from_s:
            text = f"could never match: {tracker.to_s:g} s is not after from_s, {tracker.from_s:g} s"
            yield Mistake(f"{place}.to_s", text)


def _checklists(model: Model) -> Iterator[Mistake]:
    for checklist in model.speech.checklists:
        place = f"speech.checklists.{checklist.id}"
        if not checklist.items:
            yield Mistake(f"{place}.items", "is empty: there would be nothing to say")
        yield from _too_many(f"{place}.items", checklist.items, ITEMS_MAX)
        for i, item in enumerate(checklist.items, 1):
            if not 0 < len(item.title.strip()) <= NAME_CHARS_MAX:
                yield Mistake(f"{place}.items.{i}.title", f"is 1 to {NAME_CHARS_MAX} characters")
            if item.title in (other.title for other in checklist.items[: i - 1]):
                yield Mistake(f"{place}.items.{i}.title", f"{item.title[:40]!r} stands there twice")
            yield from _phrases(f"{place}.items.{i}.phrases", item.phrases)
            yield from _seconds(f"{place}.items.{i}.within_s", item.within_s)
        for i, queue in enumerate(checklist.queues, 1):
            if queue not in model.book.queues:
                yield Mistake(f"{place}.queues.{i}", f"no queue `{queue[:40]}`{meant(queue, model.book.queues)}")
        for i, direction in enumerate(checklist.directions, 1):
            if direction not in DIRECTIONS:
                text = f"{direction[:20]!r} is none of {', '.join(DIRECTIONS)}{meant(direction, DIRECTIONS)}"
                yield Mistake(f"{place}.directions.{i}", text)


def _rules(model: Model) -> Iterator[Mistake]:
    for rule in model.speech.rules:
        place = f"speech.rules.{rule.id}"
        if not rule.when:
            yield Mistake(f"{place}.when", "is empty: the rule would hold for every call")
        if not (rule.tag or rule.score or rule.alert):
            yield Mistake(place, "does nothing: it has no tag, no score and no alert")
        if rule.tag and not 0 < len(rule.tag.strip()) <= TAG_CHARS_MAX:
            yield Mistake(f"{place}.tag", f"is 1 to {TAG_CHARS_MAX} characters")
        if abs(rule.score) > SCORE_MAX:
            yield Mistake(f"{place}.score", f"{rule.score:g} is not within {-SCORE_MAX} to {SCORE_MAX}")
        yield from _too_many(f"{place}.when", rule.when, CONDITIONS_MAX)
        yield from _conditions(model, place, rule)


def _conditions(model: Model, place: str, rule: SpeechRule) -> Iterator[Mistake]:
    trackers = [t.id for t in model.speech.trackers]
    checklists = [c.id for c in model.speech.checklists]
    seen = []
    for i, text in enumerate(rule.when, 1):
        at = f"{place}.when.{i}"
        try:
            condition = parse(text)
        except ValueError as error:
            yield Mistake(at, str(error))
            continue
        seen.append((at, condition))
        match condition:
            case Heard(tracker=name) if name not in trackers:
                yield Mistake(at, f"no tracker `{name}`{meant(name, trackers)}")
            case Compared(name=name, checklist=True) if name not in checklists:
                yield Mistake(at, f"no checklist `{name}`{meant(name, checklists)}")
            case Compared(name=name, checklist=False) if name not in FIGURES:
                yield Mistake(at, f"no figure `{name[:40]}`{meant(name, FIGURES)}")
    wanted = {c.tracker for _, c in seen if isinstance(c, Heard) and c.wanted}
    for at, condition in seen:
        if isinstance(condition, Heard) and not condition.wanted and condition.tracker in wanted:
            yield Mistake(at, f"could never hold: tracker:{condition.tracker} is asked for as well")


def _phrases(place: str, phrases: Sequence[str]) -> Iterator[Mistake]:
    if not phrases:
        yield Mistake(place, "is empty: nothing could ever match")
    yield from _too_many(place, phrases, PHRASES_MAX)
    yield from _unspeakable(place, phrases)


def _unspeakable(place: str, texts: Iterable[str]) -> Iterator[Mistake]:
    """Texts that nobody can say, or that are too long to be said alike twice."""
    for i, text in enumerate(texts, 1):
        if not any(c.isalnum() for c in text):
            yield Mistake(f"{place}.{i}", "has no word in it")
        elif len(text) > PHRASE_CHARS_MAX or len(text.split()) > PHRASE_WORDS_MAX:
            yield Mistake(f"{place}.{i}", f"is longer than {PHRASE_WORDS_MAX} words or {PHRASE_CHARS_MAX} characters")


def _too_many(place: str, entries: Sequence[object], most: int) -> Iterator[Mistake]:
    if len(entries) > most:
        yield Mistake(place, f"{len(entries)} entries are more than {most}")


def _seconds(place: str, value: float) -> Iterator[Mistake]:
    if not 0 <= value <= SECONDS_MAX:
        yield Mistake(place, f"{value:g} is not within 0 to {SECONDS_MAX:g}")


RULES: tuple[Rule, ...] = (_ids, _lists, _trackers, _checklists, _rules)
