"""The one table of what a conversation is: its classes, the rules that make them, the parameters. Pure.

A rule's `holds` is a condition in SQL over the facts of one conversation (the columns that `derived` gathers); the
first rule that holds, in the order of RULES, gives the class. Whoever changes a condition, a parameter or what a fact
means gives the rule a new number and DEFINITION_VERSION a new name.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

DEFINITION_VERSION = "conversation-2"

# What belongs together.
REPEAT_WINDOW_S = 300  # who calls again so soon after an attempt in which nobody talked goes on with it
ATTEMPT_S_MAX = 3_600  # an attempt that lasted longer is no beginning of another
ATTEMPTS_MAX = 20  # who calls more often without a pause is a machine: each further call stands for itself
STORY_HOURS = 48  # a call names the story it belongs to; one that began longer ago is over
# What belongs to the same person.
REPEAT_DAYS = 7  # who calls again so soon after somebody talked with him is a repeat caller
RECOVERY_DAYS = 14  # a lost caller counts as recovered when somebody talks with him within these days
# Figures within the facts.
DOOR_S = 1  # who left a queue sooner, full or empty, was refused at its door
TELEPHONE_NUMBER = r"\+?[0-9]{3,20}"  # anything else (withheld, a name) joins no calls


class ConversationClass(StrEnum):
    """What became of a conversation."""

    ANSWERED = "answered"
    ANSWERED_ELSEWHERE = "answered_elsewhere"
    VOICEMAIL = "voicemail"
    OUT_OF_HOURS = "out_of_hours"
    ABANDONED = "abandoned"
    BLOCKED = "blocked"
    MISSED = "missed"
    REACHED = "reached"
    NOT_REACHED = "not_reached"


INBOUND = tuple(ConversationClass)[:7]
# The caller wanted one of us and got none: somebody may call him back.
TO_RECOVER = (
    ConversationClass.MISSED,
    ConversationClass.ABANDONED,
    ConversationClass.VOICEMAIL,
    ConversationClass.OUT_OF_HOURS,
)


@dataclass(frozen=True)
class Fact:
    """A fact that a rule stands on: where it is found (SQL: a call_id), its value (SQL) and a sentence (SQL)."""

    call_id: str
    value: str
    says: str


@dataclass(frozen=True)
class Rule:
    """When a conversation is of a class. inbound: for conversations that a caller from outside began, or the others.
    holds: SQL over the gathered facts; facts: keys of FACTS; words: the rule for people."""

    id: str
    gives: ConversationClass
    inbound: bool
    holds: str
    facts: tuple[str, ...]
    words: str


FACTS: dict[str, Fact] = {
    "talked": Fact(
        "talk_call",
        "CASE WHEN talked THEN coalesce(nullif(talker, ''), 'true') ELSE '' END",
        "CASE WHEN talker = '' THEN 'Connected after ' ELSE talker || ' talked after ' END || printf('%.0f s', wait_s)",
    ),
    "heard": Fact("last_call", "CASE WHEN talked THEN '' ELSE 'true' END", "'The message was heard'"),
    "asked": Fact(
        "talk_call",
        "talk_asked",
        "CASE WHEN talk_asked = '' THEN 'Nobody in particular was asked' "
        "ELSE 'First asked: ' || regexp_replace(talk_asked, ':', ' ') END",
    ),
    "nobody_talked": Fact(
        "last_call",
        "calls::VARCHAR",
        "CASE WHEN attempts > 1 THEN 'Nobody talked in ' || attempts || ' attempts' ELSE 'Nobody talked' END",
    ),
    "voicemail": Fact("voicemail_call", "'true'", "'A message was left'"),
    "closed": Fact("last_call", "closed_hours", "'Closed by the hours ' || closed_hours"),
    "left_queue": Fact(
        "abandoned_call",
        "abandoned_queue",
        "'Hung up in the queue ' || abandoned_queue || coalesce(printf(' after %.0f s', abandoned_wait_s), '')",
    ),
    "refused": Fact("last_call", "last_refused", "last_refused"),
    "ended": Fact("last_call", "last_cause", "'It ended with: ' || last_cause"),
    "callback_asked": Fact("callback_call", "callback_queue", "'Asked to be called back by ' || callback_queue"),
    "rang": Fact("last_call", "rang", "'Rang without an answer: ' || rang"),
}

RULES: tuple[Rule, ...] = (
    Rule(
        "inbound.answered/1",
        ConversationClass.ANSWERED,
        True,
        "talked AND (asked_person = '' OR talker = '' OR asked_person = talker)",
        ("talked", "asked"),
        "Somebody of ours talked with the caller, and it was the one he asked for, or he asked for no person but for a "
        "queue, a group, a menu or a conference.",
    ),
    Rule(
        "inbound.answered_elsewhere/1",
        ConversationClass.ANSWERED_ELSEWHERE,
        True,
        "talked",
        ("talked", "asked"),
        "The caller asked for one person, and another one of ours talked with him: by pick-up, forwarding or "
        "follow-me.",
    ),
    Rule(
        "inbound.voicemail/1",
        ConversationClass.VOICEMAIL,
        True,
        "voicemail",
        ("nobody_talked", "voicemail"),
        "Nobody talked with the caller, and he left a message.",
    ),
    Rule(
        "inbound.out_of_hours/1",
        ConversationClass.OUT_OF_HOURS,
        True,
        "all_closed",
        ("nobody_talked", "closed"),
        "Nobody talked with the caller, and each of his attempts met hours that were closed.",
    ),
    Rule(
        "inbound.abandoned/1",
        ConversationClass.ABANDONED,
        True,
        "abandoned_call <> ''",
        ("nobody_talked", "left_queue"),
        "Nobody talked with the caller; he waited in a queue and hung up there.",
    ),
    Rule(
        "inbound.blocked/1",
        ConversationClass.BLOCKED,
        True,
        "all_refused",
        ("nobody_talked", "refused", "ended"),
        "Nobody was asked at all in any attempt: the exchange refused the caller, because he is blocked, the line is "
        "closed or full, or the queue was full or without agents when he came.",
    ),
    Rule(
        "inbound.missed/1",
        ConversationClass.MISSED,
        True,
        "true",
        ("nobody_talked", "rang", "callback_asked", "ended"),
        "Nobody talked with the caller, and none of the other rules held.",
    ),
    Rule(
        "placed.reached/1",
        ConversationClass.REACHED,
        False,
        "reached",
        ("talked", "heard"),
        "The one who was called answered, and somebody of ours, or the message of a campaign, was there for him.",
    ),
    Rule(
        "placed.not_reached/1",
        ConversationClass.NOT_REACHED,
        False,
        "true",
        ("nobody_talked", "voicemail", "ended"),
        "Nobody who was called answered, or nobody of ours was there when he did.",
    ),
)

ROLES = {
    "first": "The first call.",
    "transfer": "The same story: the exchange joined it to the first, by a transfer, a pick-up or a consultation.",
    "callback": "The caller had asked to be called back.",
    "repeat": f"The caller tried again within {REPEAT_WINDOW_S // 60} minutes after an attempt in which nobody talked.",
}
BY_ID = {rule.id: rule for rule in RULES}
