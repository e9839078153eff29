"""Figures of calls: each attempt counts, whatever story it belongs to."""

from __future__ import annotations

from analytics.metrics.totals import CALLBACK_TALK_S
from analytics.metrics.types import Grain, MetricDefinition, Rollup

NO_CALLS = "no calls in this period"
NO_ANSWERED = "no answered calls in this period"
NO_CALLBACKS = "no queue called anybody back in this period"
NO_SEIZED = "no calls to outside over a trunk in this period"
_NOT_SEIZED = "calls from outside and between extensions, calls without a trunk"
_NOT_RUNG = f"{_NOT_SEIZED}; calls that neither rang nor were answered; calls that a program placed"

METRICS: tuple[MetricDefinition, ...] = (
    MetricDefinition(
        "calls", "1", "Calls", "calls", "calls", None, "none", "Attempts that reached the exchange, by start time."
    ),
    MetricDefinition("answered", "1", "Answered", "calls", "answered", None, "none", "Calls that the callee answered."),
    MetricDefinition(
        "answer_rate", "1", "Answer rate", "share", "answered", "calls",
        "none: busy, failed and calls given up by the caller count as not answered", "Answered calls / all calls.",
        NO_CALLS, variants=("asr", "queue_answer_rate"),
        source="FusionPBX calls answered / volume its ASR",
    ),
    MetricDefinition(
        "talk_s_total", "1", "Talk time", "s", "talk_s", None, "none", "Sum of answer to end, holds included.",
        source="canon 11, 64",
    ),
    MetricDefinition(
        "talk_s_mean", "1", "Mean talk time", "s", "talk_s", "answered", "calls that were not answered",
        "Sum of talk time / answered calls.", NO_ANSWERED, source="canon 11", variants=("talk_net_s_mean", "acd"),
    ),
    MetricDefinition(
        "talk_net_s_mean", "1", "Mean talk time without holds", "s", "talk_net_s", "answered",
        "calls that were not answered; seconds on hold",
        "Sum of talk time without holds / answered calls.", NO_ANSWERED, source="canon 11",
        variants=("talk_s_mean",),
    ),
    MetricDefinition(
        "hold_s_mean", "1", "Mean time on hold", "s", "hold_s", "held", "answered calls without a hold",
        "Sum of seconds on hold / answered calls with a hold.", "no call with a hold in this period",
        source="canon 12",
    ),
    MetricDefinition(
        "wait_s_mean", "1", "Mean time to answer", "s", "wait_answered_s", "answered", "calls that were not answered",
        "Sum of INVITE to answer of answered calls / answered calls.", NO_ANSWERED, variants=("asa",),
    ),
    MetricDefinition(
        "transfer_rate", "1", "Transferred", "share", "transferred", "answered", "calls that were not answered",
        "Answered calls that were transferred, blind or attended / answered calls.", NO_ANSWERED,
        source="canon 20",
    ),
    MetricDefinition(
        "recorded_share", "1", "Recorded", "share", "answered_recorded", "answered", "calls that were not answered",
        "Answered calls whose recording is stored / answered calls.", NO_ANSWERED,
    ),
    MetricDefinition(
        "asr", "1", "Answer-seizure ratio", "share", "seizures_answered", "seizures", _NOT_SEIZED,
        "ASR: calls that the number outside answered / calls that took a trunk to outside.", NO_SEIZED,
        source="canon 60, ITU-T E.411", variants=("answer_rate", "ner", "ser"),
    ),
    MetricDefinition(
        "ner", "1", "Network effectiveness ratio", "share", "seizures_effective", "seizures", _NOT_SEIZED,
        "NER: calls to outside that were answered, were busy, rang without answer or were declined / all that took a "
        "trunk.",
        NO_SEIZED, source="canon 61, ITU-T E.425", variants=("asr", "seer"),
    ),
    MetricDefinition(
        "acd", "1", "Average call duration", "s", "billed_s", "seizures_answered",
        f"{_NOT_SEIZED}; calls that were not answered",
        "ACD (ALOC): billed seconds of answered calls to outside / their number; each call is rounded up to a second.",
        "no answered call to outside in this period", source="canon 62", variants=("talk_s_mean",),
    ),
    MetricDefinition(
        "pdd_mean", "1", "Post-dial delay", "s", "post_dial_s", "post_dial_calls",
        _NOT_RUNG,
        "PDD: sum of INVITE to first ringing or answer of calls to outside / their number.",
        "no call to outside rang in this period", source="canon 63", variants=("pdd_p95",),
    ),
    MetricDefinition(
        "pdd_p95", "1", "Post-dial delay, 95 of 100", "s", "post_dial_bins", None,
        _NOT_RUNG,
        "95 of 100 calls to outside rang or were answered sooner than this; to 0.1 s, longer than 30 s counts as 30.",
        "no call to outside rang in this period", parameters=(("quantile", "0.95"), ("step", "0.1 s")),
        source="canon 63", rollup=Rollup.HISTOGRAM, quantile=0.95, variants=("pdd_mean",),
    ),
    MetricDefinition(
        "distinct_destinations", "1", "Numbers called outside", "numbers", "destinations", None, _NOT_SEIZED,
        "DDC: how many different numbers were called over a trunk.", source="canon 64", rollup=Rollup.NONE,
    ),
    MetricDefinition(
        "peak_calls", "1", "Most calls at once", "calls", "peak_calls", None,
        "calls of no length; what a call lasts beyond 24 h",
        "Highest number of calls in progress at the same moment, ringing included. A call that begins in the very "
        "moment in which another ends is not at once with it.",
        NO_CALLS, grain=Grain.HOUR, parameters=(("longest call", "24 h"),), source="canon 70", rollup=Rollup.MAX,
        variants=("busiest_hour_erlang",),
    ),
    MetricDefinition(
        "busiest_hour_erlang", "1", "Busiest hour", "E", "busiest_erlang", None,
        "calls of no length; what a call lasts beyond 24 h",
        "Traffic of the busiest clock hour: seconds of all calls within it, ringing included / 3600. Hours are those "
        "of UTC; where the period begins or ends within an hour, what lies outside is cut off.",
        NO_CALLS, grain=Grain.HOUR, parameters=(("longest call", "24 h"),), source="canon 70", rollup=Rollup.MAX,
        variants=("peak_calls",),
    ),
    MetricDefinition(
        "callback_success_rate", "1", "Call-backs that succeeded", "share", "callbacks_talked", "callbacks",
        "all other calls; call-backs that an agent dialled himself",
        f"Call-backs out of a queue in which customer and agent were together for more than {CALLBACK_TALK_S} s / "
        "call-backs out of a queue; each further try counts.",
        NO_CALLBACKS, parameters=(("together", f"more than {CALLBACK_TALK_S} s"),),
        source="canon 39, CallPage (over requests)", variants=("callback_unanswered_rate",),
    ),
    MetricDefinition(
        "callback_unanswered_rate", "1", "Call-backs that the customer did not answer", "share",
        "callbacks_unanswered", "callbacks", "all other calls; call-backs that an agent dialled himself",
        "Call-backs out of a queue that the customer did not answer / call-backs out of a queue; each further try "
        "counts.",
        NO_CALLBACKS, source="canon 40, Ringostat (over requests)", variants=("callback_success_rate",),
    ),
)  # fmt: skip
