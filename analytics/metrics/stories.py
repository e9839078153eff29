"""Figures of conversations: calls that are one story count once; a missed one is followed until it is made good."""

from __future__ import annotations

from analytics.conversations.rules import RECOVERY_DAYS, REPEAT_DAYS
from analytics.metrics.totals import RECOVERY_H, TARGET_TALK_S
from analytics.metrics.types import Grain, MetricDefinition, Rollup

NO_INBOUND = "nobody called from outside in this period"
NO_LOST = "nobody who called from outside in this period was left without a word"
_OUTSIDE = "conversations that we began, and those between extensions"
_LOST = "missed, abandoned, voicemail and out of hours"


def _class(metric_id: str, title: str, total: str, definition: str) -> MetricDefinition:
    return MetricDefinition(
        metric_id, "1", title, "conversations", total, None, _OUTSIDE, definition, grain=Grain.CONVERSATION,
        source="canon 32", variants=("missed_rate",) if metric_id == "missed" else (),
    )  # fmt: skip


METRICS: tuple[MetricDefinition, ...] = (
    MetricDefinition(
        "conversations", "1", "Conversations", "conversations", "conversations", None, "none",
        "Calls that are one story (transfers, call-backs, further attempts) count once, by the start of the first.",
        grain=Grain.CONVERSATION, variants=("calls",),
    ),
    _class("inbound_conversations", "From outside", "inbound", "Conversations that somebody outside began."),
    _class("inbound_answered", "Answered", "inbound_answered",
           "From outside, and one of those who were asked talked with him."),
    _class("inbound_answered_elsewhere", "Answered elsewhere", "inbound_elsewhere",
           "From outside, one person was asked and another one of ours talked with him."),
    _class("missed", "Missed", "inbound_missed",
           "From outside, and nobody of ours talked on any leg; voicemail, out of hours, abandoned and blocked are "
           "classes of their own."),
    _class("inbound_abandoned", "Abandoned conversations", "inbound_abandoned",
           "From outside, and he left a queue himself without having talked to anybody."),
    _class("inbound_voicemail", "Voicemail", "inbound_voicemail", "From outside, and it ended with a message."),
    _class("inbound_out_of_hours", "Out of hours", "inbound_out_of_hours",
           "From outside, at a time at which the model says closed."),
    _class("inbound_blocked", "Refused", "inbound_blocked",
           "From outside, and refused: blocked, or all channels taken."),
    MetricDefinition(
        "human_answer_rate", "1", "Answered by a person", "share", "inbound_talked", "inbound", _OUTSIDE,
        "Answered or answered elsewhere / all conversations from outside.", NO_INBOUND, Grain.CONVERSATION,
        source="canon 32", variants=("answer_rate", "human_answer_rate_open"),
    ),
    MetricDefinition(
        "human_answer_rate_open", "1", "Answered by a person while open", "share", "inbound_talked", "inbound_open",
        f"{_OUTSIDE}; out of hours; refused", "Answered or answered elsewhere / conversations from outside that came "
        "while open and were not refused.", NO_INBOUND, Grain.CONVERSATION, source="canon section 0, Wazo",
        variants=("human_answer_rate",),
    ),
    MetricDefinition(
        "missed_rate", "1", "Missed share", "share", "inbound_missed", "inbound", _OUTSIDE,
        "Missed / all conversations from outside.", NO_INBOUND, Grain.CONVERSATION, source="canon 32",
        variants=("missed",),
    ),
    MetricDefinition(
        "recovery_rate", "1", "Missed and made good", "share", "recovered_in_time", "lost",
        f"all classes but {_LOST}; conversations without a number",
        f"Of the conversations from outside in which nobody talked ({_LOST}): those with a later conversation with "
        f"that number, in either direction, in which somebody talked within {RECOVERY_H} h / all.",
        NO_LOST, Grain.CONVERSATION, (("within", f"{RECOVERY_H} h"),), "canon 33",
        variants=("recovery_rate_numbers", "recovery_rate_any"),
    ),
    MetricDefinition(
        "recovery_rate_numbers", "1", "Numbers missed and made good", "share", "recovered_numbers", "lost_numbers",
        f"all classes but {_LOST}; conversations without a number",
        f"As before, but each number counts once: numbers of which one such conversation was made good within "
        f"{RECOVERY_H} h / numbers.",
        NO_LOST, Grain.CONVERSATION, (("within", f"{RECOVERY_H} h"),), "canon 33", Rollup.NONE,
        variants=("recovery_rate", "recovery_rate_any"),
    ),
    MetricDefinition(
        "recovery_rate_any", "1", "Missed and ever made good", "share", "recovered", "lost",
        f"all classes but {_LOST}; conversations without a number", "As before, however late.", NO_LOST,
        Grain.CONVERSATION, source="canon 33", variants=("recovery_rate", "recovery_rate_numbers"),
    ),
    MetricDefinition(
        "recovery_p50", "2", "Time until made good, half", "s", "recovery_bins", None,
        "conversations that were not made good",
        "Half of those made good were so within about this time, from their end to the first talk; it errs by 2.5 % at "
        f"most. Looked for within {RECOVERY_DAYS} days.",
        "nothing was made good", Grain.CONVERSATION, (("quantile", "0.5"), ("step", "5 %")), "canon 34",
        Rollup.HISTOGRAM, ("recovery_p95",), 0.5,
    ),
    MetricDefinition(
        "recovery_p95", "2", "Time until made good, 95 of 100", "s", "recovery_bins", None,
        "conversations that were not made good",
        "95 of 100 of those made good were so within about this time, from their end to the first talk; it errs by "
        f"2.5 % at most. Looked for within {RECOVERY_DAYS} days.",
        "nothing was made good", Grain.CONVERSATION, (("quantile", "0.95"), ("step", "5 %")), "canon 34",
        Rollup.HISTOGRAM, ("recovery_p50",), 0.95,
    ),
    MetricDefinition(
        "first_contact_resolution", "2", "Settled at once", "share", "first_settled", "first_talked",
        f"{_OUTSIDE}; numbers with which somebody had talked within {REPEAT_DAYS} days; conversations in which nobody "
        "talked; without a number",
        "FCR (proxy): first conversations from outside in which somebody talked, after which that number did not call "
        f"us again within {REPEAT_DAYS} days / all such. That we call them is no repeat. Of the last {REPEAT_DAYS} "
        "days not all is known yet.",
        "nobody talked for the first time with a caller in this period", Grain.CONVERSATION,
        (("repeat", f"{REPEAT_DAYS} days"),), "canon 23, ccmath; Ringostat", variants=("repeat_rate",),
    ),
    MetricDefinition(
        "repeat_rate", "2", "Repeat callers", "share", "repeats", "inbound", _OUTSIDE,
        f"Conversations from outside with whose number somebody had talked within {REPEAT_DAYS} days before, whoever "
        "called / all from outside.", NO_INBOUND, Grain.CONVERSATION, (("repeat", f"{REPEAT_DAYS} days"),), "canon 23",
        variants=("first_contact_resolution",),
    ),
    MetricDefinition(
        "target_conversations", "1", "First calls with substance", "conversations", "target", None,
        f"{_OUTSIDE}; numbers with which somebody had talked within {REPEAT_DAYS} days; without a number",
        f"Proper calls: from outside, at least {TARGET_TALK_S} s of talk, and nobody had talked with that number "
        f"within {REPEAT_DAYS} days.",
        grain=Grain.CONVERSATION,
        parameters=(("talk", f"at least {TARGET_TALK_S} s"), ("first", f"in {REPEAT_DAYS} days")),
        source="canon 41, Ringostat (first of a sale)",
    ),
    MetricDefinition(
        "attempts_mean", "1", "Attempts", "times", "attempts", "inbound", _OUTSIDE,
        "How often somebody called until it was one conversation: attempts / conversations from outside.", NO_INBOUND,
        Grain.CONVERSATION,
    ),
    MetricDefinition(
        "conversation_wait_mean", "1", "Wait for a person", "s", "inbound_wait_s", "inbound_talked",
        f"{_OUTSIDE}; those in which nobody talked",
        "Sum of seconds from the first call's start to the first talk / conversations from outside in which somebody "
        "talked. Menus, queues and further attempts are part of it.",
        "nobody from outside was talked to in this period", Grain.CONVERSATION, variants=("asa", "wait_s_mean"),
    ),
    MetricDefinition(
        "conversation_talk_mean", "1", "Talk per conversation", "s", "conversation_talk_s", "conversations_talked",
        "conversations in which nobody talked", "Sum of talk time / conversations with talk.",
        "nobody talked in this period", Grain.CONVERSATION, variants=("talk_s_mean",),
    ),
)  # fmt: skip
