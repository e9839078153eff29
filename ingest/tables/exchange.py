"""The tables of what the exchange does beside its calls: agents of a queue, numbers informed."""

from __future__ import annotations

from ingest.tables.table import STAMP, Table, columns

QUEUE_EVENT = Table(
    "queue_event",
    "one dated fact of a queue that belongs to no live call",
    ("tenant_id", "event_id"),
    columns(f"""
        tenant_id VARCHAR the customer
        event_id VARCHAR sortable by time
        occurred_at TIMESTAMPTZ wall clock
        queue VARCHAR the queue
        agent VARCHAR extension of the agent; empty when none
        type VARCHAR login, logout, pause, unpause, wrap_up_ended, callback_due, callback_done, callback_failed
        reason VARCHAR of a pause, or why it failed
        call_id VARCHAR the call it is about; empty when none
        {STAMP}
    """),
    month_of="occurred_at",
)

INFORM = Table(
    "inform",
    "one try to inform one number",
    ("tenant_id", "call_id"),
    columns(f"""
        tenant_id VARCHAR the customer
        call_id VARCHAR the call that was made
        campaign_id VARCHAR the campaign
        number VARCHAR E.164
        occurred_at TIMESTAMPTZ when it was decided
        result VARCHAR reached, acknowledged, opted_out, busy, no_answer, failed
        key VARCHAR that was pressed; empty when none
        attempt BIGINT from 1
        {STAMP}
    """),
    month_of="occurred_at",
)
