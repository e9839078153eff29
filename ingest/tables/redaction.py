"""The tables of what must not stay readable in a recording: where it lies, never what it is."""

from __future__ import annotations

from ingest.tables.table import STAMP, Table, columns

REDACTION = Table(
    "redaction",
    "what was found in one recording that the tenant wants hidden",
    ("tenant_id", "call_id", "recording_id"),
    columns(f"""
        tenant_id VARCHAR the customer
        call_id VARCHAR the call
        recording_id VARCHAR the recording
        version VARCHAR rules that formed the row
        wishes_sha256 VARCHAR hash of the wishes that were applied
        status VARCHAR done, unknown
        reason VARCHAR why it is unknown
        numbers BIGINT spans of card numbers and of what is said around them
        phones BIGINT spans of phone numbers
        names BIGINT spans of names
        {STAMP}
    """),
)

REDACTED_SPAN = Table(
    "redacted_span",
    "words of one utterance that are hidden",
    ("tenant_id", "call_id", "recording_id", "position"),
    columns("""
        tenant_id VARCHAR the customer
        call_id VARCHAR the call
        recording_id VARCHAR the recording
        position INTEGER place in the record, from 0
        utterance_id VARCHAR where
        party VARCHAR caller or callee
        first INTEGER the first hidden word of the utterance, from 0
        last INTEGER the last one
        start_s DOUBLE from the start of the recording
        end_s DOUBLE from the start of the recording
        kind VARCHAR card, long_number, code, phone, name
    """),
)
