"""The tables of calls: their rows, their dialogs and the dated facts of their stories."""

from __future__ import annotations

from ingest.tables.table import STAMP, Table, columns

CALL = Table(
    "call",
    "one call as a person sees it (kind cdr)",
    ("tenant_id", "call_id"),
    columns(f"""
        tenant_id VARCHAR the customer
        call_id VARCHAR sortable by time
        direction VARCHAR internal, inbound, outbound, callback, informing, click
        caller_number VARCHAR extension or number that called
        caller_name VARCHAR as the phone sent it: hostile text
        callee_number VARCHAR what was dialled: extension, code or public number
        started_at TIMESTAMPTZ INVITE received
        ringing_at TIMESTAMPTZ first ringing; null when it never rang
        answered_at TIMESTAMPTZ null when not answered
        ended_at TIMESTAMPTZ last leg over
        setup_s DOUBLE INVITE to first ringing or answer; null when neither came
        ring_s DOUBLE first ringing to answer or end
        wait_s DOUBLE INVITE to answer or end
        talk_s DOUBLE answer to end, holds included; 0 when not answered
        hold_s DOUBLE part of talk_s on hold
        bill_s BIGINT talk_s rounded up to seconds
        disposition VARCHAR answered, no_answer, busy, cancelled, failed
        cause VARCHAR SIP status and reason, or the limit that ended it
        hangup_party VARCHAR caller, callee, system
        aborted BOOLEAN closed by recovery after a crash
        dtmf_digits BIGINT how many digits were passed on
        recording_id VARCHAR null when not recorded
        recording_reason VARCHAR why there is no recording
        worker VARCHAR process that carried the call
        definition_version VARCHAR of the durations and dispositions
        conversation_id VARCHAR first call of the story it belongs to; empty: its own
        did VARCHAR public number that was called, E.164; empty when none
        trunk_id VARCHAR trunk that brought or carried it; empty when none
        answered_by VARCHAR number that took it first; empty when nobody did
        destination VARCHAR first destination of the model, kind:id
        queue VARCHAR last queue it waited in; empty when none
        queue_wait_s DOUBLE in that queue, to answer or leaving
        queue_result VARCHAR answered, abandoned, key, overflow, empty, callback
        menu_path VARCHAR keys pressed in menus, comma separated; t time-out, i wrong key
        voicemail BOOLEAN it ended with a message
        transferred VARCHAR blind, attended; empty when it was not
        forwarded_by VARCHAR extension whose forwarding sent it on
        recording_pause_s DOUBLE silence kept for card data
        segments BIGINT recordings made in it
        route VARCHAR JSON list of the destinations passed
        closed_hours VARCHAR hours whose closed branch it took; empty when none
        refused VARCHAR why nobody was asked: blocked (the caller), full (all channels); empty when not refused
        source VARCHAR import that brought it; empty: our own exchange
        system VARCHAR whose unique ids an imported call has, as asterisk; empty: our own exchange
        {STAMP}
    """),
    month_of="started_at",
)

LEG = Table(
    "leg",
    "one SIP dialog of a call with its media quality",
    ("tenant_id", "call_id", "leg_id"),
    columns("""
        tenant_id VARCHAR the customer
        call_id VARCHAR the call it belongs to
        leg_id VARCHAR unique within the call
        position INTEGER place among the call's legs, from 0
        party VARCHAR caller or callee
        number VARCHAR extension or public number of the party
        sip_call_id VARCHAR Call-ID header of the dialog
        started_at TIMESTAMPTZ first INVITE of the leg
        answered_at TIMESTAMPTZ null when not answered
        ended_at TIMESTAMPTZ leg over
        sip_status BIGINT last final status, 0 when none
        codec VARCHAR null without media
        rx_packets BIGINT RTP packets received
        loss_share DOUBLE 0..1 of the expected packets
        late_share DOUBLE 0..1 discarded by the jitter buffer
        jitter_ms_mean DOUBLE interarrival jitter, RFC 3550
        jitter_ms_max DOUBLE its highest value
        rtt_ms_mean DOUBLE round trip by RTCP
        mos DOUBLE 1.0-4.5 by the E-model
        starved BOOLEAN our own machine lacked CPU
        quality_reason VARCHAR why quality fields are null
        quality_version VARCHAR formula of mos
    """),
    month_of="started_at",
)

CALL_EVENT = Table(
    "call_event",
    "one dated fact of a call",
    ("tenant_id", "call_id", "seq"),
    columns(f"""
        tenant_id VARCHAR the customer
        call_id VARCHAR the call
        seq BIGINT order within the call
        occurred_at TIMESTAMPTZ wall clock
        mono_s DOUBLE monotonic clock of the worker; differences are durations
        type VARCHAR names the event
        leg VARCHAR caller, callee, callee-2, supervisor, or null
        detail VARCHAR JSON object
        {STAMP}
    """),
    month_of="occurred_at",
)
