"""Every total that a figure is made of, once; the names are the columns of the table `rollup_hour`."""

from __future__ import annotations

from analytics.conversations.rules import DOOR_S
from analytics.metrics import shifts
from analytics.metrics.types import Grain, How, Measure, Total

SERVICE_S = 20  # an answer within is in time: the usual 80 % in 20 s
SHORT_S = 5  # who leaves a queue sooner has not waited
POOR_MOS = 3.6  # below, many listeners are dissatisfied (ITU-T G.107 Annex B)
RECOVERY_H = 24  # a missed caller should be spoken to within
CALLBACK_TALK_S = 10  # a call-back in which both talked longer has succeeded
TARGET_TALK_S = 30  # a first call that lasted so long was about something

# Calls that took a trunk of ours, to somebody outside: attempts in the sense of E.411
_SEIZED = "trunk_id <> '' AND direction <> 'inbound' AND direction <> 'internal'"
_RANG_OUTSIDE = f"{_SEIZED} AND direction <> 'click' AND setup_s IS NOT NULL"  # a click rings our own phone first
_IN = "direction = 'inbound'"
# the widespread approximation: latency = one-way delay + 2 jitter + 10 ms, 2.5 points of R per per cent lost
_LATENCY = "(coalesce(rtt_ms_mean, 0) / 2 + 2 * jitter_ms_mean + 10)"
_R = f"""greatest(0, least(100, CASE WHEN {_LATENCY} < 160 THEN 93.2 - {_LATENCY} / 40
                                     ELSE 93.2 - ({_LATENCY} - 120) / 10 END - 250 * loss_share))"""
MOS_SIMPLE = f"(1 + 0.035 * {_R} + 7e-6 * {_R} * ({_R} - 60) * (100 - {_R}))"
_SIMPLE = "mos IS NOT NULL AND jitter_ms_mean IS NOT NULL AND loss_share IS NOT NULL"

_CALL = (
    Total("calls", Grain.CALL, "calls that reached the exchange"),
    Total("answered", Grain.CALL, "calls that were answered", "disposition = 'answered'"),
    Total("no_answer", Grain.CALL, "calls that rang until the limit", "disposition = 'no_answer'"),
    Total("busy", Grain.CALL, "calls to somebody busy", "disposition = 'busy'"),
    Total("cancelled", Grain.CALL, "calls that the caller gave up", "disposition = 'cancelled'"),
    Total("failed", Grain.CALL, "calls that failed otherwise", "disposition = 'failed'"),
    Total("aborted", Grain.CALL, "calls that a crash ended", "aborted"),
    Total("talk_s", Grain.CALL, "seconds from answer to end, holds included", value="talk_s"),
    Total("hold_s", Grain.CALL, "seconds on hold", value="hold_s"),
    Total("held", Grain.CALL, "answered calls with a hold", "disposition = 'answered' AND hold_s > 0"),
    Total("talk_net_s", Grain.CALL, "seconds from answer to end without holds", value="talk_s - hold_s"),
    Total("wait_answered_s", Grain.CALL, "seconds to the answer", "disposition = 'answered'", "wait_s"),
    Total(
        "answered_recorded",
        Grain.CALL,
        "answered calls whose recording is stored",
        "disposition = 'answered' AND recorded",
    ),
    Total("transferred", Grain.CALL, "answered calls that were transferred",
          "disposition = 'answered' AND transferred <> ''"),
    Total("seizures", Grain.CALL, "calls to outside over a trunk", _SEIZED),
    Total("seizures_answered", Grain.CALL, "such calls that were answered",
          f"{_SEIZED} AND far_answered"),
    Total(
        "seizures_effective",
        Grain.CALL,
        "such calls that reached the far end: answered, busy, rang without answer, declined",
        f"{_SEIZED} AND (disposition IN ('answered', 'busy', 'no_answer') OR starts_with(cause, '603')"
        " OR (disposition = 'cancelled' AND ringing_at IS NOT NULL))",
    ),
    Total("billed_s", Grain.CALL, "billed seconds of such calls, each call rounded up",
          f"{_SEIZED} AND far_answered", "far_bill_s"),
    Total("post_dial_s", Grain.CALL, "seconds from dialling to ringing or answer", _RANG_OUTSIDE, "setup_s"),
    Total("post_dial_calls", Grain.CALL, "such calls that rang or were answered", _RANG_OUTSIDE),
    Total("destinations", Grain.CALL, "different numbers called outside", _SEIZED, "far_number", How.DISTINCT),
    Total("callbacks", Grain.CALL, "call-backs that a queue made", "direction = 'callback'"),
    Total("callbacks_unanswered", Grain.CALL, "of which the customer did not answer",
          "direction = 'callback' AND NOT far_answered"),
    Total("callbacks_talked", Grain.CALL, f"of which customer and agent had more than {CALLBACK_TALK_S} s together",
          f"direction = 'callback' AND far_answered AND both_s > {CALLBACK_TALK_S}"),
)  # fmt: skip

_IN_TIME = f"queue_result = 'answered' AND wait_s <= {SERVICE_S}"
_QUEUE = (
    Total("queue_offered", Grain.QUEUE_CALL, "calls that waited in a queue"),
    Total("queue_answered", Grain.QUEUE_CALL, "calls that an agent answered", "queue_result = 'answered'"),
    Total("queue_abandoned", Grain.QUEUE_CALL, "calls that hung up while waiting", "queue_result = 'abandoned'"),
    Total("queue_short", Grain.QUEUE_CALL, f"abandoned after less than {SHORT_S} s",
          f"queue_result = 'abandoned' AND wait_s < {SHORT_S}"),
    Total("queue_not_short", Grain.QUEUE_CALL, f"calls without those abandoned after less than {SHORT_S} s",
          f"NOT (queue_result = 'abandoned' AND wait_s < {SHORT_S})"),
    Total("queue_callback", Grain.QUEUE_CALL, "callers who asked to be called back", "queue_result = 'callback'"),
    Total("queue_overflowed", Grain.QUEUE_CALL, "calls sent on: waited too long, or too many waited",
          "queue_result = 'overflow'"),
    Total("queue_full", Grain.QUEUE_CALL, "calls refused at the door: too many waited",
          f"queue_result = 'overflow' AND wait_s < {DOOR_S}"),
    Total("queue_empty", Grain.QUEUE_CALL, "calls sent on because no agent was logged in", "queue_result = 'empty'"),
    Total("queue_key", Grain.QUEUE_CALL, "callers who left by a key", "queue_result = 'key'"),
    Total("queue_in_time", Grain.QUEUE_CALL, f"answered within {SERVICE_S} s", _IN_TIME),
    Total("queue_done", Grain.QUEUE_CALL, "answered or abandoned", "queue_result IN ('answered', 'abandoned')"),
    Total("queue_done_in_time", Grain.QUEUE_CALL, f"answered or abandoned within {SERVICE_S} s",
          f"queue_result IN ('answered', 'abandoned') AND wait_s <= {SERVICE_S}"),
    Total("queue_wait_answered_s", Grain.QUEUE_CALL, "seconds waited by those answered", "queue_result = 'answered'",
          "wait_s"),
    Total("queue_wait_abandoned_s", Grain.QUEUE_CALL, "seconds waited by those who hung up",
          "queue_result = 'abandoned'", "wait_s"),
    Total("queue_excess_s", Grain.QUEUE_CALL, f"seconds waited beyond {SERVICE_S} s",
          value=f"greatest(0, wait_s - {SERVICE_S})"),
    Total("queue_wait_max_s", Grain.QUEUE_CALL, "longest wait", value="wait_s", how=How.MAX),
    Total("queue_talk_s", Grain.QUEUE_CALL, "seconds talked by those answered, holds included",
          "queue_result = 'answered'", "talk_s"),
    Total("queue_wrap_up_s", Grain.QUEUE_CALL, "seconds of wrap-up that the queue gave after them",
          "queue_result = 'answered'", "wrap_up_s"),
    Total("queue_handle_s", Grain.QUEUE_CALL, "seconds talked and of wrap-up", "queue_result = 'answered'",
          "talk_s + wrap_up_s"),
    Total("offers", Grain.OFFER, "times that an agent's phone was rung"),
    Total("offers_answered", Grain.OFFER, "of which he answered", "result = 'answered'"),
    Total("offers_withdrawn", Grain.OFFER, "of which somebody else answered or the caller hung up",
          "result = 'cancelled'"),
    Total("offers_not_withdrawn", Grain.OFFER, "rung without being withdrawn", "result <> 'cancelled'"),
    Total("offers_unanswered", Grain.OFFER, "of which he let it ring, was busy or his phone failed",
          "result NOT IN ('answered', 'cancelled')"),
)  # fmt: skip

_OUT_LEG = "party = 'callee'"
_REDIRECT = "sip_status NOT BETWEEN 300 AND 399 AND sip_status NOT IN (401, 402, 407)"
_LEG = (
    Total("legs", Grain.LEG, "dialogs with phones and trunks"),
    Total("mos_legs", Grain.LEG, "dialogs with media quality", "mos IS NOT NULL"),
    Total("mos_sum", Grain.LEG, "sum of their MOS", "mos IS NOT NULL", "mos"),
    Total("mos_min", Grain.LEG, "lowest MOS", "mos IS NOT NULL", "mos", How.MIN),
    Total("mos_legs_below_3_6", Grain.LEG, f"dialogs with MOS under {POOR_MOS}", f"mos < {POOR_MOS}"),
    Total("mos_simple_legs", Grain.LEG, "dialogs with MOS, loss and jitter", _SIMPLE),
    Total("mos_simple_sum", Grain.LEG, "sum of their MOS by the simple formula", _SIMPLE, MOS_SIMPLE),
    Total("mos_simple_below_3_6", Grain.LEG, f"dialogs under {POOR_MOS} by the simple formula",
          f"{_SIMPLE} AND {MOS_SIMPLE} < {POOR_MOS}"),
    Total("r_simple_sum", Grain.LEG, "sum of their R by the simple formula", _SIMPLE, _R),
    Total("loss_legs", Grain.LEG, "dialogs whose loss is known", "loss_share IS NOT NULL"),
    Total("loss_sum", Grain.LEG, "sum of their loss", "loss_share IS NOT NULL", "loss_share"),
    Total("late_legs", Grain.LEG, "dialogs whose late packets are known", "late_share IS NOT NULL"),
    Total("late_sum", Grain.LEG, "sum of their late shares", "late_share IS NOT NULL", "late_share"),
    Total("jitter_legs", Grain.LEG, "dialogs whose jitter is known", "jitter_ms_mean IS NOT NULL"),
    Total("jitter_sum_ms", Grain.LEG, "sum of their jitter", "jitter_ms_mean IS NOT NULL", "jitter_ms_mean"),
    Total("rtt_legs", Grain.LEG, "dialogs whose round trip is known", "rtt_ms_mean IS NOT NULL"),
    Total("rtt_sum_ms", Grain.LEG, "sum of their round trips", "rtt_ms_mean IS NOT NULL", "rtt_ms_mean"),
    Total("starved_known", Grain.LEG, "dialogs of which is known whether our machine had CPU", "starved IS NOT NULL"),
    Total("starved_legs", Grain.LEG, "dialogs that our own machine starved", "starved"),
    Total("invites", Grain.LEG, "dialogs that we began, redirections and challenges left out",
          f"{_OUT_LEG} AND {_REDIRECT}"),
    Total("invites_ok", Grain.LEG, "of which were answered", f"{_OUT_LEG} AND answered_at IS NOT NULL AND {_REDIRECT}"),
    Total("invites_effective", Grain.LEG, "of which were answered, or ended with 480, 486, 600 or 603",
          f"{_OUT_LEG} AND {_REDIRECT} AND (answered_at IS NOT NULL OR sip_status IN (480, 486, 600, 603))"),
    Total("invites_all", Grain.LEG, "dialogs that we began", _OUT_LEG),
    Total("invites_ineffective", Grain.LEG, "of which ended with 408, 500, 503 or 504",
          f"{_OUT_LEG} AND sip_status IN (408, 500, 503, 504)"),
)  # fmt: skip

_RECORDING = (
    Total("recordings", Grain.RECORDING, "recordings"),
    Total("recordings_ok", Grain.RECORDING, "recordings without fault", "quality = 'ok'"),
    Total("recorded_s", Grain.RECORDING, "seconds recorded", value="duration_s"),
    Total("transcripts_done", Grain.RECORDING, "recordings with a transcript, or known to hold no speech",
          "transcript_status IN ('done', 'empty')"),
    Total("transcribed_audio_s", Grain.RECORDING, "seconds of sound transcribed", "cpu_s IS NOT NULL", "audio_s"),
    Total("transcribed_cpu_s", Grain.RECORDING, "seconds of CPU spent on them", "cpu_s IS NOT NULL", "cpu_s"),
    Total("silence_s", Grain.RECORDING, "seconds in which nobody speaks", "measured_s IS NOT NULL", "silence_s"),
    Total("turns_duration_s", Grain.RECORDING, "seconds measured", "measured_s IS NOT NULL", "measured_s"),
    Total("non_talk_s", Grain.RECORDING, "seconds inside silences of at least 3 s", "non_talk_s IS NOT NULL",
          "non_talk_s"),
    Total("non_talk_duration_s", Grain.RECORDING, "seconds in which those are known", "non_talk_s IS NOT NULL",
          "measured_s"),
    Total("overlap_s", Grain.RECORDING, "seconds in which both speak", "overlap_s IS NOT NULL", "overlap_s"),
    Total("overlap_duration_s", Grain.RECORDING, "seconds in which that is known", "overlap_s IS NOT NULL",
          "measured_s"),
    Total("interactivity_sum", Grain.RECORDING, "sum of changes of the speaker per minute",
          "interactivity IS NOT NULL", "interactivity"),
    Total("interactivity_calls", Grain.RECORDING, "recordings with that figure", "interactivity IS NOT NULL"),
    Total("script_items", Grain.RECORDING, "items of scripts that apply", value="items"),
    Total("script_items_heard", Grain.RECORDING, "of which were said, in time or late", value="items_heard"),
)  # fmt: skip


def _mean(name: str, says: str, column: str, side: str) -> tuple[Total, Total]:
    """The two totals of a mean over the sides of recordings."""
    where = f"{side} AND {column} IS NOT NULL"
    return (
        Total(f"{name}_sum", Grain.PARTY, f"sum of {says}", where, column),
        Total(f"{name}_calls", Grain.PARTY, f"recordings with {says}", where),
    )


_OURS = "side = 'agent'"
_THEIRS = "side = 'customer'"
_PARTY = (
    Total("caller_ratio_sum", Grain.PARTY, "sum of the caller's shares of speech",
          "party = 'caller' AND talk_ratio IS NOT NULL", "talk_ratio"),
    Total("caller_ratio_calls", Grain.PARTY, "recordings with that share",
          "party = 'caller' AND talk_ratio IS NOT NULL"),
    *_mean("agent_ratio", "our shares of speech", "talk_ratio", _OURS),
    Total("agent_patience_sum_s", Grain.PARTY, "sum of our pauses before we answer",
          f"{_OURS} AND patience_s IS NOT NULL", "patience_s"),
    Total("agent_patience_calls", Grain.PARTY, "recordings with that pause", f"{_OURS} AND patience_s IS NOT NULL"),
    Total("agent_speech_s", Grain.PARTY, "seconds of our speech", _OURS, "talk_s"),
    Total("both_speech_s", Grain.PARTY, "seconds of speech, ours and theirs", "side <> 'unknown'", "talk_s"),
    *_mean("agent_monologue", "our longest stretch", "longest_monologue_s", _OURS),
    *_mean("customer_story", "the customer's longest stretch", "longest_monologue_s", _THEIRS),
    *_mean("agent_interruptions", "how often we cut in", "interruptions", _OURS),
    *_mean("agent_interruption_s", "the seconds in which we cut in", "interruption_s", _OURS),
    *_mean("customer_interruptions", "how often the customer cuts in", "interruptions", _THEIRS),
    *_mean("agent_loudness", "our level", "loudness_dbfs", _OURS),
    *_mean("customer_loudness", "the customer's level", "loudness_dbfs", _THEIRS),
    *_mean("agent_wpm", "our words per minute", "words_per_minute", _OURS),
    *_mean("customer_wpm", "the customer's words per minute", "words_per_minute", _THEIRS),
    Total("agent_questions", Grain.PARTY, "questions that we asked", f"{_OURS} AND questions IS NOT NULL", "questions"),
    Total("agent_questions_h", Grain.PARTY, "hours recorded in which questions are known",
          f"{_OURS} AND questions IS NOT NULL", "duration_s / 3600"),
    Total("agent_fillers", Grain.PARTY, "filler words of ours",
          f"{_OURS} AND fillers IS NOT NULL AND words IS NOT NULL", "fillers"),
    Total("agent_hundred_words", Grain.PARTY, "hundreds of our words where fillers are known",
          f"{_OURS} AND fillers IS NOT NULL AND words IS NOT NULL", "words / 100"),
    *_mean("sentiment_start", "the customer's sentiment in the first quarter", "sentiment[1]", _THEIRS),
    *_mean("sentiment_end", "the customer's sentiment in the last quarter", "sentiment[4]", _THEIRS),
    *_mean("sentiment_delta", "last quarter minus first quarter", "(sentiment[4] - sentiment[1])", _THEIRS),
)  # fmt: skip

_LOST = (
    "direction = 'inbound' AND class IN ('missed', 'abandoned', 'voicemail', 'out_of_hours') AND outside_number <> ''"
)
_TALKED = "direction = 'inbound' AND class IN ('answered', 'answered_elsewhere')"
_RECOVERED = f"{_LOST} AND recovered_by <> ''"
_IN_DAY = f"{_RECOVERED} AND recovery_s <= {RECOVERY_H} * 3600"


def _class(name: str, says: str, of: str) -> Total:
    return Total(name, Grain.CONVERSATION, f"conversations from outside: {says}", f"{_IN} AND class = '{of}'")


_CONVERSATION = (
    Total("conversations", Grain.CONVERSATION, "conversations"),
    Total("conversations_talked", Grain.CONVERSATION, "conversations in which somebody talked",
          "answered_at IS NOT NULL"),
    Total("conversation_talk_s", Grain.CONVERSATION, "seconds talked in conversations", value="talk_s"),
    Total("inbound", Grain.CONVERSATION, "conversations from outside", _IN),
    Total("inbound_open", Grain.CONVERSATION, "of which came while open and were not refused",
          f"{_IN} AND class NOT IN ('out_of_hours', 'blocked')"),
    Total("inbound_talked", Grain.CONVERSATION, "conversations from outside in which somebody of ours talked", _TALKED),
    Total("inbound_wait_s", Grain.CONVERSATION, "seconds until he talked", _TALKED, "wait_s"),
    _class("inbound_answered", "answered", "answered"),
    _class("inbound_elsewhere", "answered elsewhere", "answered_elsewhere"),
    _class("inbound_missed", "missed", "missed"),
    _class("inbound_abandoned", "abandoned", "abandoned"),
    _class("inbound_voicemail", "voicemail", "voicemail"),
    _class("inbound_out_of_hours", "out of hours", "out_of_hours"),
    _class("inbound_blocked", "refused", "blocked"),
    Total("attempts", Grain.CONVERSATION, "how often those from outside called", _IN, "attempts"),
    Total("lost", Grain.CONVERSATION, "conversations from outside with a number in which nobody talked, not refused",
          _LOST),
    Total("recovered", Grain.CONVERSATION, "of which were made good", _RECOVERED),
    Total("recovered_in_time", Grain.CONVERSATION, f"of which were made good within {RECOVERY_H} h", _IN_DAY),
    Total("lost_numbers", Grain.CONVERSATION, "different numbers of them", _LOST, "outside_number", How.DISTINCT),
    Total("recovered_numbers", Grain.CONVERSATION, f"of which were made good within {RECOVERY_H} h", _IN_DAY,
          "outside_number", How.DISTINCT),
    Total("first_talked", Grain.CONVERSATION, "first conversations of a number in which somebody talked",
          f"{_TALKED} AND outside_number <> '' AND repeat_of = ''"),
    Total("first_settled", Grain.CONVERSATION, "of which no further one followed",
          f"{_TALKED} AND outside_number <> '' AND repeat_of = '' AND repeated_by = ''"),
    Total("target", Grain.CONVERSATION, f"first conversations of a number with at least {TARGET_TALK_S} s of talk",
          f"{_TALKED} AND outside_number <> '' AND repeat_of = '' AND talk_s >= {TARGET_TALK_S}"),
    Total("repeats", Grain.CONVERSATION, "conversations from outside of a number with which somebody had talked",
          f"{_IN} AND repeat_of <> ''"),
)  # fmt: skip

PEAK = (
    Total("peak_calls", Grain.HOUR, "calls in progress at once", value="peak", how=How.MAX),
    Total("busiest_erlang", Grain.HOUR, "seconds of calls within a clock hour / 3600", value="busy_s / 3600",
          how=How.MAX),
)  # fmt: skip

MEASURES: tuple[Measure, ...] = (
    Measure("mos_bins", Grain.LEG, "MOS of the dialogs", "mos IS NOT NULL", "mos", 0.1, 4.5),
    Measure("queue_wait_bins", Grain.QUEUE_CALL, "seconds waited in a queue", "true", "wait_s", 5, 3600),
    Measure("queue_answered_bins", Grain.QUEUE_CALL, "seconds waited by those answered", "queue_result = 'answered'",
            "wait_s", 5, 3600),
    Measure("queue_abandoned_bins", Grain.QUEUE_CALL, "seconds waited by those who hung up",
            "queue_result = 'abandoned'", "wait_s", 5, 3600),
    Measure("post_dial_bins", Grain.CALL, "seconds from dialling to ringing or answer",
            _RANG_OUTSIDE, "setup_s", 0.1, 30),
    Measure("recovery_bins", Grain.CONVERSATION, "seconds until made good", _RECOVERED, "recovery_s", 1, 1_209_600,
            growth=1.05),
    Measure("talk_bins", Grain.CALL, "seconds talked", "disposition = 'answered'", "talk_s", 30, 7200),
)  # fmt: skip

TOTALS: tuple[Total, ...] = (*_CALL, *_QUEUE, *_LEG, *_RECORDING, *_PARTY, *_CONVERSATION)

BY_NAME: dict[str, Total] = {t.name: t for t in (*TOTALS, *PEAK, *shifts.TOTALS)}
MEASURE: dict[str, Measure] = {m.name: m for m in MEASURES}
