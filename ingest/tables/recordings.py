"""The tables of recordings: their files, their deletion and what reviewers said of them."""

from __future__ import annotations

from ingest.tables.table import STAMP, Table, columns

RECORDING = Table(
    "recording",
    "one stereo file",
    ("tenant_id", "call_id", "recording_id"),
    columns(f"""
        tenant_id VARCHAR the customer
        call_id VARCHAR the call
        recording_id VARCHAR random, unguessable
        path VARCHAR relative to the recordings directory
        peaks_path VARCHAR waveform points, JSON
        started_at TIMESTAMPTZ first sample
        duration_s DOUBLE length
        codec VARCHAR opus
        sample_rate BIGINT Hz
        channels BIGINT 2: left caller, right callee
        bytes BIGINT size of the file
        sha256 VARCHAR of the file
        caller_pad_ms BIGINT silence put before the caller's channel
        callee_pad_ms BIGINT silence put before the callee's channel
        quality VARCHAR ok, degraded, truncated
        quality_reason VARCHAR names every fault
        consent_basis VARCHAR on what ground it was recorded
        segment BIGINT of the call, from 1: a transfer begins a new one
        kind VARCHAR conversation, voicemail
        caller_number VARCHAR who is on the left channel
        callee_number VARCHAR who is on the right channel
        pauses VARCHAR JSON list of [start_s, end_s] kept silent for card data
        {STAMP}
    """),
    month_of="started_at",
)

RECORDING_GONE = Table(
    "recording_gone",
    "one recording that was deleted",
    ("tenant_id", "call_id", "recording_id"),
    columns(f"""
        tenant_id VARCHAR the customer
        call_id VARCHAR the call
        recording_id VARCHAR the recording that was
        deleted_at TIMESTAMPTZ when
        reason VARCHAR retention, erased
        deleted_by VARCHAR keeper, or the person who asked
        sha256 VARCHAR of the file that was deleted
        {STAMP}
    """),
    month_of="deleted_at",
)

COMMENT = Table(
    "comment",
    "a reviewer's comment as it stands in the operational database",
    ("tenant_id", "call_id", "comment_id"),
    columns(f"""
        tenant_id VARCHAR the customer
        call_id VARCHAR the call
        comment_id VARCHAR the comment
        author_id VARCHAR person who wrote it
        at_s DOUBLE second in the recording; null: the whole call
        text VARCHAR hostile text
        created_at TIMESTAMPTZ when written
        deleted BOOLEAN withdrawn
        {STAMP}
    """),
)
