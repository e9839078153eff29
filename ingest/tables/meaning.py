"""The tables of what a tenant's wishes find in a recording: phrases, scripts, figures, quoted sentences."""

from __future__ import annotations

from ingest.tables.table import STAMP, Table, columns

_OF = """
        tenant_id VARCHAR the customer
        call_id VARCHAR the call
        recording_id VARCHAR the recording
"""

MEANING = Table(
    "meaning",
    "what the tenant's wishes find in one recording, both sides together",
    ("tenant_id", "call_id", "recording_id"),
    columns(f"""{_OF.strip()}
        version VARCHAR rules that formed the row
        wishes_sha256 VARCHAR hash of the wishes that were applied
        language VARCHAR ISO 639-1
        agent VARCHAR caller or callee: who works for the tenant
        direction VARCHAR inbound, outbound, internal
        queue VARCHAR the queue; empty: none or unknown
        interactivity DOUBLE changes of speaker per minute; null: not known
        tags VARCHAR JSON list of the tags that rules have set
        score DOUBLE sum of the rules that hold; null: no rule scores
        alerts VARCHAR JSON list of the rules that alert
        held VARCHAR JSON list of the rules that hold
        undecided VARCHAR JSON list of the rules that ask for what is not known
        reasons VARCHAR JSON: what is not available, and why
        terms VARCHAR JSON list of [stem, form] of the content words, each once
        {STAMP}
    """),
)

PARTY_MEANING = Table(
    "party_meaning",
    "one side's way of talking in one recording",
    ("tenant_id", "call_id", "recording_id", "party"),
    columns(f"""{_OF.strip()}
        position INTEGER place in the record, from 0
        party VARCHAR caller or callee
        words BIGINT words recognised; null: no transcript
        words_per_minute DOUBLE of own speech
        questions BIGINT sentences that end with a question mark; null: not known in this language
        fillers BIGINT words and phrases of the language's list; null: there is no list
        longest_monologue_s DOUBLE longest stretch
        patience_s DOUBLE pause before the side answers; null: not known
        sentiment VARCHAR JSON list, one value of -1..1 or null per quarter
    """),
)

TRACKER_HIT = Table(
    "tracker_hit",
    "a phrase of a tracker, heard",
    ("tenant_id", "call_id", "recording_id", "position"),
    columns(f"""{_OF.strip()}
        position INTEGER place in the record, from 0
        tracker_id VARCHAR the tracker
        name VARCHAR its name
        utterance_id VARCHAR where
        party VARCHAR caller or callee
        start_s DOUBLE of the first word
        end_s DOUBLE of the last word
        quote VARCHAR the words as recognised: hostile text
        fuzzy BOOLEAN found by likeness, not by word form
    """),
)

ITEM_HEARD = Table(
    "item_heard",
    "an item of a script that applies to the call",
    ("tenant_id", "call_id", "recording_id", "position"),
    columns(f"""{_OF.strip()}
        position INTEGER place in the record, from 0
        checklist_id VARCHAR the script
        checklist VARCHAR its name
        title VARCHAR the item
        status VARCHAR said, late, missing
        at_s DOUBLE where it begins; null: missing
        end_s DOUBLE where it ends; null: missing
        utterance_id VARCHAR where; null: missing
        quote VARCHAR the words as recognised: hostile text
    """),
)

EXTRACT = Table(
    "extract",
    "a sentence of the call, word for word",
    ("tenant_id", "call_id", "recording_id", "position"),
    columns(f"""{_OF.strip()}
        position INTEGER place in the record, from 0
        utterance_id VARCHAR where
        party VARCHAR caller or callee
        start_s DOUBLE of the first word
        end_s DOUBLE of the last word
        text VARCHAR hostile text
    """),
)
