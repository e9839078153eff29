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

from ingest import terms
from ingest.tables.calls import CALL, CALL_EVENT, LEG
from ingest.tables.conversations import CONVERSATION, CONVERSATION_CALL
from ingest.tables.exchange import INFORM, QUEUE_EVENT
from ingest.tables.imports import IMPORT_ORPHAN, IMPORT_RUN
from ingest.tables.meaning import EXTRACT, ITEM_HEARD, MEANING, PARTY_MEANING, TRACKER_HIT
from ingest.tables.reading import INGEST_OFFSET, REJECT
from ingest.tables.recordings import COMMENT, RECORDING, RECORDING_GONE
from ingest.tables.redaction import REDACTED_SPAN, REDACTION
from ingest.tables.rollups import ROLLUP_BIN, ROLLUP_HOUR, ROLLUP_LINE
from ingest.tables.speech import PARTY_TURNS, TRANSCRIPT, TRANSCRIPT_EDIT, TURNS, UTTERANCE, UTTERANCE_TERM
from ingest.tables.table import Table


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
    "transcript": Family(
        TRANSCRIPT, (Child(UTTERANCE, attrgetter("utterances")), Child(UTTERANCE_TERM, terms.of_transcript))
    ),
    "meaning": Family(
        MEANING,
        (
            Child(PARTY_MEANING, attrgetter("parties")),
            Child(TRACKER_HIT, attrgetter("hits")),
            Child(ITEM_HEARD, attrgetter("items")),
            Child(EXTRACT, attrgetter("extracts")),
        ),
    ),
    "redaction": Family(REDACTION, (Child(REDACTED_SPAN, attrgetter("spans")),)),
    "comment": Family(COMMENT),
    "transcript_edit": Family(TRANSCRIPT_EDIT),
    "recording_gone": Family(RECORDING_GONE),
    "queue_event": Family(QUEUE_EVENT),
    "inform": Family(INFORM),
}

TABLES: tuple[Table, ...] = (
    CALL, LEG, CALL_EVENT, RECORDING, RECORDING_GONE, TURNS, PARTY_TURNS, TRANSCRIPT, UTTERANCE, UTTERANCE_TERM,
    TRANSCRIPT_EDIT, MEANING, PARTY_MEANING, TRACKER_HIT, ITEM_HEARD, EXTRACT, REDACTION, REDACTED_SPAN, COMMENT,
    QUEUE_EVENT, INFORM, IMPORT_RUN, IMPORT_ORPHAN, CONVERSATION, CONVERSATION_CALL,
    ROLLUP_HOUR, ROLLUP_BIN, ROLLUP_LINE, REJECT, INGEST_OFFSET,
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
