"""Asterisk's queue_log: what became of each caller in each queue, who was rung in vain, and what agents did.

A caller's visit to a queue is the lines of one call id and queue from an ENTERQUEUE on; of a visit that began in an
earlier file the entry is counted back from the wait that a later line tells. Times are epochs: there is no zone to ask.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from ingest.imports import lines, values
from ingest.imports.raw import ROWS_AT_ONCE, Bad, Evidence, Read, nothing, table

LINES_LOOKED_AT = 200
MEMORY = "400MB"  # of the file's lines while visits are put together; more of them wait on disk
RAW_CHARS_MAX = 2000  # of a bad line are kept

_LINE = re.compile(r"^\d{9,10}(\.\d{1,9})?\|[^|]*\|[^|]*\|[^|]*\|[A-Z_]+(\||$)")
# How a caller left a queue in which nobody took him → our result, and which data field holds his wait in seconds.
LEFT = {
    "ABANDON": ("abandoned", 3),
    "EXITWITHTIMEOUT": ("overflow", 3),
    "EXITWITHKEY": ("key", 4),
    "EXITEMPTY": ("empty", 3),
    "WITHDRAW": ("overflow", 3),  # somebody took him out of the queue by a command
    "FULL": ("overflow", 3),  # this and the next: as our own exchange writes them
    "CALLBACK": ("callback", 4),
}
OFFERED = {"CONNECT": "answered", "RINGNOANSWER": "no_answer", "RINGCANCELED": "cancelled"}
ENDED = ("COMPLETECALLER", "COMPLETEAGENT", "TRANSFER", "BLINDTRANSFER", "ATTENDEDTRANSFER")
OF_CALLS = ("ENTERQUEUE", *OFFERED, *ENDED, *LEFT)
OF_AGENTS = {
    "ADDMEMBER": "login",
    "REMOVEMEMBER": "logout",
    "AGENTLOGIN": "login",
    "AGENTLOGOFF": "logout",
    "AGENTCALLBACKLOGIN": "login",
    "AGENTCALLBACKLOGOFF": "logout",
    "PAUSE": "pause",
    "PAUSEALL": "pause",
    "UNPAUSE": "unpause",
    "UNPAUSEALL": "unpause",
    "WRAPUP": "wrap_up",  # our own exchange
}
NO_CALL = ("", "NONE", "REALTIME", "MANAGER")  # stand where no call has caused a line

_LOAD = """
    INSERT INTO event SELECT line, p[1]::DOUBLE, p[2], p[3], p[4], p[5], p[6:]
    FROM (SELECT line, string_split(text, '|') AS p, text FROM block) WHERE regexp_matches(text, $form)
"""
_BAD = "SELECT line, text FROM block WHERE trim(text) <> '' AND NOT regexp_matches(text, $form) ORDER BY line"
# The agent's number where the member is a device (SIP/1001, Local/1001@from-queue/n); else the member's name as it is.
_AGENT = "CASE WHEN contains({0}, '/') THEN regexp_extract({0}, '^[A-Za-z0-9]+/([^@/;-]+)', 1) ELSE {0} END"
_WAIT = "CASE event " + " ".join(f"WHEN '{e}' THEN data[{place}]" for e, (_, place) in LEFT.items()) + " END"
_RESULT = "CASE left_by " + " ".join(f"WHEN '{e}' THEN '{result}'" for e, (result, _) in LEFT.items()) + " END"
_VISITS = f"""
    WITH numbered AS (
        SELECT *, count(*) FILTER (event = 'ENTERQUEUE') OVER (PARTITION BY call_id, queue ORDER BY line) AS visit
        FROM event WHERE event IN {OF_CALLS} AND call_id NOT IN {NO_CALL}
    ), visit AS (
        SELECT call_id, queue, min(line) AS line, min(moment) AS first,
               min(moment) FILTER (event = 'ENTERQUEUE') AS entered,
               min(data[2]) FILTER (event = 'ENTERQUEUE') AS caller,
               min(moment) FILTER (event = 'CONNECT') AS connected,
               arg_min(member, line) FILTER (event IN {("CONNECT", *ENDED)}) AS member,
               arg_min(data[2], line) FILTER (event = 'CONNECT') AS bridged,
               arg_min(data[1], line) FILTER (event = 'CONNECT') AS held,
               max(moment) FILTER (event IN {ENDED}) AS ended,
               arg_max(event, line) FILTER (event IN {ENDED}) AS ended_by,
               arg_max(data[-3:-2], line) FILTER (event IN {ENDED}) AS told_s,  -- of the wait, of the talk
               arg_max(event, line) FILTER (event IN {tuple(LEFT)}) AS left_by,
               max(moment) FILTER (event IN {tuple(LEFT)}) AS left_at,
               arg_max(seconds({_WAIT}), line) FILTER (event IN {tuple(LEFT)}) AS waited,
               arg_max(data[1], line) FILTER (event = 'EXITWITHKEY') AS key
        FROM numbered GROUP BY call_id, queue, visit
    ), measured AS (
        SELECT * EXCLUDE (connected, held), coalesce(seconds(held), seconds(told_s[1])) AS held,
               seconds(told_s[2]) AS talked,
               coalesce(connected, ended - seconds(told_s[2])) AS connected
        FROM visit
    ), told AS (
        SELECT *, coalesce(entered, connected - held, left_at - waited, first) AS begun,
               coalesce(ended, CASE WHEN connected IS NULL THEN left_at END) AS over FROM measured
    )
    SELECT line, 'queue' AS kind, call_id AS unique_id, bridged AS peer_unique_id, caller AS src, queue AS dst, queue,
           to_timestamp(begun) AS started_at, to_timestamp(connected) AS answered_at, to_timestamp(over) AS ended_at,
           CASE WHEN connected IS NULL THEN '' END AS peer_channel, over - begun AS duration_s,
           CASE WHEN connected IS NOT NULL THEN coalesce(talked, ended - connected) END AS bill_s,
           {_AGENT.format("member")} AS agent,
           coalesce(held, connected - begun, waited, left_at - begun) AS queue_wait_s,
           CASE WHEN connected IS NOT NULL THEN 'answered' ELSE {_RESULT} END AS queue_result,
           CASE WHEN connected IS NOT NULL THEN 'answered' WHEN left_by = 'ABANDON' THEN 'cancelled'
                ELSE 'no_answer' END AS disposition, coalesce(ended_by, left_by) AS cause,
           CASE coalesce(ended_by, left_by) WHEN 'COMPLETECALLER' THEN 'caller' WHEN 'ABANDON' THEN 'caller'
                WHEN 'COMPLETEAGENT' THEN 'callee' END AS hangup_party,
           CASE WHEN ended_by IN ('TRANSFER', 'BLINDTRANSFER') THEN 'blind'
                WHEN ended_by = 'ATTENDEDTRANSFER' THEN 'attended' END AS transferred,
           CASE WHEN connected IS NULL THEN key END AS menu_path
    FROM told
"""  # noqa: S608
# One row for each ring of an agent's phone: answered, not, or taken back.
_OFFERS = f"""
    SELECT line, 'offer' AS kind, call_id AS unique_id, queue, {_AGENT.format("member")} AS agent,
           to_timestamp(moment - rung) AS started_at, to_timestamp(moment) AS ended_at, rung AS duration_s,
           CASE event {" ".join(f"WHEN '{e}' THEN '{ours}'" for e, ours in OFFERED.items())} END AS disposition
    FROM (SELECT *, coalesce(CASE event WHEN 'CONNECT' THEN seconds(data[3])
                                        ELSE seconds(data[1]) / 1000 END, 0) AS rung
          FROM event WHERE event IN {tuple(OFFERED)} AND call_id NOT IN {NO_CALL})
"""  # noqa: S608
_AGENTS = f"""
    SELECT line, 'agent' AS kind, to_timestamp(moment) AS started_at,
           CASE queue WHEN 'NONE' THEN '' ELSE queue END AS queue, {_AGENT.format("member")} AS agent,
           CASE WHEN event LIKE '%PAUSE%' OR event = 'WRAPUP' THEN data[1] END AS cause,
           CASE event {" ".join(f"WHEN '{e}' THEN '{ours}'" for e, ours in OF_AGENTS.items())} END AS last_app,
           CASE WHEN call_id NOT IN {NO_CALL} THEN call_id END AS unique_id
    FROM event WHERE event IN {tuple(OF_AGENTS)}
"""  # noqa: S608


class QueueLog:
    """See the module."""

    name = "queue-log"
    system = "asterisk"
    title = "Asterisk queue_log"
    rank = 1

    def sniff(self, path: Path) -> Evidence | None:
        """A line is epoch|call id|queue|member|EVENT and so on."""
        texts = [t for t in lines.first(path, LINES_LOOKED_AT) if t.strip()]
        fit = sum(1 for t in texts if _LINE.match(t))
        if not texts or fit * 2 < len(texts):
            return None
        says = (f"{fit} of {len(texts)} lines are epoch|call|queue|member|EVENT.", "Its times are seconds since 1970.")
        return Evidence(self.name, 0.5 + 0.5 * fit / len(texts), "queue_log", "UTC", says)

    def read(self, path: Path, name: str, found: Evidence) -> Iterator[Read]:
        """First the lines are taken in (bad ones come at once), then come visits, rings and what agents did."""
        with tempfile.TemporaryDirectory() as spill, duckdb.connect() as con:
            con.execute("SET TimeZone='UTC'")
            con.execute(values.SECONDS_SQL)
            con.execute("SET memory_limit=?", [MEMORY])
            con.execute("SET temp_directory=?", [spill])
            con.execute(
                "CREATE TEMP TABLE event (line BIGINT, moment DOUBLE, call_id VARCHAR, queue VARCHAR, member VARCHAR, "
                "event VARCHAR, data VARCHAR[])"
            )
            position = 0
            for block in lines.blocks(path):
                con.register("block", block.rows)
                con.execute(_LOAD, {"form": _LINE.pattern})
                bad = con.execute(_BAD, {"form": _LINE.pattern}).fetchall()
                position = block.position
                yield Read(nothing(), tuple(_bad(name, line, text) for line, text in bad), position)
            for sql in (_VISITS, _OFFERS, _AGENTS):
                for batch in con.execute(sql).to_arrow_reader(ROWS_AT_ONCE):
                    rows = pa.Table.from_batches([batch])
                    columns = {column: rows[column] for column in rows.column_names}
                    yield Read(table(file=pa.array([name] * len(rows), pa.string()), **columns), (), position)


def _bad(name: str, line: int, text: str) -> Bad:
    return Bad(name, line, "the line is not epoch|call|queue|member|EVENT", text[:RAW_CHARS_MAX])


FORMAT = QueueLog()
