"""The part of a tenant's model that says how his conversations are heard: what is transcribed, which words are his own,
what is looked for, and what must not stay readable.

Sides: "agent" is who works for the tenant (the callee of a call from outside, the caller of a call to the outside and
of an internal one), "customer" the other, "any" both. Seconds count from the first word of the conversation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Side(StrEnum):
    """Who says it."""

    ANY = "any"
    AGENT = "agent"
    CUSTOMER = "customer"


@dataclass(frozen=True)
class Tracker:
    """Phrases that are looked for, word forms included. A hit preceded within a few words by one of `unless` ("not
    interested") does not count."""

    id: str
    phrases: tuple[str, ...]
    name: str = ""  # "" the id
    side: Side = Side.ANY
    from_s: float = 0.0
    to_s: float = 0.0  # 0: to the end
    unless: tuple[str, ...] = ()


@dataclass(frozen=True)
class ChecklistItem:
    """One thing that should be said. within_s: from the beginning, 0 at any time."""

    title: str
    phrases: tuple[str, ...]
    side: Side = Side.AGENT
    within_s: float = 0.0


@dataclass(frozen=True)
class Checklist:
    """A script. It is applied to calls of these queues and directions (inbound, outbound, internal); empty: to all."""

    id: str
    items: tuple[ChecklistItem, ...]
    name: str = ""
    queues: tuple[str, ...] = ()
    directions: tuple[str, ...] = ("inbound", "outbound")


@dataclass(frozen=True)
class SpeechRule:
    """When all conditions hold, the call gets the tag, the score is added, and people are alerted.

    A condition is `tracker:ID`, `not tracker:ID`, `checklist:ID < 0.8` or a figure compared with a number:
    `silence_s > 30`, `talk_ratio > 0.7`, `interruptions >= 3`, `questions < 1`, `talk_s < 20`."""

    id: str
    when: tuple[str, ...]
    tag: str = ""
    score: float = 0.0
    alert: bool = False


@dataclass(frozen=True)
class Redaction:
    """What is hidden in text and sound from everybody without the right to the original."""

    cards: bool = False
    phones: bool = False
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Speech:
    """The tenant's wishes for speech analytics."""

    transcribe: bool = True
    never: tuple[str, ...] = ()  # extensions whose calls are not transcribed
    sentiment: bool = True  # where a lexicon exists
    summary: bool = False  # quoted sentences of the call itself
    glossary: tuple[str, ...] = ()  # names and products, as they are written
    trackers: tuple[Tracker, ...] = ()
    checklists: tuple[Checklist, ...] = ()
    rules: tuple[SpeechRule, ...] = ()
    redact: Redaction = field(default_factory=Redaction)
