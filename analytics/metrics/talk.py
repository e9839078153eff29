"""Figures of recordings and of what is heard in them."""

from __future__ import annotations

from analytics.metrics.types import Grain, MetricDefinition

NO_RECORDINGS = "no recordings in this period"
NO_SPEECH = "no recording with measured speech in this period"
NO_OUTSIDE = "no measured conversation with somebody outside in this period"
NO_WORDS = "no transcript of a conversation with somebody outside in this period"
NO_SENTIMENT = "no conversation in this period whose sentiment is known in both quarters"
NOT_OUTSIDE = "internal calls, calls that the system placed, recordings of one channel"


def _party(
    metric_id: str,
    title: str,
    unit: str,
    definition: str,
    source: str,
    nothing: str = NO_OUTSIDE,
    variants: tuple[str, ...] = (),
) -> MetricDefinition:
    """A mean over the sides of recordings; its totals carry its name."""
    name = metric_id.removesuffix("_mean")
    return MetricDefinition(
        metric_id, "1", title, unit, f"{name}_sum", f"{name}_calls", NOT_OUTSIDE, definition, nothing, Grain.PARTY,
        source=source, variants=variants,
    )  # fmt: skip


METRICS: tuple[MetricDefinition, ...] = (
    MetricDefinition(
        "recording_ok_share", "1", "Recordings without fault", "share", "recordings_ok", "recordings", "none",
        "Recordings of quality ok (neither degraded nor truncated) / recordings.", NO_RECORDINGS, Grain.RECORDING,
    ),
    MetricDefinition(
        "transcribed_share", "1", "Transcribed", "share", "transcripts_done", "recordings",
        "none: failed, unsupported and waiting ones count as not transcribed",
        "Recordings with a transcript, or known to hold no speech / recordings.", NO_RECORDINGS, Grain.RECORDING,
    ),
    MetricDefinition(
        "rtf", "1", "Cost of transcription", "x", "transcribed_cpu_s", "transcribed_audio_s",
        "recordings without a transcript", "RTF: seconds of CPU spent on transcripts / seconds of their sound.",
        "nothing was transcribed in this period", Grain.RECORDING, source="canon 59",
    ),
    MetricDefinition(
        "caller_talk_ratio_mean", "1", "Caller's share of speech", "share", "caller_ratio_sum", "caller_ratio_calls",
        "recordings in which nobody speaks; recordings of one channel; silence",
        "Mean over recordings of caller's speech / speech of both.", NO_SPEECH, Grain.PARTY, source="canon 45",
    ),
    MetricDefinition(
        "agent_talk_ratio_mean", "1", "Our share of speech", "share", "agent_ratio_sum", "agent_ratio_calls",
        f"{NOT_OUTSIDE}; recordings in which nobody speaks; silence",
        "Talk ratio: mean over recordings of our side's speech / speech of both. Our side is the callee of a call from "
        "outside and the caller of a call to outside.",
        NO_OUTSIDE, Grain.PARTY, source="canon 45, Gong", variants=("agent_talk_ratio_pooled",),
    ),
    MetricDefinition(
        "agent_talk_ratio_pooled", "1", "Our share of all speech", "share", "agent_speech_s", "both_speech_s",
        f"{NOT_OUTSIDE}; silence",
        "Seconds of our speech / seconds of speech of both sides, all recordings together: long ones weigh more.",
        NO_OUTSIDE, Grain.PARTY, source="canon 45", variants=("agent_talk_ratio_mean",),
    ),
    MetricDefinition(
        "agent_patience_s_mean", "1", "Our patience", "s", "agent_patience_sum_s", "agent_patience_calls",
        f"{NOT_OUTSIDE}; recordings in which our side never answers after a gap; answers that cut in",
        "Mean over recordings of the median gap between the customer's last word and our side's first. Backchannels "
        "(under 1 s, inside the other's speech) are no answer.",
        NO_OUTSIDE, Grain.PARTY, source="canon 49",
    ),
    _party("agent_monologue_mean", "Our longest stretch", "s",
           "Mean over recordings of the longest stretch in which our side speaks.", "canon 46"),
    _party("customer_story_mean", "Customer's longest stretch", "s",
           "Mean over recordings of the longest stretch in which the customer speaks.", "canon 47"),
    MetricDefinition(
        "interactivity_mean", "1", "Changes of the speaker", "/min", "interactivity_sum", "interactivity_calls",
        "recordings in which nobody speaks, under 10 s, or of one channel whose voices could not be told apart; "
        "backchannels",
        "Interactivity: mean over recordings of changes of the speaker / minutes recorded.", NO_SPEECH,
        Grain.RECORDING, source="canon 48",
    ),
    _party("agent_interruptions_mean", "We cut in", "times",
           "Mean over recordings of how often our side cuts in.", "canon 51",
           variants=("agent_interruption_s_mean",)),
    _party("agent_interruption_s_mean", "Seconds in which we cut in", "s",
           "Mean over recordings of the seconds in which our side speaks after cutting in while the customer goes on.",
           "canon 51", variants=("agent_interruptions_mean",)),
    _party("customer_interruptions_mean", "The customer cuts in", "times",
           "Mean over recordings of how often the customer cuts in.", "canon 51"),
    MetricDefinition(
        "non_talk_share", "1", "Long silences", "share", "non_talk_s", "non_talk_duration_s",
        "silences under 3 s; recordings not measured yet",
        "Seconds inside silences of at least 3 s / seconds recorded, all recordings together.", NO_SPEECH,
        Grain.RECORDING, (("long", "3 s"),), "canon 52", variants=("silence_share",),
    ),
    MetricDefinition(
        "silence_share", "1", "Silence", "share", "silence_s", "turns_duration_s", "recordings not measured yet",
        "Seconds in which nobody speaks / seconds recorded, all recordings together.", NO_SPEECH, Grain.RECORDING,
        source="canon 52", variants=("non_talk_share",),
    ),
    MetricDefinition(
        "overlap_share", "1", "Both speak", "share", "overlap_s", "overlap_duration_s", "recordings of one channel",
        "Seconds in which both sides speak / seconds recorded, all recordings together.", NO_SPEECH, Grain.RECORDING,
        source="canon 51",
    ),
    _party("agent_wpm_mean", "Our speed of talking", "words/min",
           "Mean over recordings of words per minute of our own speech.", "canon 53", NO_WORDS),
    _party("customer_wpm_mean", "Customer's speed of talking", "words/min",
           "Mean over recordings of words per minute of the customer's own speech.", "canon 53", NO_WORDS),
    _party("agent_loudness_mean", "Our level", "dBFS",
           "Mean over recordings of the level of our own speech; full scale is 0.", "canon 54"),
    _party("customer_loudness_mean", "Customer's level", "dBFS",
           "Mean over recordings of the level of the customer's own speech; full scale is 0.", "canon 54"),
    MetricDefinition(
        "agent_questions_per_hour", "1", "Questions that we ask", "/h", "agent_questions", "agent_questions_h",
        f"{NOT_OUTSIDE}; languages in which sentences are written without marks",
        "Questions of our side / hours recorded, all recordings together.", NO_WORDS, Grain.PARTY,
        source="canon 50, Gong",
    ),
    MetricDefinition(
        "agent_fillers_per_100_words", "1", "Our filler words", "/100 words", "agent_fillers", "agent_hundred_words",
        f"{NOT_OUTSIDE}; languages without a list of fillers",
        "Filler words of our side / hundreds of its words, all recordings together.", NO_WORDS, Grain.PARTY,
        source="canon 55",
    ),
    MetricDefinition(
        "script_coverage", "1", "Script followed", "share", "script_items_heard", "script_items",
        "recordings to which no script applies", "Items of scripts that were said, in time or late / items that apply.",
        "no script applies to a recording of this period", Grain.RECORDING, source="canon 56",
    ),
    _party("sentiment_start_mean", "Customer's mood at the start", "-1..1",
           "Mean over recordings of the customer's sentiment in the first quarter (English only).", "canon 57",
           NO_SENTIMENT),
    _party("sentiment_end_mean", "Customer's mood at the end", "-1..1",
           "Mean over recordings of the customer's sentiment in the last quarter (English only).", "canon 57",
           NO_SENTIMENT),
    _party("sentiment_delta_mean", "Change of the customer's mood", "-2..2",
           "Mean over recordings of the customer's sentiment in the last quarter minus the first.", "canon 57",
           NO_SENTIMENT),
)  # fmt: skip
