"""Asterisk's channel events become legs: what each channel lived through, put together to who called, rang, talked."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.resources import files

import duckdb
import pyarrow as pa

from ingest.imports import delimited
from ingest.imports.raw import ROWS_AT_ONCE, Bad, Read, nothing, table

MEMORY = "400MB"  # of the events while they are joined; more of them wait on disk
JOINS_MAX = 20  # transfers in a row whose calls are one story
EVENTS = frozenset({
    "CHAN_START", "CHAN_END", "ANSWER", "HANGUP", "BRIDGE_ENTER", "BRIDGE_EXIT", "APP_START", "APP_END", "PARK_START",
    "PARK_END", "BLINDTRANSFER", "ATTENDEDTRANSFER", "PICKUP", "FORWARD", "LINKEDID_END", "USER_DEFINED",
    "LOCAL_OPTIMIZE", "LOCAL_OPTIMIZE_BEGIN", "STREAM_BEGIN", "STREAM_END", "DTMF",
})  # fmt: skip
COLUMNS = (
    "eventtype", "eventtime", "cid_name", "cid_num", "cid_dnid", "exten", "context", "channame", "appname", "appdata",
    "uniqueid", "linkedid", "extra", "id",
)  # fmt: skip
"""What is taken of an event; `id`: its place in a table that may have been written out in another order."""

# Applications that ask somebody, or answer in his place; what else a dialplan runs says nothing of a call.
_STAGES = (
    "dial", "queue", "background", "backgrounddetect", "read", "voicemail", "confbridge", "meetme", "page", "directory",
    "parkedcall", "pickup", "pickupchan", "bridge", "voicemailmain", "chanspy", "followme",
    "zapateller",
)  # fmt: skip
_TABLE = """
    CREATE TEMP TABLE event (seq BIGINT, line BIGINT, type VARCHAR, moment DOUBLE, cid_name VARCHAR, num VARCHAR,
        dnid VARCHAR, exten VARCHAR, context VARCHAR, channel VARCHAR, app VARCHAR, data VARCHAR, uid VARCHAR,
        lid VARCHAR, extra VARCHAR)
"""
# In the hour that comes twice an event belongs to the first one that is not before its channel, whose id holds a time.
_DATED = """
    CREATE OR REPLACE TEMP TABLE dated AS
    WITH stamped AS (
        SELECT *, CASE WHEN regexp_full_match(eventtime, '[0-9]{9,10}([.][0-9]*)?')
                       THEN try_cast(eventtime AS DOUBLE) END AS epoch_s,
               CASE WHEN regexp_matches(eventtime, '^[12][0-9]{3}-')
                    THEN try_cast(eventtime AS TIMESTAMP) END AS stamp,
               try_cast(regexp_extract(uniqueid, '([0-9]{9,10})\\.[0-9]+$', 1) AS BIGINT) AS made_s
        FROM block
    ), zoned AS (
        SELECT *, epoch(timezone($zone, stamp)) AS stamp_s FROM stamped
    )
    SELECT * EXCLUDE (id), coalesce(try_cast(id AS BIGINT), line) AS seq,
           coalesce(epoch_s, CASE
               WHEN timezone($zone, to_timestamp(stamp_s - 3600)) = stamp AND stamp_s - 3600 >= made_s - 2
                   THEN stamp_s - 3600
               WHEN timezone($zone, to_timestamp(stamp_s + 3600)) = stamp AND stamp_s < made_s - 2 THEN stamp_s + 3600
               ELSE stamp_s END) AS moment,
           CASE WHEN epoch_s IS NULL AND stamp IS NULL THEN 'the time is none: ' || coalesce(eventtime, 'empty')
                WHEN coalesce(epoch_s, stamp_s) NOT BETWEEN 788918400 AND 4102444800
                    THEN 'the clock was not set: ' || eventtime
                WHEN coalesce(uniqueid, '') = '' THEN 'no unique id'
                WHEN NOT regexp_full_match(eventtype, '[A-Z_]{3,30}') THEN 'unknown event: ' || eventtype
           END AS bad
    FROM zoned
"""
_LOAD = """
    INSERT INTO event SELECT seq, line, eventtype, moment, cid_name, cid_num, cid_dnid, coalesce(exten, ''), context,
        coalesce(channame, ''), appname, appdata, uniqueid, coalesce(nullif(linkedid, ''), uniqueid), extra
    FROM dated WHERE bad IS NULL AND eventtype IN {kept}
""".replace("{kept}", str(tuple(sorted(EVENTS - {"USER_DEFINED", "STREAM_BEGIN", "STREAM_END", "DTMF", "APP_END"}))))
_BAD = "SELECT line, bad, eventtype, eventtime, channame, uniqueid FROM dated WHERE bad IS NOT NULL ORDER BY line"
_UNFINISHED = "SELECT line, begins, uid FROM unfinished ORDER BY line"


def legs(blocks: Iterable[delimited.Block], name: str, zone: str, columns: Mapping[str, str]) -> Iterator[Read]:
    """columns: those of COLUMNS that the blocks have → how they call them. Bad rows come at once; then, when all is
    read, calls that the log tells only a part of, and the legs."""
    with _scratch() as con:
        con.execute(_TABLE)
        position = 0
        for block in blocks:
            position = block.position
            told = _told(con, block, name, zone, columns)
            yield Read(nothing(), (*block.bad, *told), position)
        _join(con)
        yield Read(nothing(), tuple(_cut(con, name)), position)
        for batch in con.execute("FROM told_leg").to_arrow_reader(ROWS_AT_ONCE):
            rows = pa.Table.from_batches([batch])
            made = {column: rows[column] for column in rows.column_names}
            yield Read(table(file=pa.array([name] * len(rows), pa.string()), **made), (), position)


def _told(
    con: duckdb.DuckDBPyConnection, block: delimited.Block, name: str, zone: str, columns: Mapping[str, str]
) -> list[Bad]:
    """Keep the events of a block; those that cannot be one."""
    empty = pa.nulls(len(block.lines), pa.string())
    rows = {c: block.columns[columns[c]] if c in columns else empty for c in COLUMNS}
    con.register("block", pa.table({**rows, "line": block.lines}))
    con.execute(_DATED, {"zone": zone})
    con.unregister("block")
    con.execute(_LOAD)
    wrong = con.execute(_BAD).fetchmany(delimited.BAD_PER_BLOCK_MAX)
    return [Bad(name, line, reason[:200], _shown(raw)) for line, reason, *raw in wrong]


def _shown(raw: Iterable[str | None]) -> str:
    return ",".join(text or "" for text in raw)[: delimited.RAW_CHARS_MAX]


def _join(con: duckdb.DuckDBPyConnection) -> None:
    found = con.execute("SELECT count(*) > 0 FROM event WHERE type = 'BRIDGE_ENTER'").fetchone()
    bridges = str(bool(found and found[0])).lower()
    for statement in _statements():
        if statement.startswith("-- (repeated)"):
            for _ in range(JOINS_MAX):
                changed = con.execute(statement).fetchone()
                if not changed or not changed[0]:
                    break
        else:
            con.execute(statement.replace("{bridges}", bridges).replace("{stages}", str(_STAGES)))


def _cut(con: duckdb.DuckDBPyConnection, name: str) -> Iterator[Bad]:
    """Calls of which the log does not have the beginning or the end: a longer log, or the CDR, knows them."""
    for line, begins, uid in con.execute(_UNFINISHED).fetchmany(delimited.BAD_PER_BLOCK_MAX):
        what = "the log does not say how this call ended" if begins else "the log begins in the middle of this call"
        yield Bad(name, line, what, uid)


@contextmanager
def _scratch() -> Iterator[duckdb.DuckDBPyConnection]:
    with tempfile.TemporaryDirectory() as spill, duckdb.connect() as con:
        con.execute("SET TimeZone='UTC'; SET threads=2; SET enable_progress_bar=false")
        con.execute("SET memory_limit=?", [MEMORY])
        con.execute("SET temp_directory=?", [spill])
        yield con


@cache
def _statements() -> tuple[str, ...]:
    text = (files("ingest.imports") / "sql" / "cel.sql").read_text()
    return tuple(s for s in (part.strip() for part in text.split(";\n")) if s)
