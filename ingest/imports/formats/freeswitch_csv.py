"""FreeSWITCH's cdr-csv: Master.csv, and the file per account code beside it, in any of the shipped templates.

The templates are plain text with variables put in: quotes inside a value are not escaped, so no CSV reader can be
trusted with them. Lines are cut at `","` instead; which template a line follows is seen by the number of its pieces and
by where its times stand. What is too many pieces belongs to the caller's name, the one field that outsiders write.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from ingest.imports import freeswitch, lines, values
from ingest.imports.raw import Bad, Evidence, Read, table

LINES_LOOKED_AT = 200
MEMORY = "400MB"  # of DuckDB: a block of lines and the ids of the file
RAW_CHARS_MAX = 2000  # of a bad line are kept


def _words(text: str) -> list[str]:
    return text.split()


_EXAMPLE = _words(
    "src_name src dst context start answer end duration billsec cause uuid bleg account read_codec write_codec"
)
TEMPLATES: dict[str, list[str]] = {
    "example": _EXAMPLE,
    "default": _EXAMPLE[:13],  # compiled in; also inside the SQL statement of template `sql`
    "linksys": [*_EXAMPLE, "user_agent", "rtp_stat"],
    "snom": [*_EXAMPLE, "user_agent", "client_code", "rx_stat", "tx_stat", "record_file"],
    "asterisk": _words(
        "account src dst context caller_id channel bridge_channel last_app last_arg start answer end duration billsec "
        "cause amaflags uuid userfield"
    ),
    "opencdrrate": _words(
        "uuid bleg direction src dst answer end billsec account userfield network_addr name_start gateway"
    ),
}
_OF_NAME = ("example", "default", "linksys", "snom")  # begin with the caller's name
_FIELDS = _words(
    "src dst context start answer end duration billsec cause uuid bleg account read_codec channel bridge_channel "
    "last_app last_arg userfield record_file gateway"
)
_STAMP = r"^(?:199\d|20\d\d)-\d\d-\d\d \d\d:\d\d:\d\d$"
_UUID = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"


def _at(field: str) -> str:
    """SQL of a field: where it stands in the line's template. Null where the template has no such field."""
    plain = [
        f"WHEN '{n}' THEN p[{f.index(field) + 1}]" for n, f in TEMPLATES.items() if n not in _OF_NAME and field in f
    ]
    named = TEMPLATES["snom"].index(field) + 1 if field in TEMPLATES["snom"] else 0
    named = f"p[{named} + more]" if named else "NULL"
    absent = " ".join(f"WHEN '{n}' THEN NULL" for n, f in TEMPLATES.items() if n not in _OF_NAME and field not in f)
    return f"CASE template {' '.join(plain)} {absent} ELSE {named} END"


def _is(template: str) -> str:
    """SQL of whether the pieces p follow a template."""
    fields = TEMPLATES[template]
    size = len(fields)
    more = f"len(p) - {size}" if template in _OF_NAME else "0"
    fits = f"len(p) {'>=' if template in _OF_NAME else '='} {size}"
    uuid, end = fields.index("uuid") + 1, fields.index("end") + 1
    return f"{fits} AND regexp_matches(p[{uuid} + {more}], '{_UUID}') AND regexp_matches(p[{end} + {more}], '{_STAMP}')"


def _one_of(field: str, template: str) -> str:
    """SQL of a field of a line that has exactly the pieces of a template."""
    places = " ".join(f"WHEN '{n}' THEN {f.index(field) + 1}" for n, f in TEMPLATES.items())
    return f"p[CASE {template} {places} END]"


_BY_SIZE = " ".join(
    f"WHEN {len(f)} THEN "
    + ("CASE WHEN length(p[1]) = 36 THEN 'opencdrrate' ELSE 'default' END" if len(f) == 13 else f"'{n}'")
    for n, f in TEMPLATES.items()
    if n != "opencdrrate"
)
_LONGEST_FIRST = sorted(TEMPLATES, key=lambda n: -len(TEMPLATES[n]))
_SIZE = " ".join(f"WHEN '{n}' THEN {len(f)}" for n, f in TEMPLATES.items())
# p: the pieces of a line. A line of template `sql` is one of `default` inside a statement.
_SHAPED = f"""
    CREATE OR REPLACE TEMP TABLE shaped AS
    WITH body AS (
        SELECT line, text, CASE WHEN starts_with(text, 'INSERT INTO')
               THEN regexp_replace(text, '^INSERT INTO \\w+ VALUES \\((.*)\\);\\s*$', '\\1') ELSE trim(text) END AS body
        FROM block WHERE trim(text) <> ''
    ), bare AS (
        SELECT line, text, CASE WHEN starts_with(body, '"') AND ends_with(body, '"') AND length(body) > 1
               THEN substr(body, 2, length(body) - 2) END AS bare FROM body
    ), cut AS (
        SELECT line, text,
               string_split(CASE WHEN contains(bare, '", "') THEN replace(bare, '", "', '","') ELSE bare END,
                            '","') AS p
        FROM bare
    ), guess AS (
        SELECT *, CASE len(p) {_BY_SIZE} END AS guess,
               {_one_of("uuid", "guess")} AS uuid, {_one_of("end", "guess")} AS "end"
        FROM cut
    ), sure AS (
        SELECT line, text, p, CASE WHEN regexp_matches(uuid, '{_UUID}') AND regexp_matches("end", '{_STAMP}')
               THEN guess END AS guess FROM guess
    ), told AS (
        SELECT line, text, p, CASE WHEN guess IS NOT NULL THEN guess
            {" ".join(f"WHEN {_is(n)} THEN '{n}'" for n in _LONGEST_FIRST)} END AS template FROM sure
    )
    SELECT *, len(p) - CASE template {_SIZE} END AS more FROM told
"""  # noqa: S608
_ROWS = f"""
    WITH field AS (
        SELECT line, template, CASE WHEN template IN {_OF_NAME} THEN array_to_string(p[1 : 1 + more], '","')
                 ELSE regexp_extract({_at("caller_id")}, '^"(.*)" <', 1) END AS src_name,
               {", ".join(f"{_at(f)} AS {f}_" for f in _FIELDS)}
        FROM shaped WHERE template IS NOT NULL
    ), timed AS (
        SELECT *, timezone($zone, try_strptime(end_, '%Y-%m-%d %H:%M:%S')) AS ended_at,
               seconds(duration_) AS given_s,
               CASE WHEN coalesce(answer_, '') <> '' THEN coalesce(seconds(billsec_), 0) END AS talk_s,
               timezone($zone, try_strptime(start_, '%Y-%m-%d %H:%M:%S')) AS stamped_at
        FROM field
    )
    SELECT line, uuid_ AS unique_id, bleg_ AS peer_unique_id, account_ AS account, src_ AS src, src_name, dst_ AS dst,
           context_ AS context, channel_ AS channel,
           CASE WHEN parent.first <> uuid_ THEN NULL WHEN template = 'asterisk' THEN bridge_channel_
                WHEN bleg_ = '' THEN '' END AS peer_channel,
           CASE WHEN parent.first <> uuid_ THEN dst_ END AS agent, last_app_ AS last_app,
           last_arg_ AS last_data, ended_at,
           coalesce(given_s, seconds(epoch(ended_at - stamped_at)), talk_s, 0) AS duration_s,
           ended_at - to_seconds(coalesce(given_s, seconds(epoch(ended_at - stamped_at)), talk_s, 0)) AS started_at,
           ended_at - to_seconds(talk_s) AS answered_at, coalesce(talk_s, 0) AS bill_s,
           {freeswitch.disposition_sql("talk_s IS NOT NULL", "coalesce(cause_, 'NO_ANSWER')")} AS disposition,
           cause_ AS cause, CASE WHEN context_ = 'public' THEN 'inbound' END AS direction,
           gateway_ AS trunk_id, read_codec_ AS codec,
           record_file_ AS recording, userfield_ AS user_field, last_app_ = 'voicemail' AS voicemail,
           CASE WHEN bleg_ = parent.first THEN least(uuid_, bleg_) ELSE coalesce(parent.first, uuid_) END AS linked_id
    FROM timed LEFT JOIN parent ON parent.uuid = timed.uuid_ WHERE ended_at IS NOT NULL ORDER BY line
"""  # noqa: S608
_BAD = """
    SELECT line, text, CASE WHEN NOT starts_with(trim(text), '"') AND NOT starts_with(text, 'INSERT INTO')
                                THEN 'the line does not begin with a quote'
                            WHEN p IS NULL THEN 'the line is cut: its last quote is missing'
                            ELSE 'the line follows none of the templates' END AS reason
    FROM shaped WHERE template IS NULL OR try_strptime({end}, '%Y-%m-%d %H:%M:%S') IS NULL ORDER BY line
"""
# Every template that names both legs has them side by side. 16 bytes for an id: they are kept of the whole file.
_LINKS = rf"""
    INSERT INTO link SELECT try_cast(ids[1] AS UUID), try_cast(ids[2] AS UUID) FROM (
        SELECT list_filter(string_split(substr(text, 2), '","'), lambda piece: length(piece) = 36) AS ids FROM block
    ) WHERE len(ids) >= 1 AND regexp_matches(ids[1], '{_UUID}')
"""  # noqa: S608
_PARENTS = """
    CREATE TEMP TABLE parent AS
    SELECT l.b::VARCHAR AS uuid, min(l.a)::VARCHAR AS first
    FROM link AS l SEMI JOIN link AS own ON l.b = own.a GROUP BY l.b
"""


class FreeswitchCsv:
    """See the module."""

    name = "freeswitch-csv"
    system = freeswitch.SYSTEM
    title = "FreeSWITCH cdr-csv"
    rank = 1

    def sniff(self, path: Path) -> Evidence | None:
        """A line is FreeSWITCH's when it has the pieces of a template, with a UUID and the times at their places."""
        if ".csv" not in path.name.lower() and path.suffix.lower() not in (".log", ".sql", ".txt"):
            return None
        texts = [t for t in lines.first(path, LINES_LOOKED_AT) if t.strip()]
        found = [name for name in map(_template_of, texts) if name]
        if not texts or len(found) * 2 < len(texts):
            return None
        counts = {name: found.count(name) for name in dict.fromkeys(found)}
        variant = max(counts, key=lambda n: counts[n])
        says = [f"{count} of {len(texts)} lines follow the template {name}." for name, count in counts.items()]
        says.append("Its times carry no zone, and its ids hold no time to compare with.")
        return Evidence(
            self.name,
            0.5 + 0.5 * len(found) / len(texts),
            variant,
            None,
            tuple(says),
            "In which time zone did this FreeSWITCH run?",
        )

    def read(self, path: Path, name: str, found: Evidence) -> Iterator[Read]:
        """The rows of a file, whatever template each of its lines follows."""
        with tempfile.TemporaryDirectory() as spill, duckdb.connect() as con:
            con.execute("SET TimeZone='UTC'")
            con.execute(values.SECONDS_SQL)
            con.execute("SET memory_limit=?", [MEMORY])
            con.execute("SET temp_directory=?", [spill])
            _note_links(con, path)
            for block in lines.blocks(path):
                yield _read(con, block, name, found)


def _template_of(text: str) -> str:
    """The template that a line follows; empty when it follows none."""
    body = re.sub(r"^INSERT INTO \w+ VALUES \((.*)\);\s*$", r"\1", text).strip()
    if len(body) < 2 or body[0] != '"' or body[-1] != '"':
        return ""
    pieces = body[1:-1].replace('", "', '","').split('","')
    for name, fields in sorted(TEMPLATES.items(), key=lambda t: -len(t[1])):
        more = len(pieces) - len(fields)
        if more < 0 or (more and name not in _OF_NAME):
            continue
        if re.match(_UUID, pieces[fields.index("uuid") + more]) and re.match(
            _STAMP, pieces[fields.index("end") + more]
        ):
            return name
    return ""


def _note_links(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Which B leg belongs to which A leg: B legs have rows of their own where the exchange logs them (legs=ab)."""
    con.execute("CREATE TEMP TABLE link (a UUID, b UUID)")
    for block in lines.blocks(path):
        con.register("block", block.rows)
        con.execute(_LINKS)
    con.execute(_PARENTS)
    con.execute("DROP TABLE link")


def _read(con: duckdb.DuckDBPyConnection, block: lines.Block, name: str, found: Evidence) -> Read:
    con.register("block", block.rows)
    con.execute(_SHAPED)
    rows = con.execute(_ROWS, {"zone": found.zone}).to_arrow_table()
    bad = con.execute(_BAD.format(end=_at("end"))).fetchall()
    columns = {column: rows[column] for column in rows.column_names}
    return Read(
        table(file=pa.array([name] * len(rows), pa.string()), **columns),
        tuple(Bad(name, line, reason, text[:RAW_CHARS_MAX]) for line, text, reason in bad),
        block.position,
    )


FORMAT = FreeswitchCsv()
