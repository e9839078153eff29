"""The tables of the reading itself: lines that could not be loaded, and how far each source has been read."""

from __future__ import annotations

from ingest.tables.table import Table, columns

REJECT = Table(
    "reject",
    "one line that could not be loaded; the operator's table, no tenant sees it",
    ("source", "segment", "position"),
    columns("""
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
    columns("""
        source VARCHAR feed, comments
        segment VARCHAR journal segment
        position BIGINT everything before it is loaded: bytes, or the highest change number
        lines BIGINT lines before position
        complete BOOLEAN nothing will follow
        loaded BIGINT rows of main tables that came from it
        rejected BIGINT lines that could not be loaded
        repeated BIGINT lines that changed nothing: the same row or a newer one was there already
        read_at TIMESTAMPTZ time of the commit
    """),
)
