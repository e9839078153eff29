"""The definitions of all figures, in one table: what is counted, over what, without what, in which version.

`numerator` and `denominator` name totals of one period (see analytics/queries/overview.py, which computes them in one
pass). A figure without a denominator is a plain total. Changing a definition means a new version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class MetricDefinition:
    """One figure. unit: calls, share (0..1), s, MOS, recordings, /min. `nothing` is said when the denominator is 0."""

    metric_id: str
    version: str
    title: str
    unit: str
    numerator: str
    denominator: str | None
    exclusions: str
    definition: str
    nothing: str = ""


@dataclass(frozen=True)
class MetricValue:
    """A figure with everything needed to trust it. value is None exactly when `reason` says why."""

    metric_id: str
    version: str
    title: str
    unit: str
    value: float | None
    numerator: float | None
    denominator: float | None
    exclusions: str
    definition: str
    reason: str | None


NO_CALLS = "no calls in this period"
NO_ANSWERED = "no answered calls in this period"
NO_MOS = "no leg with media quality in this period"
NO_RECORDINGS = "no recordings in this period"
NO_SPEECH = "no recording with measured speech in this period"
NO_OUTSIDE = "no measured conversation with somebody outside in this period"
NOT_OUTSIDE = "internal calls, calls that the system placed, recordings of one channel"

REGISTRY: tuple[MetricDefinition, ...] = (
    MetricDefinition(
        "calls", "1", "Calls", "calls", "calls", None, "none", "Attempts that reached the exchange, by start time."
    ),
    MetricDefinition("answered", "1", "Answered", "calls", "answered", None, "none", "Calls that the callee answered."),
    MetricDefinition(
        "answer_rate",
        "1",
        "Answer rate",
        "share",
        "answered",
        "calls",
        "none: busy, failed and calls given up by the caller count as not answered",
        "Answered calls / all calls.",
        NO_CALLS,
    ),
    MetricDefinition(
        "talk_s_total", "1", "Talk time", "s", "talk_s", None, "none", "Sum of answer to end, holds included."
    ),
    MetricDefinition(
        "talk_s_mean",
        "1",
        "Mean talk time",
        "s",
        "talk_s",
        "answered",
        "calls that were not answered",
        "Sum of talk time / answered calls.",
        NO_ANSWERED,
    ),
    MetricDefinition(
        "wait_s_mean",
        "1",
        "Mean time to answer",
        "s",
        "wait_answered_s",
        "answered",
        "calls that were not answered",
        "Sum of INVITE to answer of answered calls / answered calls.",
        NO_ANSWERED,
    ),
    MetricDefinition(
        "mos_mean",
        "1",
        "Mean opinion score",
        "MOS",
        "mos_sum",
        "mos_legs",
        "legs without media",
        "Mean of the legs' MOS (E-model, 1.0 to 4.5), each leg with equal weight.",
        NO_MOS,
    ),
    MetricDefinition(
        "share_mos_below_3_6",
        "1",
        "Legs with poor sound",
        "share",
        "mos_legs_below_3_6",
        "mos_legs",
        "legs without media",
        "Legs with MOS under 3.6 (many listeners dissatisfied, ITU-T G.107 Annex B) / legs with MOS.",
        NO_MOS,
    ),
    MetricDefinition(
        "recorded_share",
        "1",
        "Recorded",
        "share",
        "answered_recorded",
        "answered",
        "calls that were not answered",
        "Answered calls whose recording is stored / answered calls.",
        NO_ANSWERED,
    ),
    MetricDefinition(
        "recording_ok_share",
        "1",
        "Recordings without fault",
        "share",
        "recordings_ok",
        "recordings",
        "none",
        "Recordings of quality ok (neither degraded nor truncated) / recordings.",
        NO_RECORDINGS,
    ),
    MetricDefinition(
        "transcribed_share",
        "1",
        "Transcribed",
        "share",
        "transcripts_done",
        "recordings",
        "none: failed, unsupported and waiting ones count as not transcribed",
        "Recordings with a transcript, or known to hold no speech / recordings.",
        NO_RECORDINGS,
    ),
    MetricDefinition(
        "caller_talk_ratio_mean",
        "1",
        "Caller's share of speech",
        "share",
        "caller_ratio_sum",
        "caller_ratio_calls",
        "recordings in which nobody speaks; recordings of one channel; silence",
        "Mean over recordings of caller's speech / speech of both.",
        NO_SPEECH,
    ),
    MetricDefinition(
        "agent_talk_ratio_mean",
        "1",
        "Our share of speech",
        "share",
        "agent_ratio_sum",
        "agent_ratio_calls",
        f"{NOT_OUTSIDE}; recordings in which nobody speaks; silence",
        "Talk ratio: mean over recordings of our side's speech / speech of both. Our side is the callee of a call from "
        "outside and the caller of a call to outside.",
        NO_OUTSIDE,
    ),
    MetricDefinition(
        "agent_patience_s_mean",
        "1",
        "Our patience",
        "s",
        "agent_patience_sum_s",
        "agent_patience_calls",
        f"{NOT_OUTSIDE}; recordings in which our side never answers after a gap; answers that cut in",
        "Mean over recordings of the median gap between the customer's last word and our side's first. Backchannels "
        "(under 1 s, inside the other's speech) are no answer.",
        NO_OUTSIDE,
    ),
    MetricDefinition(
        "interactivity_mean",
        "1",
        "Changes of the speaker",
        "/min",
        "interactivity_sum",
        "interactivity_calls",
        "recordings in which nobody speaks, under 10 s, or of one channel whose voices could not be told apart; "
        "backchannels",
        "Interactivity: mean over recordings of changes of the speaker / minutes recorded.",
        NO_SPEECH,
    ),
    MetricDefinition(
        "non_talk_share",
        "1",
        "Long silences",
        "share",
        "non_talk_s",
        "non_talk_duration_s",
        "silences under 3 s; recordings not measured yet",
        "Seconds inside silences of at least 3 s / seconds recorded, all recordings together.",
        NO_SPEECH,
    ),
    MetricDefinition(
        "silence_share",
        "1",
        "Silence",
        "share",
        "silence_s",
        "turns_duration_s",
        "recordings not measured yet",
        "Seconds in which nobody speaks / seconds recorded, all recordings together.",
        NO_SPEECH,
    ),
)


def evaluate(definition: MetricDefinition, totals: Mapping[str, float]) -> MetricValue:
    """The figure from the totals of a period; value None with a reason where the denominator is 0."""
    numerator = totals[definition.numerator]
    denominator = None if definition.denominator is None else totals[definition.denominator]
    if denominator is None:
        value: float | None = numerator
    else:
        value = numerator / denominator if denominator else None
    return MetricValue(
        metric_id=definition.metric_id,
        version=definition.version,
        title=definition.title,
        unit=definition.unit,
        value=value,
        numerator=numerator,
        denominator=denominator,
        exclusions=definition.exclusions,
        definition=definition.definition,
        reason=definition.nothing if value is None else None,
    )
