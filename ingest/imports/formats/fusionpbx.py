"""FusionPBX: its table v_xml_cdr, as CSV with the names in the first line, as a SQLite database, or in a plain dump of
PostgreSQL. One row per leg.

Times are taken from the epochs beside the stamps. One FusionPBX serves many customers (domains); which one is meant is
asked when the rows speak of several.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Container, Iterator, Mapping
from pathlib import Path

import duckdb
import pyarrow as pa

from ingest.imports import delimited, dump, freeswitch, sample, sqlite, values
from ingest.imports.raw import Bad, Evidence, Read, table
from pbx_core.errors import InputError

TABLE = "v_xml_cdr"
NEEDED = ("xml_cdr_uuid", "start_epoch", "duration", "destination_number", "hangup_cause")
OPTIONAL = (
    "domain_name", "direction", "caller_id_name", "caller_id_number", "caller_destination", "source_number", "context",
    "answer_epoch", "end_epoch", "billsec", "mduration", "billmsec", "bridge_uuid", "read_codec", "record_path",
    "record_name", "recording_file", "originating_leg_uuid", "rtp_audio_in_mos", "last_app", "last_arg",
    "voicemail_message", "hold_accum_seconds", "cc_side", "cc_queue", "cc_member_session_uuid", "cc_agent",
    "cc_agent_bridged", "cc_queue_joined_epoch", "cc_queue_answered_epoch", "cc_queue_terminated_epoch",
    "cc_queue_canceled_epoch", "cc_cancel_reason", "sip_hangup_disposition", "digits_dialed", "ivr_menu_uuid",
    "accountcode",
)  # fmt: skip
EVERY_DOMAIN = "*"
DOMAINS_SHOWN = 20
ROWS_LOOKED_AT = 2000
RAW_CHARS_MAX = 2000  # of a bad row are kept

# Seconds since 1970; null for 0 (it never came to that) and for times in which no exchange stood.
_MOMENT = """
    CREATE OR REPLACE TEMP MACRO moment_s(value) AS
    CASE WHEN try_cast(value AS DOUBLE) BETWEEN 788918400 AND 4102444800 THEN try_cast(value AS DOUBLE) END
"""
_REASONS = " ".join(f"WHEN '{word}' THEN '{ours}'" for word, ours in freeswitch.CANCEL_REASON.items())
# A leg that was answered but bridged to nobody talked to a machine. The agent's leg of a queue belongs to its caller's.
_ROWS = f"""
    WITH numbered AS (
        SELECT *, moment_s(start_epoch_) AS start_s,
               moment_s(answer_epoch_) AS answer_s,
               coalesce(seconds(try_cast(mduration_ AS DOUBLE) / 1000), seconds(duration_)) AS took_s,
               coalesce(seconds(try_cast(billmsec_ AS DOUBLE) / 1000), seconds(billsec_)) AS talk_s,
               moment_s(cc_queue_joined_epoch_) AS joined_s,
               moment_s(cc_queue_answered_epoch_) AS taken_s,
               coalesce(moment_s(cc_queue_canceled_epoch_),
                        moment_s(cc_queue_terminated_epoch_)) AS left_s,
               coalesce(cc_side_, '') = 'agent' AS of_agent, coalesce(cc_queue_, '') <> '' AS queued,
               CASE lower(direction_) WHEN 'local' THEN 'internal' WHEN 'inbound' THEN 'inbound'
                    WHEN 'outbound' THEN 'outbound' END AS ours
        FROM block WHERE $domain = '{EVERY_DOMAIN}' OR domain_name_ = $domain
    )
    SELECT line, xml_cdr_uuid_ AS unique_id,
           coalesce(nullif(originating_leg_uuid_, ''), CASE WHEN of_agent THEN nullif(cc_member_session_uuid_, '') END,
                    xml_cdr_uuid_) AS linked_id,
           nullif(bridge_uuid_, '') AS peer_unique_id, coalesce(nullif(accountcode_, ''), domain_name_) AS account,
           coalesce(nullif(caller_id_number_, ''), source_number_) AS src, nullif(caller_id_name_, '') AS src_name,
           destination_number_ AS dst, CASE WHEN ours = 'inbound' THEN nullif(caller_destination_, '') END AS did,
           context_ AS context, nullif(last_app_, '') AS last_app, nullif(last_arg_, '') AS last_data,
           CASE WHEN of_agent AND lower(cc_agent_bridged_) <> 'true' THEN ''
                WHEN NOT of_agent AND queued AND taken_s IS NULL AND coalesce(bridge_uuid_, '') = '' THEN ''
                WHEN NOT queued AND coalesce(bridge_uuid_, '') = '' AND coalesce(originating_leg_uuid_, '') = ''
                     AND coalesce(last_app_, '') NOT IN ('conference', 'intercept', 'callcenter') THEN '' END
               AS peer_channel,
           to_timestamp(start_s) AS started_at, to_timestamp(start_s + took_s) AS ended_at,
           CASE WHEN answer_s IS NOT NULL THEN to_timestamp(coalesce(start_s + took_s - talk_s, answer_s)) END
               AS answered_at,
           took_s AS duration_s, coalesce(talk_s, 0) AS bill_s, seconds(hold_accum_seconds_) AS hold_s,
           {freeswitch.disposition_sql("answer_s IS NOT NULL", "hangup_cause_")} AS disposition, hangup_cause_ AS cause,
           ours AS direction,
           CASE WHEN of_agent THEN destination_number_ WHEN queued AND taken_s IS NOT NULL
                THEN nullif(split_part(cc_agent_, '@', 1), '') END AS agent,
           CASE WHEN NOT of_agent AND queued THEN split_part(cc_queue_, '@', 1) END AS queue,
           CASE WHEN NOT of_agent AND queued THEN greatest(0, coalesce(taken_s, left_s) - joined_s) END AS queue_wait_s,
           CASE WHEN of_agent OR NOT queued THEN NULL WHEN taken_s IS NOT NULL THEN 'answered'
                ELSE CASE upper(cc_cancel_reason_) {_REASONS} ELSE 'abandoned' END END AS queue_result,
           lower(coalesce(voicemail_message_, '')) IN ('true', 't', '1') AS voicemail,
           CASE WHEN NOT of_agent AND coalesce(originating_leg_uuid_, '') = ''
                THEN {freeswitch.hangup_party_sql("sip_hangup_disposition_")} END AS hangup_party,
           try_cast(rtp_audio_in_mos_ AS DOUBLE) AS mos, nullif(read_codec_, '') AS codec,
           coalesce(nullif(concat_ws('/', nullif(record_path_, ''), nullif(record_name_, '')), record_path_),
                    nullif(recording_file_, '')) AS recording,
           CASE WHEN coalesce(ivr_menu_uuid_, '') <> '' AND regexp_full_match(digits_dialed_, '[0-9*#]+')
                THEN array_to_string(string_split(digits_dialed_, ''), ',') END AS menu_path,
           CASE WHEN coalesce(xml_cdr_uuid_, '') = '' THEN 'no uuid'
                WHEN start_s IS NULL THEN 'the start is no time'
                WHEN took_s IS NULL THEN 'the duration is no number of seconds'
           END AS bad, concat_ws('|', xml_cdr_uuid_, start_epoch_, caller_id_number_, destination_number_) AS raw
    FROM numbered
"""  # noqa: S608


class FusionPbx:
    """variant: what holds the rows (csv, sqlite, dump), a colon, and the domain whose rows are taken."""

    name = "fusionpbx"
    system = freeswitch.SYSTEM
    title = "FusionPBX"
    rank = 4  # it knows queues, recordings and directions

    def sniff(self, path: Path) -> Evidence | None:
        """By the names of the columns."""
        if sqlite.is_sqlite(path):
            columns = sqlite.columns(path, TABLE)
            if not set(columns) >= set(NEEDED):
                return None
            named = [columns["domain_name"]] if "domain_name" in columns else []
            domains = [row[0] for row in sqlite.some(path, TABLE, named, ROWS_LOOKED_AT)] if named else []
            return self._evidence("sqlite", len(columns), domains)
        dumped = dump.sample(path, TABLE)
        if dumped is not None:
            return self._of_rows("dump", *dumped)
        rows = sample.rows(path)
        head = [name.strip().lower() for name in rows[0]] if rows else []
        return self._of_rows("csv", head, rows[1:])

    def _of_rows(self, kind: str, head: list[str], rows: list[list[str]]) -> Evidence | None:
        if not set(head) >= set(NEEDED):
            return None
        place = head.index("domain_name") if "domain_name" in head else None
        domains = [] if place is None else [row[place] for row in rows if len(row) == len(head)]
        return self._evidence(kind, len(head), domains)

    def _evidence(self, kind: str, columns: int, domains: list[str]) -> Evidence:
        says = [f"{columns} columns, named as those of FusionPBX's table {TABLE}; times are seconds since 1970."]
        found = [name for name, _ in Counter(filter(None, domains)).most_common(DOMAINS_SHOWN)]
        if len(found) < 2:
            return Evidence(self.name, 1.0, f"{kind}:{EVERY_DOMAIN}", "UTC", tuple(says))
        says.append(f"It holds calls of {len(found)} domains or more: {', '.join(found[:5])}.")
        options = {f"{kind}:{name}": f"only the calls of {name}" for name in found}
        options[f"{kind}:{EVERY_DOMAIN}"] = "the calls of all of them"
        question = "The calls of which domain are this tenant's?"
        return Evidence(self.name, 0.6, f"{kind}:{EVERY_DOMAIN}", "UTC", tuple(says), question, options)

    def read(self, path: Path, name: str, found: Evidence) -> Iterator[Read]:
        """The rows of the chosen domain."""
        kind, _, domain = found.variant.partition(":")
        with duckdb.connect() as con:
            con.execute("SET TimeZone='UTC'")
            con.execute(values.SECONDS_SQL)
            con.execute(_MOMENT)
            for rows, bad, position in _PIECES[kind](path, name):
                con.register("block", rows)
                told = con.execute(_ROWS, {"domain": domain or EVERY_DOMAIN}).to_arrow_table()
                yield _read(told, bad, name, position)


_Piece = tuple[pa.Table, tuple[Bad, ...], int]


def _sqlite(path: Path, name: str) -> Iterator[_Piece]:
    columns = sqlite.columns(path, TABLE)
    _check(columns, name)
    known = {f"{c}_": columns[c] for c in (*NEEDED, *OPTIONAL) if c in columns}
    line, size = 1, path.stat().st_size
    for block in sqlite.blocks(path, TABLE, known):
        yield _filled(block, line), (), size
        line += len(block)


def _check(names: Container[str], file: str) -> None:
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise InputError(f"{file} lacks the columns {', '.join(missing)}.", error_id="bad_file")


def _csv(path: Path, name: str) -> Iterator[_Piece]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        reader = csv.reader(file)
        try:
            head = [column.strip().lower() for column in next(reader, [])]
        except csv.Error as error:
            raise InputError(f"{name} is no CSV: {error}.", error_id="bad_file") from error
        skip = reader.line_num
    _check(head, name)
    places: Mapping[str, int] = {c: head.index(c) for c in (*NEEDED, *OPTIONAL) if c in head}
    for block in delimited.blocks(path, name, delimited.Dialect((len(head),), skip_lines=skip)):
        rows = pa.table({f"{c}_": block.columns[f"c{place}"] for c, place in places.items()})
        yield _filled(rows.append_column("line", block.lines), None), block.bad, block.position


def _dump(path: Path, name: str) -> Iterator[_Piece]:
    _check(found[0] if (found := dump.sample(path, TABLE)) else (), name)
    for piece in dump.blocks(path, name, TABLE, (*NEEDED, *OPTIONAL)):
        rows = piece.rows.rename_columns([n if n == "line" else f"{n}_" for n in piece.rows.column_names])
        yield _filled(rows, None), piece.bad, piece.position


_PIECES = {"sqlite": _sqlite, "csv": _csv, "dump": _dump}


def _filled(rows: pa.Table, line: int | None) -> pa.Table:
    """The rows with all columns that the SQL asks for; line: number of the first one where they have none."""
    for name in (*NEEDED, *OPTIONAL):
        if f"{name}_" not in rows.column_names:
            rows = rows.append_column(f"{name}_", pa.nulls(len(rows), pa.string()))
    return rows if line is None else rows.append_column("line", pa.array(range(line, line + len(rows)), pa.int64()))


def _read(rows: pa.Table, bad: tuple[Bad, ...], name: str, position: int) -> Read:
    wrong = rows.filter(pa.compute.is_valid(rows["bad"])).select(["line", "bad", "raw"]).to_pylist()
    rows = rows.filter(pa.compute.is_null(rows["bad"])).drop_columns(["bad", "raw"])
    columns = {column: rows[column] for column in rows.column_names}
    more = tuple(Bad(name, row["line"], row["bad"][:200], row["raw"][:RAW_CHARS_MAX]) for row in wrong)
    return Read(table(file=pa.array([name] * len(rows), pa.string()), **columns), (*bad, *more), position)


FORMAT = FusionPbx()
