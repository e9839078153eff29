"""The tables of figures added up by hour; their totals are those of the registry (analytics/metrics/totals.py)."""

from __future__ import annotations

from ingest.tables.table import Table, columns

ROLLUP_HOUR = Table(
    "rollup_hour",
    "totals of one clock hour (UTC) over rows of one grain that agree in the columns of the cut",
    ("tenant_id", "cut", "grain", "hour", "direction", "queue", "agent", "trunk_id"),
    columns("""
        tenant_id VARCHAR the customer
        hour TIMESTAMPTZ its beginning; rows count in the hour in which their call or conversation started
        grain VARCHAR conversation, call, queue_call, offer, leg, recording, party; totals of other grains are null
        cut VARCHAR empty: by direction, queue, trunk_id; agent: by direction and agent, the rest is empty
        direction VARCHAR of the call
        queue VARCHAR it waited in last
        agent VARCHAR who of ours had it
        trunk_id VARCHAR that brought or carried it
        calls DOUBLE calls that reached the exchange
        answered DOUBLE calls that were answered
        no_answer DOUBLE calls that rang until the limit
        busy DOUBLE calls to somebody busy
        cancelled DOUBLE calls that the caller gave up
        failed DOUBLE calls that failed otherwise
        aborted DOUBLE calls that a crash ended
        talk_s DOUBLE seconds from answer to end, holds included
        hold_s DOUBLE seconds on hold
        held DOUBLE answered calls with a hold
        talk_net_s DOUBLE seconds from answer to end without holds
        wait_answered_s DOUBLE seconds to the answer
        answered_recorded DOUBLE answered calls whose recording is stored
        transferred DOUBLE answered calls that were transferred
        seizures DOUBLE calls to outside over a trunk
        seizures_answered DOUBLE such calls that were answered
        seizures_effective DOUBLE such calls that reached the far end: answered, busy, rang without answer, declined
        billed_s DOUBLE billed seconds of such calls, each call rounded up
        post_dial_s DOUBLE seconds from dialling to ringing or answer
        post_dial_calls DOUBLE such calls that rang or were answered
        callbacks DOUBLE call-backs that a queue made
        callbacks_unanswered DOUBLE of which the customer did not answer
        callbacks_talked DOUBLE of which customer and agent had more than 10 s together
        queue_offered DOUBLE calls that waited in a queue
        queue_answered DOUBLE calls that an agent answered
        queue_abandoned DOUBLE calls that hung up while waiting
        queue_short DOUBLE abandoned after less than 5 s
        queue_not_short DOUBLE calls without those abandoned after less than 5 s
        queue_callback DOUBLE callers who asked to be called back
        queue_overflowed DOUBLE calls sent on: waited too long, or too many waited
        queue_full DOUBLE calls refused at the door: too many waited
        queue_empty DOUBLE calls sent on because no agent was logged in
        queue_key DOUBLE callers who left by a key
        queue_in_time DOUBLE answered within 20 s
        queue_done DOUBLE answered or abandoned
        queue_done_in_time DOUBLE answered or abandoned within 20 s
        queue_wait_answered_s DOUBLE seconds waited by those answered
        queue_wait_abandoned_s DOUBLE seconds waited by those who hung up
        queue_excess_s DOUBLE seconds waited beyond 20 s
        queue_wait_max_s DOUBLE longest wait
        queue_talk_s DOUBLE seconds talked by those answered, holds included
        queue_wrap_up_s DOUBLE seconds of wrap-up that the queue gave after them
        queue_handle_s DOUBLE seconds talked and of wrap-up
        offers DOUBLE times that an agent's phone was rung
        offers_answered DOUBLE of which he answered
        offers_withdrawn DOUBLE of which somebody else answered or the caller hung up
        offers_not_withdrawn DOUBLE rung without being withdrawn
        offers_unanswered DOUBLE of which he let it ring, was busy or his phone failed
        legs DOUBLE dialogs with phones and trunks
        mos_legs DOUBLE dialogs with media quality
        mos_sum DOUBLE sum of their MOS
        mos_min DOUBLE lowest MOS
        mos_legs_below_3_6 DOUBLE dialogs with MOS under 3.6
        mos_simple_legs DOUBLE dialogs with MOS, loss and jitter
        mos_simple_sum DOUBLE sum of their MOS by the simple formula
        mos_simple_below_3_6 DOUBLE dialogs under 3.6 by the simple formula
        r_simple_sum DOUBLE sum of their R by the simple formula
        loss_legs DOUBLE dialogs whose loss is known
        loss_sum DOUBLE sum of their loss
        late_legs DOUBLE dialogs whose late packets are known
        late_sum DOUBLE sum of their late shares
        jitter_legs DOUBLE dialogs whose jitter is known
        jitter_sum_ms DOUBLE sum of their jitter
        rtt_legs DOUBLE dialogs whose round trip is known
        rtt_sum_ms DOUBLE sum of their round trips
        starved_known DOUBLE dialogs of which is known whether our machine had CPU
        starved_legs DOUBLE dialogs that our own machine starved
        invites DOUBLE dialogs that we began, redirections and challenges left out
        invites_ok DOUBLE of which were answered
        invites_effective DOUBLE of which were answered, or ended with 480, 486, 600 or 603
        invites_all DOUBLE dialogs that we began
        invites_ineffective DOUBLE of which ended with 408, 500, 503 or 504
        recordings DOUBLE recordings
        recordings_ok DOUBLE recordings without fault
        recorded_s DOUBLE seconds recorded
        transcripts_done DOUBLE recordings with a transcript, or known to hold no speech
        transcribed_audio_s DOUBLE seconds of sound transcribed
        transcribed_cpu_s DOUBLE seconds of CPU spent on them
        silence_s DOUBLE seconds in which nobody speaks
        turns_duration_s DOUBLE seconds measured
        non_talk_s DOUBLE seconds inside silences of at least 3 s
        non_talk_duration_s DOUBLE seconds in which those are known
        overlap_s DOUBLE seconds in which both speak
        overlap_duration_s DOUBLE seconds in which that is known
        interactivity_sum DOUBLE sum of changes of the speaker per minute
        interactivity_calls DOUBLE recordings with that figure
        script_items DOUBLE items of scripts that apply
        script_items_heard DOUBLE of which were said, in time or late
        caller_ratio_sum DOUBLE sum of the caller's shares of speech
        caller_ratio_calls DOUBLE recordings with that share
        agent_ratio_sum DOUBLE sum of our shares of speech
        agent_ratio_calls DOUBLE recordings with our shares of speech
        agent_patience_sum_s DOUBLE sum of our pauses before we answer
        agent_patience_calls DOUBLE recordings with that pause
        agent_speech_s DOUBLE seconds of our speech
        both_speech_s DOUBLE seconds of speech, ours and theirs
        agent_monologue_sum DOUBLE sum of our longest stretch
        agent_monologue_calls DOUBLE recordings with our longest stretch
        customer_story_sum DOUBLE sum of the customer's longest stretch
        customer_story_calls DOUBLE recordings with the customer's longest stretch
        agent_interruptions_sum DOUBLE sum of how often we cut in
        agent_interruptions_calls DOUBLE recordings with how often we cut in
        agent_interruption_s_sum DOUBLE sum of the seconds in which we cut in
        agent_interruption_s_calls DOUBLE recordings with the seconds in which we cut in
        customer_interruptions_sum DOUBLE sum of how often the customer cuts in
        customer_interruptions_calls DOUBLE recordings with how often the customer cuts in
        agent_loudness_sum DOUBLE sum of our level
        agent_loudness_calls DOUBLE recordings with our level
        customer_loudness_sum DOUBLE sum of the customer's level
        customer_loudness_calls DOUBLE recordings with the customer's level
        agent_wpm_sum DOUBLE sum of our words per minute
        agent_wpm_calls DOUBLE recordings with our words per minute
        customer_wpm_sum DOUBLE sum of the customer's words per minute
        customer_wpm_calls DOUBLE recordings with the customer's words per minute
        agent_questions DOUBLE questions that we asked
        agent_questions_h DOUBLE hours recorded in which questions are known
        agent_fillers DOUBLE filler words of ours
        agent_hundred_words DOUBLE hundreds of our words where fillers are known
        sentiment_start_sum DOUBLE sum of the customer's sentiment in the first quarter
        sentiment_start_calls DOUBLE recordings with the customer's sentiment in the first quarter
        sentiment_end_sum DOUBLE sum of the customer's sentiment in the last quarter
        sentiment_end_calls DOUBLE recordings with the customer's sentiment in the last quarter
        sentiment_delta_sum DOUBLE sum of last quarter minus first quarter
        sentiment_delta_calls DOUBLE recordings with last quarter minus first quarter
        conversations DOUBLE conversations
        conversations_talked DOUBLE conversations in which somebody talked
        conversation_talk_s DOUBLE seconds talked in conversations
        inbound DOUBLE conversations from outside
        inbound_open DOUBLE of which came while open and were not refused
        inbound_talked DOUBLE conversations from outside in which somebody of ours talked
        inbound_wait_s DOUBLE seconds until he talked
        inbound_answered DOUBLE conversations from outside: answered
        inbound_elsewhere DOUBLE conversations from outside: answered elsewhere
        inbound_missed DOUBLE conversations from outside: missed
        inbound_abandoned DOUBLE conversations from outside: abandoned
        inbound_voicemail DOUBLE conversations from outside: voicemail
        inbound_out_of_hours DOUBLE conversations from outside: out of hours
        inbound_blocked DOUBLE conversations from outside: refused
        attempts DOUBLE how often those from outside called
        lost DOUBLE conversations from outside with a number in which nobody talked, not refused
        recovered DOUBLE of which were made good
        recovered_in_time DOUBLE of which were made good within 24 h
        first_talked DOUBLE first conversations of a number in which somebody talked
        first_settled DOUBLE of which no further one followed
        target DOUBLE first conversations of a number with at least 30 s of talk
        repeats DOUBLE conversations from outside of a number with which somebody had talked
    """),
    month_of="hour",
)

ROLLUP_BIN = Table(
    "rollup_bin",
    "how many rows of one clock hour (UTC) have a measure within one bin",
    ("tenant_id", "measure", "hour", "grain", "direction", "queue", "trunk_id", "bin"),
    columns("""
        tenant_id VARCHAR the customer
        hour TIMESTAMPTZ its beginning
        grain VARCHAR of the rows
        direction VARCHAR of the call
        queue VARCHAR it waited in last
        trunk_id VARCHAR that brought or carried it
        measure VARCHAR what is measured: a name of the registry
        bin BIGINT floor(value / width of the measure)
        n BIGINT rows
    """),
    month_of="hour",
)

ROLLUP_LINE = Table(
    "rollup_line",
    "calls in progress within one clock hour (UTC)",
    ("tenant_id", "line", "hour"),
    columns("""
        tenant_id VARCHAR the customer
        hour TIMESTAMPTZ its beginning
        line VARCHAR trunk; empty: all calls
        peak BIGINT most calls at the same moment
        busy_s DOUBLE seconds of calls within the hour
    """),
    month_of="hour",
)
