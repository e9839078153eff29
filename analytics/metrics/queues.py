"""Figures of queues and of the agents who serve them."""

from __future__ import annotations

from analytics.conversations.rules import DOOR_S
from analytics.metrics.totals import SERVICE_S, SHORT_S
from analytics.metrics.types import Grain, MetricDefinition, Rollup

NO_WAITING = "nobody waited in a queue in this period"
NO_ANSWERED = "nobody was answered out of a queue in this period"
NO_ABANDONED = "nobody hung up while waiting in this period"
NO_OFFER = "no agent's phone was rung by a queue in this period"
_T = (("in time", f"{SERVICE_S} s"),)
_ONCE = "of a call that waited in several queues all but the last; call-backs to customers"
_LEVELS = ("service_level", "service_level_without_short", "service_level_answered", "service_level_completed")


def _others(metric_id: str) -> tuple[str, ...]:
    return tuple(other for other in _LEVELS if other != metric_id)


def _count(metric_id: str, title: str, total: str, definition: str, source: str) -> MetricDefinition:
    return MetricDefinition(
        metric_id, "1", title, "calls", total, None, _ONCE, definition, grain=Grain.QUEUE_CALL, source=source
    )


METRICS: tuple[MetricDefinition, ...] = (
    _count("queue_offered", "Offered to queues", "queue_offered", "Calls that waited in a queue.", "canon 1"),
    _count("queue_answered", "Answered by agents", "queue_answered", "Calls that an agent answered out of a queue.",
           "canon 2"),
    _count("queue_abandoned", "Abandoned", "queue_abandoned",
           "Calls whose caller hung up while he waited. Callers who asked to be called back did not abandon.",
           "canon 3, Amazon Connect"),
    MetricDefinition(
        "queue_answer_rate", "1", "Answer rate of queues", "share", "queue_answered", "queue_offered", _ONCE,
        "Answered by agents / offered.", NO_WAITING, Grain.QUEUE_CALL, source="canon 2",
        variants=("answer_rate",),
    ),
    MetricDefinition(
        "abandonment_rate", "1", "Abandonment rate", "share", "queue_abandoned", "queue_offered", _ONCE,
        "Abandoned / offered, those who hung up at once included.", NO_WAITING, Grain.QUEUE_CALL,
        source="canon 4, Amazon Connect", variants=("short_abandoned",),
    ),
    MetricDefinition(
        "short_abandoned", "1", "Hung up at once", "share", "queue_short", "queue_offered", _ONCE,
        f"Abandoned after less than {SHORT_S} s / offered.", NO_WAITING, Grain.QUEUE_CALL,
        (("short", f"{SHORT_S} s"),), "canon 5, WFM Labs", variants=("abandonment_rate",),
    ),
    MetricDefinition(
        "service_level", "1", "Service level", "share", "queue_in_time", "queue_offered", _ONCE,
        f"Answered within {SERVICE_S} s / all offered, whatever became of them.", NO_WAITING, Grain.QUEUE_CALL, _T,
        "canon 6, WFM Labs", variants=_others("service_level"),
    ),
    MetricDefinition(
        "service_level_without_short", "1", "Service level, short waits left out", "share", "queue_in_time",
        "queue_not_short", f"{_ONCE}; callers who hung up after less than {SHORT_S} s",
        f"Answered within {SERVICE_S} s / offered without those abandoned after less than {SHORT_S} s.",
        NO_WAITING, Grain.QUEUE_CALL, (*_T, ("short", f"{SHORT_S} s")),
        "canon 6, an option of Genesys and WFM Labs", variants=_others("service_level_without_short"),
    ),
    MetricDefinition(
        "service_level_answered", "1", "Service level of the answered", "share", "queue_in_time", "queue_answered",
        f"{_ONCE}; calls that nobody answered",
        f"Answered within {SERVICE_S} s / answered. Says nothing of those who gave up.", NO_ANSWERED,
        Grain.QUEUE_CALL, _T, "canon 6, Asterisk SL and Wazo quality_of_service",
        variants=_others("service_level_answered"),
    ),
    MetricDefinition(
        "service_level_completed", "1", "Service level, abandoned in time count", "share", "queue_done_in_time",
        "queue_done", f"{_ONCE}; calls that left by a key, were sent on or asked to be called back",
        f"Answered or abandoned within {SERVICE_S} s / answered or abandoned.", NO_WAITING, Grain.QUEUE_CALL, _T,
        "canon 6, Asterisk SL2", variants=_others("service_level_completed"),
    ),
    MetricDefinition(
        "asa", "1", "Average speed of answer", "s", "queue_wait_answered_s", "queue_answered",
        f"{_ONCE}; calls that nobody answered", "ASA: sum of waits of the answered / answered.", NO_ANSWERED,
        Grain.QUEUE_CALL, source="canon 7", variants=("wait_s_mean", "queue_wait_p50", "queue_wait_p95"),
    ),
    MetricDefinition(
        "time_to_abandon", "1", "Average time to abandon", "s", "queue_wait_abandoned_s", "queue_abandoned",
        f"{_ONCE}; calls that did not abandon", "Sum of waits of the abandoned / abandoned.", NO_ABANDONED,
        Grain.QUEUE_CALL, source="canon 8",
    ),
    MetricDefinition(
        "queue_wait_max", "1", "Longest wait", "s", "queue_wait_max_s", None, _ONCE,
        "The longest wait in a queue that ended, whatever became of it. How long they wait now stands on the page "
        "Live.",
        NO_WAITING, Grain.QUEUE_CALL, source="canon 9", rollup=Rollup.MAX,
    ),
    MetricDefinition(
        "queue_wait_p50", "1", "Wait of half the callers", "s", "queue_wait_bins", None, _ONCE,
        "Half of the callers waited less, in steps of 5 s; longer than an hour counts as an hour.", NO_WAITING,
        Grain.QUEUE_CALL, (("quantile", "0.5"), ("step", "5 s")), "canon 10", Rollup.HISTOGRAM, ("asa",), 0.5,
    ),
    MetricDefinition(
        "queue_wait_p95", "1", "Wait of 95 of 100 callers", "s", "queue_wait_bins", None, _ONCE,
        "95 of 100 callers waited less, in steps of 5 s; longer than an hour counts as an hour.", NO_WAITING,
        Grain.QUEUE_CALL, (("quantile", "0.95"), ("step", "5 s")), "canon 10", Rollup.HISTOGRAM, ("asa",), 0.95,
    ),
    MetricDefinition(
        "average_excess", "1", "Average excess", "s", "queue_excess_s", "queue_offered", _ONCE,
        f"Mean over all offered of the seconds waited beyond {SERVICE_S} s.", NO_WAITING, Grain.QUEUE_CALL, _T,
        "canon 26, ccmath",
    ),
    _count("queue_overflowed", "Sent on", "queue_overflowed",
           "Calls that left because they had waited the queue's longest wait, or because too many waited.",
           "canon 19"),
    _count("queue_full", "Refused at the door", "queue_full",
           f"Those of the calls sent on that left the queue within {DOOR_S} s: it was full when they came.",
           "canon 19, Wazo saturated"),
    _count("queue_empty", "Nobody logged in", "queue_empty", "Calls sent on because no agent was logged in.",
           "canon 19"),
    _count("queue_callback", "Asked for a call-back", "queue_callback",
           "Callers who asked to be called back instead of waiting.", "canon 3"),
    _count("queue_key", "Left by a key", "queue_key", "Callers who chose another way by a key.", "canon 3"),
    MetricDefinition(
        "queue_talk_mean", "1", "Talk time with agents", "s", "queue_talk_s", "queue_answered",
        f"{_ONCE}; calls that nobody answered", "Sum of talk time, holds included / answered.", NO_ANSWERED,
        Grain.QUEUE_CALL, source="canon 11",
    ),
    MetricDefinition(
        "wrap_up_mean", "1", "Wrap-up", "s", "queue_wrap_up_s", "queue_answered",
        f"{_ONCE}; calls that nobody answered",
        "Sum of the wrap-up seconds that the queue gave after the calls / answered.", NO_ANSWERED, Grain.QUEUE_CALL,
        source="canon 13",
    ),
    MetricDefinition(
        "aht", "1", "Average handling time", "s", "queue_handle_s", "queue_answered",
        f"{_ONCE}; calls that nobody answered", "AHT: (talk time, holds included, + wrap-up given) / answered.",
        NO_ANSWERED, Grain.QUEUE_CALL, source="canon 14",
    ),
    MetricDefinition(
        "agent_answer_rate", "1", "Agents' answer rate", "share", "offers_answered", "offers",
        "phones that ring otherwise than for a queue",
        "Times that the agent answered / times that a queue rang his phone, those included in which somebody else was "
        "faster or the caller hung up.",
        NO_OFFER, Grain.OFFER, source="canon 17, Amazon Connect", variants=("agent_answer_rate_own",),
    ),
    MetricDefinition(
        "agent_answer_rate_own", "1", "Agents' answer rate, without those withdrawn", "share", "offers_answered",
        "offers_not_withdrawn", "rings that ended because somebody else answered or the caller hung up",
        "Times that the agent answered / times that his phone rang until he or the time limit ended it.", NO_OFFER,
        Grain.OFFER, source="canon 17", variants=("agent_answer_rate",),
    ),
    MetricDefinition(
        "agent_non_response", "1", "Rings that nobody took", "calls", "offers_unanswered", None,
        "rings that ended because somebody else answered or the caller hung up",
        "Times that a queue rang an agent's phone and he let it ring, was busy or could not be reached.",
        grain=Grain.OFFER, source="canon 18, Asterisk RINGNOANSWER",
    ),
)  # fmt: skip
