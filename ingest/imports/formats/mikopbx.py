"""MikoPBX: the table cdr_general of its SQLite database, one row per attempt to reach somebody.

Times are local without a zone; the unique ids (mikopbx-1511372648.40_x) begin with the second of the channel, which
tells the zone and which of two equal hours is meant when the clock goes back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from ingest.imports import asterisk, sqlite, values
from ingest.imports.raw import Bad, Evidence, Read, table
from pbx_core.errors import InputError

TABLE = "cdr_general"
NEEDED = ("start", "src_num", "dst_num", "uniqueid", "linkedid", "disposition")
ROWS_LOOKED_AT = 400
RAW_CHARS_MAX = 2000  # of a bad row are kept
DISPOSITIONS = {
    "ANSWERED": "answered",
    "ANSWER": "answered",
    "NOANSWER": "no_answer",
    "NO ANSWER": "no_answer",
    "BUSY": "busy",
    "CANCEL": "cancelled",
    "CANCELLED": "cancelled",
    "FAILED": "failed",
    "CONGESTION": "failed",
    "CHANUNAVAIL": "failed",
}
_STAMP = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(\.\d+)?")
# DuckDB knows infinite times, too.
_STAMP_AT = """
    CREATE OR REPLACE TEMP MACRO stamp_at(value) AS
    CASE WHEN regexp_matches(value, '^[0-9]{4}-') THEN try_cast(value AS TIMESTAMP) END
"""
_EPOCH = r"([0-9]{9,10})\.[0-9]+"
_WORDS = " ".join(f"WHEN '{word}' THEN '{ours}'" for word, ours in DISPOSITIONS.items())
OPTIONAL = (
    "id", "endtime", "answer", "src_chan", "dst_chan", "src_name", "did", "recordingfile", "from_account", "to_account",
    "dialstatus", "appname", "is_app", "duration", "billsec", "transfer", "a_transfer", "dtmf_digits",
)  # fmt: skip

# An application (queue, menu, voicemail) that took the call is nobody of ours: its row has no channel at the far end.
_ROWS = f"""
    WITH timed AS (
        SELECT *, coalesce(try_cast(id_ AS BIGINT), 0) AS line, stamp_at(start_) AS start_at,
               stamp_at(endtime_) AS end_at,
               stamp_at(answer_) AS answer_at,
               epoch(timezone($zone, stamp_at(start_))) AS start_s,
               try_cast(regexp_extract(uniqueid_, '{_EPOCH}', 1) AS BIGINT) AS made_s,
               seconds(duration_) AS took_s, seconds(billsec_) AS talk_s,
               coalesce(is_app_, '') IN ('1', 'true') OR starts_with(dst_chan_, 'App:') AS app
        FROM block
    ), dated AS (
        SELECT *, CASE WHEN made_s - start_s BETWEEN 3540 AND 3602
                            AND timezone($zone, to_timestamp(start_s + 3600)) = start_at
                       THEN timezone($zone, start_at) + INTERVAL 1 HOUR
                       WHEN start_s - 3600 - made_s BETWEEN -2 AND 60
                            AND timezone($zone, to_timestamp(start_s - 3600)) = start_at
                       THEN timezone($zone, start_at) - INTERVAL 1 HOUR
                       ELSE timezone($zone, start_at) END AS started
        FROM timed
    )
    SELECT line, uniqueid_ AS unique_id, linkedid_ AS linked_id, src_num_ AS src, nullif(src_name_, '') AS src_name,
           dst_num_ AS dst, nullif(did_, '') AS did,
           CASE WHEN lower(appname_) = 'ivr' THEN 'ivr-' || dst_num_
                WHEN app AND dst_num_ = 'outworktimes' THEN dst_num_ END AS context, coalesce(src_chan_, '') AS channel,
           CASE WHEN app THEN '' ELSE dst_chan_ END AS peer_channel, nullif(appname_, '') AS last_app,
           CASE WHEN app THEN dst_num_ END AS last_data,
           started AS started_at, started + coalesce(end_at - start_at, to_seconds(coalesce(took_s, 0))) AS ended_at,
           CASE WHEN upper(disposition_) IN ('ANSWERED', 'ANSWER') THEN started + coalesce(
               answer_at - start_at, to_seconds(greatest(0, coalesce(took_s, 0) - coalesce(talk_s, 0)))) END
               AS answered_at,
           coalesce(took_s, epoch(end_at - start_at)) AS duration_s, coalesce(talk_s, 0) AS bill_s,
           CASE upper(disposition_) {_WORDS} ELSE 'failed' END AS disposition,
           coalesce(nullif(dialstatus_, ''), disposition_) AS cause,
           CASE WHEN from_account_ <> '' THEN 'inbound' WHEN to_account_ <> '' THEN 'outbound' END AS direction,
           CASE WHEN NOT app THEN dst_num_ END AS agent,
           coalesce(nullif(from_account_, ''), nullif(to_account_, '')) AS trunk_id,
           CASE WHEN lower(appname_) = 'queue' THEN dst_num_ END AS queue,
           lower(appname_) = 'voicemail' AND upper(disposition_) IN ('ANSWERED', 'ANSWER') AS voicemail,
           CASE WHEN a_transfer_ = '1' THEN 'attended' WHEN transfer_ = '1' THEN 'blind' END AS transferred,
           nullif(recordingfile_, '') AS recording, nullif(dtmf_digits_, '') AS menu_path,
           CASE WHEN start_at IS NULL THEN 'the start is no time: ' || coalesce(nullif(start_, ''), 'empty')
                WHEN year(start_at) NOT BETWEEN 1995 AND 2099 THEN 'the clock was not set: ' || start_
                WHEN coalesce(uniqueid_, '') = '' THEN 'no unique id' END AS bad,
           concat_ws('|', start_, src_num_, dst_num_, uniqueid_, disposition_) AS raw
    FROM dated
"""  # noqa: S608


class MikoPbx:
    """See the module."""

    name = "mikopbx"
    system = "mikopbx"
    title = "MikoPBX"
    rank = 1

    def sniff(self, path: Path) -> Evidence | None:
        """A SQLite database with the table."""
        if not sqlite.is_sqlite(path):
            return None
        columns = sqlite.columns(path, TABLE)
        if not all(name in columns for name in NEEDED):
            return None
        looked_at = sqlite.some(path, TABLE, (columns["start"], columns["uniqueid"]), ROWS_LOOKED_AT)
        says = (f"It is a SQLite database with the table {TABLE} of {len(columns)} columns.",)
        return Evidence(
            self.name, 1.0, TABLE, None, says, "In which time zone is this exchange?", clock=_clock(looked_at)
        )

    def read(self, path: Path, name: str, found: Evidence) -> Iterator[Read]:
        """The rows of the table; the line is the row's id."""
        columns = sqlite.columns(path, TABLE)
        if not all(c in columns for c in NEEDED):
            raise InputError(f"{name} has no table {TABLE} that could be read.", error_id="bad_file")
        known = {f"{c}_": columns[c] for c in (*NEEDED, *OPTIONAL) if c in columns}
        missing = [f"{c}_" for c in OPTIONAL if c not in columns]
        with duckdb.connect() as con:
            con.execute("SET TimeZone='UTC'")
            con.execute(values.SECONDS_SQL)
            con.execute(_STAMP_AT)
            for block in sqlite.blocks(path, TABLE, known):
                for name_ in missing:
                    block = block.append_column(name_, pa.nulls(len(block), pa.string()))
                con.register("block", block)
                yield _read(con.execute(_ROWS, {"zone": found.zone}).to_arrow_table(), name, path.stat().st_size)


def _clock(rows: list[tuple[str, ...]]) -> tuple[tuple[int, int], ...]:
    """As the frame's zone finder wants it: the first row of each channel."""
    stamps = ((m.group(1) if (m := _STAMP.match(start)) else "", unique) for start, unique in rows)
    plain = ((stamp, f"{m.group(1)}.0") for stamp, unique in stamps if (m := re.search(_EPOCH, unique)))
    return asterisk.clock_of(plain)


def _read(rows: pa.Table, name: str, size: int) -> Read:
    wrong = rows.filter(pa.compute.is_valid(rows["bad"])).select(["line", "bad", "raw"]).to_pylist()
    rows = rows.filter(pa.compute.is_null(rows["bad"])).drop_columns(["bad", "raw"])
    columns = {column: rows[column] for column in rows.column_names}
    bad = tuple(Bad(name, row["line"], row["bad"][:200], row["raw"][:RAW_CHARS_MAX]) for row in wrong)
    return Read(table(file=pa.array([name] * len(rows), pa.string()), **columns), bad, size)


FORMAT = MikoPbx()
