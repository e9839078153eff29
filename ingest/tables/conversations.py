"""The tables of conversations: calls that are one story, as one row. Derived from the tables of calls."""

from __future__ import annotations

from ingest.tables.table import Table, columns

CONVERSATION = Table(
    "conversation",
    "one conversation: calls, transfers, call-backs and repeated attempts that are one story",
    ("tenant_id", "conversation_id"),
    columns("""
        tenant_id VARCHAR the customer
        conversation_id VARCHAR id of its first call
        started_at TIMESTAMPTZ start of its first call
        ended_at TIMESTAMPTZ end of its last call
        direction VARCHAR of its first call: internal, inbound, outbound, callback, informing, click
        outside_number VARCHAR number outside, E.164 where known; empty when internal or withheld
        did VARCHAR public number that was called first; empty when none
        trunk_id VARCHAR trunk of its first call; empty when none
        first_destination VARCHAR first destination of its first call, kind:id
        answered_by VARCHAR our number that first talked; empty when nobody did
        answered_at TIMESTAMPTZ when somebody of ours first talked; null when nobody did
        class VARCHAR inbound: answered, answered_elsewhere, voicemail, out_of_hours, abandoned, blocked, missed; others: reached, not_reached
        rule VARCHAR id of the rule that made the class
        evidence VARCHAR JSON list of the facts by which the rule held: rule, call_id, fact, value, says
        calls BIGINT how many
        legs BIGINT SIP dialogs of all its calls
        attempts BIGINT times the outside party called, or one when another began it
        wait_s DOUBLE its start to the first talk, else to its end
        talk_s DOUBLE talked with the party outside, holds included; all of it when internal
        hold_s DOUBLE part of talk_s on hold
        queue VARCHAR last queue that was waited in; empty when none
        queue_wait_s DOUBLE in that queue
        queue_result VARCHAR answered, abandoned, key, overflow, empty, callback
        voicemail BOOLEAN a message was left
        transferred VARCHAR last transfer: blind, attended; empty when none
        agents VARCHAR JSON list of our numbers that talked, in order
        mos_min DOUBLE lowest MOS of its legs
        hangup_party VARCHAR of its last call, transfers left out: caller, callee, system
        repeat_of VARCHAR inbound: last conversation before in which somebody talked with that number, within REPEAT_DAYS; empty when none
        repeated_by VARCHAR somebody talked: next inbound conversation of that number within REPEAT_DAYS; empty when none
        recovered_by VARCHAR nobody talked: later conversation with that number in which somebody did; empty when none
        recovered_at TIMESTAMPTZ when somebody talked there; null when none
        recovered_agent VARCHAR our number that talked there; empty when none
        recovery_s DOUBLE end of this conversation to recovered_at; null when none
        source VARCHAR import that brought its first call; empty: our own exchange
        definition_version VARCHAR of rules and parameters
    """),  # noqa: E501
    month_of="started_at",
)

CONVERSATION_CALL = Table(
    "conversation_call",
    "one call and the conversation that it belongs to",
    ("tenant_id", "call_id"),
    columns("""
        tenant_id VARCHAR the customer
        call_id VARCHAR the call
        conversation_id VARCHAR the conversation
        role VARCHAR first, transfer (any other call of its story), callback, repeat (a further attempt)
        started_at TIMESTAMPTZ start of the call
    """),
    month_of="started_at",
)
