"""Figures of conversations: calls that are one story count once; a missed one is followed until it is made good."""

from __future__ import annotations

from analytics.metrics.totals import RECOVERY_H
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
        "recovery_p50", "1", "Time until made good, half", "s", "recovery_bins", None,
        "conversations that were not made good",
        "Half of those made good were so sooner than this, from their end to the first talk; in steps of 5 min, more "
        "than 7 days count as 7.",
        "nothing was made good", Grain.CONVERSATION, (("quantile", "0.5"), ("step", "5 min")), "canon 34",
        Rollup.HISTOGRAM, ("recovery_p95",), 0.5,
    ),
    MetricDefinition(
        "recovery_p95", "1", "Time until made good, 95 of 100", "s", "recovery_bins", None,
        "conversations that were not made good",
        "95 of 100 of those made good were so sooner than this, from their end to the first talk; in steps of 5 min, "
        "more than 7 days count as 7.",
        "nothing was made good", Grain.CONVERSATION, (("quantile", "0.95"), ("step", "5 min")), "canon 34",
        Rollup.HISTOGRAM, ("recovery_p50",), 0.95,
    ),
    MetricDefinition(
        "first_contact_resolution", "1", "Settled at once", "share", "first_settled", "first_talked",
        f"{_OUTSIDE}; numbers that called before within 7 days; conversations in which nobody talked; without a number",
        "FCR (proxy): first conversations from outside in which somebody talked, with no further one of that number "
        "within 7 days / all such. Of the last 7 days not all is known yet.",
        "nobody called for the first time in this period", Grain.CONVERSATION, (("repeat", "7 days"),),
        "canon 23, ccmath; Ringostat",
    ),
    MetricDefinition(
        "repeat_rate", "1", "Repeat callers", "share", "repeats", "inbound", _OUTSIDE,
        "Conversations from outside whose number had called within 7 days before / all from outside.", NO_INBOUND,
        Grain.CONVERSATION, (("repeat", "7 days"),), "canon 23",
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
