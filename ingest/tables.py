"""The tables of the warehouse: grain, key, a comment per column. Pure.

The tenant comes first in every table of facts. Ids are VARCHAR, times TIMESTAMPTZ in UTC, seconds DOUBLE. A call_id
is sortable by time (UUIDv7), so a range of call_ids is a range of time: deletes and look-ups are bounded by it.
`stamp` orders the versions of one row: the higher stamp replaces the lower, whatever the order of reading.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import pyarrow as pa

_ARROW: dict[str, pa.DataType] = {
    "VARCHAR": pa.string(),
    "DOUBLE": pa.float64(),
    "BIGINT": pa.int64(),
    "INTEGER": pa.int32(),
    "BOOLEAN": pa.bool_(),
    "TIMESTAMPTZ": pa.timestamp("us", tz="UTC"),
}


@dataclass(frozen=True)
class Column:
    """A column: SQL type (a key of _ARROW) and what a row says in it."""

    name: str
    type: str
    comment: str


@dataclass(frozen=True)
class Table:
    """A table: one row per `grain`, told apart by `key`; partitioned by the month of `month_of`, if it has one."""

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    month_of: str | None = None

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of a batch of rows, columns in table order."""
        return pa.schema([(c.name, _ARROW[c.type]) for c in self.columns])


def _columns(text: str) -> tuple[Column, ...]:
    """One column per line: name TYPE comment."""
    return tuple(Column(*line.split(maxsplit=2)) for line in text.strip().splitlines())


_STAMP = "stamp VARCHAR version of the row: the line's time and hash (a comment: its change number); highest wins"

CALL = Table(
    "call",
    "one call as a person sees it (kind cdr)",
    ("tenant_id", "call_id"),
    _columns(f"""
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
        {_STAMP}
    """),
    month_of="started_at",
)

LEG = Table(
    "leg",
    "one SIP dialog of a call with its media quality",
    ("tenant_id", "call_id", "leg_id"),
    _columns("""
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
    _columns(f"""
        tenant_id VARCHAR the customer
        call_id VARCHAR the call
        seq BIGINT order within the call
        occurred_at TIMESTAMPTZ wall clock
        mono_s DOUBLE monotonic clock of the worker; differences are durations
        type VARCHAR names the event
        leg VARCHAR caller, callee, callee-2, supervisor, or null
        detail VARCHAR JSON object
        {_STAMP}
    """),
    month_of="occurred_at",
)

RECORDING = Table(
    "recording",
    "one stereo file",
    ("tenant_id", "call_id", "recording_id"),
    _columns(f"""
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
        {_STAMP}
    """),
    month_of="started_at",
)

RECORDING_GONE = Table(
    "recording_gone",
    "one recording that was deleted",
    ("tenant_id", "call_id", "recording_id"),
    _columns(f"""
        tenant_id VARCHAR the customer
        call_id VARCHAR the call
        recording_id VARCHAR the recording that was
        deleted_at TIMESTAMPTZ when
        reason VARCHAR retention, erased
        deleted_by VARCHAR keeper, or the person who asked
        sha256 VARCHAR of the file that was deleted
        {_STAMP}
    """),
    month_of="deleted_at",
)

QUEUE_EVENT = Table(
    "queue_event",
    "one dated fact of a queue that belongs to no live call",
    ("tenant_id", "event_id"),
    _columns(f"""
        tenant_id VARCHAR the customer
        event_id VARCHAR sortable by time
        occurred_at TIMESTAMPTZ wall clock
        queue VARCHAR the queue
        agent VARCHAR extension of the agent; empty when none
        type VARCHAR login, logout, pause, unpause, wrap_up_ended, callback_due, callback_done, callback_failed
        reason VARCHAR of a pause, or why it failed
        call_id VARCHAR the call it is about; empty when none
        {_STAMP}
    """),
    month_of="occurred_at",
)

INFORM = Table(
    "inform",
    "one try to inform one number",
    ("tenant_id", "call_id"),
    _columns(f"""
        tenant_id VARCHAR the customer
        call_id VARCHAR the call that was made
        campaign_id VARCHAR the campaign
        number VARCHAR E.164
        occurred_at TIMESTAMPTZ when it was decided
        result VARCHAR reached, acknowledged, opted_out, busy, no_answer, failed
        key VARCHAR that was pressed; empty when none
        attempt BIGINT from 1
        {_STAMP}
    """),
    month_of="occurred_at",
)

TURNS = Table(
    "turns",
    "who spoke when in one recording, both sides together",
    ("tenant_id", "call_id", "recording_id"),
    _columns(f"""
        tenant_id VARCHAR the customer
        call_id VARCHAR the call
        recording_id VARCHAR the recording
        version VARCHAR rules that formed the row
        duration_s DOUBLE length of the recording
        silence_s DOUBLE nobody speaks
        overlap_s DOUBLE both speak
        {_STAMP}
    """),
)

PARTY_TURNS = Table(
    "party_turns",
    "one side's part in one recording",
    ("tenant_id", "call_id", "recording_id", "party"),
    _columns("""
        tenant_id VARCHAR the customer
        call_id VARCHAR the call
        recording_id VARCHAR the recording
        position INTEGER place in the record, from 0
        party VARCHAR caller or callee
        talk_s DOUBLE own speech
        talk_ratio DOUBLE talk_s / talk_s of both; null when nobody spoke
        longest_monologue_s DOUBLE longest stretch
        interruptions BIGINT how often the side cut in
        interruption_s DOUBLE seconds of it
        turns BIGINT number of turns
        segments VARCHAR JSON list of [start_s, end_s]
    """),
)

TRANSCRIPT = Table(
    "transcript",
    "what was heard in one recording",
    ("tenant_id", "call_id", "recording_id"),
    _columns(f"""
        tenant_id VARCHAR the customer
        call_id VARCHAR the call
        recording_id VARCHAR the recording
        status VARCHAR done, empty, unsupported, failed
        reason VARCHAR why it is not done
        language VARCHAR ISO 639-1
        language_probability DOUBLE 0..1
        model VARCHAR name of the weights
        model_sha256 VARCHAR their hash
        version VARCHAR rules that formed the row
        audio_s DOUBLE seconds of sound
        cpu_s DOUBLE seconds of CPU spent
        caller_words_per_minute DOUBLE of own speech
        callee_words_per_minute DOUBLE of own speech
        {_STAMP}
    """),
)

UTTERANCE = Table(
    "utterance",
    "a stretch of one party's speech as recognised",
    ("tenant_id", "call_id", "recording_id", "utterance_id"),
    _columns("""
        tenant_id VARCHAR the customer
        call_id VARCHAR the call
        recording_id VARCHAR the recording
        utterance_id VARCHAR recording_id-NNNN
        position INTEGER place in the transcript, from 0
        party VARCHAR caller or callee
        start_s DOUBLE from the start of the recording
        end_s DOUBLE from the start of the recording
        text VARCHAR what was said: hostile text
        confidence DOUBLE mean word probability
        words VARCHAR JSON list of [text, start_s, end_s, p]
    """),
)

COMMENT = Table(
    "comment",
    "a reviewer's comment as it stands in the operational database",
    ("tenant_id", "call_id", "comment_id"),
    _columns(f"""
        tenant_id VARCHAR the customer
        call_id VARCHAR the call
        comment_id VARCHAR the comment
        author_id VARCHAR person who wrote it
        at_s DOUBLE second in the recording; null: the whole call
        text VARCHAR hostile text
        created_at TIMESTAMPTZ when written
        deleted BOOLEAN withdrawn
        {_STAMP}
    """),
)

REJECT = Table(
    "reject",
    "one line that could not be loaded; the operator's table, no tenant sees it",
    ("source", "segment", "position"),
    _columns("""
        source VARCHAR feed, comments
        segment VARCHAR journal segment
        position BIGINT byte offset of the line's start
        line BIGINT line number, from 1
        reason VARCHAR what is wrong
        raw VARCHAR the first 2000 characters
        rejected_at TIMESTAMPTZ when ingest met it
        stamp VARCHAR always the same: a line read again changes nothing
    """),
)

INGEST_OFFSET = Table(
    "ingest_offset",
    "how far a source has been read; committed together with the rows",
    ("source", "segment"),
    _columns("""
        source VARCHAR feed, comments
        segment VARCHAR journal segment
        position BIGINT everything before it is loaded: bytes, or the highest change number
        lines BIGINT lines before position
        complete BOOLEAN nothing will follow
        read_at TIMESTAMPTZ time of the commit
    """),
)


@dataclass(frozen=True)
class Child:
    """A table whose rows belong to a parent's row and are replaced with it."""

    table: Table
    items: Callable[[Any], Sequence[Any]]  # parts of the parent's record


@dataclass(frozen=True)
class Family:
    """What one kind of record becomes: a row of `table` and rows of `children`."""

    table: Table
    children: tuple[Child, ...] = ()


FAMILIES: dict[str, Family] = {
    "cdr": Family(CALL, (Child(LEG, attrgetter("legs")),)),
    "call_event": Family(CALL_EVENT),
    "recording": Family(RECORDING),
    "turns": Family(TURNS, (Child(PARTY_TURNS, attrgetter("parties")),)),
    "transcript": Family(TRANSCRIPT, (Child(UTTERANCE, attrgetter("utterances")),)),
    "comment": Family(COMMENT),
    "recording_gone": Family(RECORDING_GONE),
    "queue_event": Family(QUEUE_EVENT),
    "inform": Family(INFORM),
}

TABLES: tuple[Table, ...] = (
    CALL, LEG, CALL_EVENT, RECORDING, RECORDING_GONE, TURNS, PARTY_TURNS, TRANSCRIPT, UTTERANCE, COMMENT,
    QUEUE_EVENT, INFORM, REJECT, INGEST_OFFSET,
)  # fmt: skip

FACTS = tuple(t for t in TABLES if t not in (REJECT, INGEST_OFFSET))


def ddl(schema: str) -> list[str]:
    """The statements that create all tables in an empty schema, comments included. To be run in ONE transaction:
    a later change of a table would give its inlined rows a new place and disturb open readers."""
    statements = []
    for table in TABLES:
        columns = ", ".join(f"{c.name} {c.type}" for c in table.columns)
        statements.append(f"CREATE TABLE {schema}.{table.name} ({columns})")
        if table.month_of:
            month = f"year({table.month_of}), month({table.month_of})"
            statements.append(f"ALTER TABLE {schema}.{table.name} SET PARTITIONED BY ({month})")
        statements.append(f"COMMENT ON TABLE {schema}.{table.name} IS {_quoted(table.grain)}")
        statements += [
            f"COMMENT ON COLUMN {schema}.{table.name}.{c.name} IS {_quoted(c.comment)}" for c in table.columns
        ]
    return statements


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
