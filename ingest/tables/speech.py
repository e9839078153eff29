"""The tables of what was found in a recording's sound: who spoke when, and which words."""

from __future__ import annotations

from ingest.tables.table import STAMP, Table, columns

TURNS = Table(
    "turns",
    "who spoke when in one recording, both sides together",
    ("tenant_id", "call_id", "recording_id"),
    columns(f"""
        tenant_id VARCHAR the customer
        call_id VARCHAR the call
        recording_id VARCHAR the recording
        version VARCHAR rules that formed the row
        duration_s DOUBLE length of the recording
        silence_s DOUBLE nobody speaks
        overlap_s DOUBLE both speak; null: one channel
        interactivity DOUBLE changes of the speaker per minute; null: nobody speaks, or too short
        non_talk_s DOUBLE inside silences of at least 3 s
        channels INTEGER 2: the parties are the channels; 1: two voices told apart by their sound
        reason VARCHAR what cannot be known of a recording of one channel
        {STAMP}
    """),
)

PARTY_TURNS = Table(
    "party_turns",
    "one side's part in one recording",
    ("tenant_id", "call_id", "recording_id", "party"),
    columns("""
        tenant_id VARCHAR the customer
        call_id VARCHAR the call
        recording_id VARCHAR the recording
        position INTEGER place in the record, from 0
        party VARCHAR caller or callee
        talk_s DOUBLE own speech
        talk_ratio DOUBLE talk_s / talk_s of both; null when nobody spoke
        longest_monologue_s DOUBLE longest stretch
        interruptions BIGINT how often the side cut in; null: one channel
        interruption_s DOUBLE seconds of it; null: one channel
        turns BIGINT number of turns
        segments VARCHAR JSON list of [start_s, end_s]
        patience_s DOUBLE median gap after the other's end; null: there was none
        loudness_dbfs DOUBLE level of own speech, full scale = 0; null: said nothing
    """),
)

TRANSCRIPT = Table(
    "transcript",
    "what was heard in one recording",
    ("tenant_id", "call_id", "recording_id"),
    columns(f"""
        tenant_id VARCHAR the customer
        call_id VARCHAR the call
        recording_id VARCHAR the recording
        status VARCHAR done, empty, unsupported, failed, off
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
        {STAMP}
    """),
)

UTTERANCE = Table(
    "utterance",
    "a stretch of one party's speech as recognised",
    ("tenant_id", "call_id", "recording_id", "utterance_id"),
    columns("""
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

UTTERANCE_TERM = Table(
    "utterance_term",
    "one recognised word, as the search looks it up",
    ("tenant_id", "call_id", "recording_id", "position"),
    columns("""
        tenant_id VARCHAR the customer
        call_id VARCHAR the call
        recording_id VARCHAR the recording
        utterance_id VARCHAR recording_id-NNNN
        position INTEGER place in the transcript, from 0
        party VARCHAR caller or callee, as heard
        term VARCHAR lower case, letters and digits only
    """),
)

TRANSCRIPT_EDIT = Table(
    "transcript_edit",
    "one change that a person made to a transcript",
    ("tenant_id", "call_id", "edit_id"),
    columns(f"""
        tenant_id VARCHAR the customer
        call_id VARCHAR the call
        recording_id VARCHAR the recording
        edit_id VARCHAR the change
        utterance_id VARCHAR recording_id-NNNN.digest of what was heard; empty for a name
        kind VARCHAR text, party, name
        party VARCHAR caller or callee: whose words or name
        text VARCHAR hostile text; null: what the engine heard counts again
        author_id VARCHAR person who changed it
        created_at TIMESTAMPTZ when
        {STAMP}
    """),
)
