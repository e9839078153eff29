"""The reading connection: shared by all threads of a process, sees every commit at once, cannot write."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import duckdb
import pandas as pd

from ingest import convert, places, warehouse
from ingest.maintenance import Epoch
from pbx_core.errors import InputError, Unavailable
from pbx_core.settings import Settings

# The calls of a scope within a period, and within a filter. Shared by the queries; static text, values are bound.
_MACROS = (
    """
    CREATE MACRO memory.main.scoped(tenant, ext, since_, until_) AS TABLE
    SELECT * FROM lk.main.call
    WHERE tenant_id = tenant AND started_at >= since_ AND started_at < until_
      AND (ext IS NULL OR caller_number = ext OR callee_number = ext OR answered_by = ext
           OR call_id IN (SELECT l.call_id FROM lk.main.leg AS l
                          WHERE l.tenant_id = tenant AND l.number = ext AND l.answered_at IS NOT NULL))
    """,
    # Utterances by whose words somebody may find a call: all with the right to originals. Without it those in which
    # nothing is hidden, and while his tenant wants something hidden (wishes_) only of recordings that were looked
    # through for just that, and not those that people rewrote since.
    """
    CREATE MACRO memory.main.readable(tenant, originals_, wishes_) AS TABLE
    SELECT u.* FROM lk.main.utterance AS u
    WHERE u.tenant_id = tenant AND (originals_ OR (
        u.utterance_id NOT IN (SELECT s.utterance_id FROM lk.main.redacted_span AS s WHERE s.tenant_id = tenant)
        AND (wishes_ IS NULL OR (
            u.recording_id IN (SELECT r.recording_id FROM lk.main.redaction AS r
                               WHERE r.tenant_id = tenant AND r.status = 'done' AND r.wishes_sha256 = wishes_)
            AND u.utterance_id NOT IN (SELECT split_part(e.utterance_id, '.', 1) FROM lk.main.transcript_edit AS e
                                       WHERE e.tenant_id = tenant AND e.kind = 'text')))))
    """,
    """
    CREATE MACRO memory.main.chosen(tenant, ext, since_, until_, number_, disposition_, min_talk_s_, recorded_, said_,
                                    tag_, alert_, originals_, wishes_) AS TABLE
    SELECT * FROM scoped(tenant, ext, since_, until_)
    WHERE (number_ IS NULL OR contains(caller_number, number_) OR contains(callee_number, number_)
           OR contains(answered_by, number_))
      AND (disposition_ IS NULL OR disposition = disposition_ OR (disposition_ = 'voicemail' AND voicemail))
      AND (min_talk_s_ IS NULL OR talk_s >= min_talk_s_)
      AND (recorded_ IS NULL OR recorded_ = (recording_id IS NOT NULL))
      AND (said_ IS NULL OR call_id IN (
        SELECT u.call_id FROM readable(tenant, originals_, wishes_) AS u
        LEFT JOIN (SELECT * FROM edited(tenant) WHERE kind = 'text') AS now USING (utterance_id)
        WHERE contains(lower(coalesce(now.text, u.text)), lower(said_))))
      AND (tag_ IS NULL OR call_id IN (
        SELECT m.call_id FROM lk.main.meaning AS m
        WHERE m.tenant_id = tenant AND list_contains(from_json(m.tags, '["VARCHAR"]'), tag_)))
      AND (alert_ IS NULL OR alert_ = (call_id IN (
        SELECT m.call_id FROM lk.main.meaning AS m WHERE m.tenant_id = tenant AND m.alerts <> '[]')))
    """,
    # the last change of each kind, where its digest fits what was heard: one of an earlier transcription fits nothing
    """
    CREATE MACRO memory.main.edited(tenant) AS TABLE
    SELECT last.kind, last.party, last.text, u.call_id, u.recording_id, u.utterance_id, u.party AS heard_party
    FROM (SELECT * FROM lk.main.transcript_edit AS e WHERE e.tenant_id = tenant AND e.kind IN ('text', 'party')
          QUALIFY row_number() OVER (PARTITION BY e.recording_id, e.utterance_id, e.kind ORDER BY e.stamp DESC) = 1
         ) AS last
    JOIN lk.main.utterance AS u
      ON u.tenant_id = tenant AND u.call_id = last.call_id AND u.utterance_id = split_part(last.utterance_id, '.', 1)
    WHERE last.text IS NOT NULL AND ends_with(last.utterance_id, left(md5(u.text), 8))
    """,
    # Where these words stand in the transcripts as they are now, and whose they are; of utterances that are `readable`.
    # The words are chosen first: what follows then looks at few rows.
    r"""
    CREATE MACRO memory.main.words_now(tenant, terms_, originals_, wishes_) AS TABLE
    WITH e AS MATERIALIZED (SELECT * FROM edited(tenant)),
    rewritten AS (SELECT *, regexp_extract_all(replace(lower(text), 'ё', 'е'), '[\p{L}\p{N}]+') AS words
                  FROM e WHERE kind = 'text'),
    heard AS MATERIALIZED (
        SELECT h.call_id, h.recording_id, h.utterance_id, h.position, h.party, h.term FROM lk.main.utterance_term AS h
        WHERE h.tenant_id = tenant AND h.term IN (SELECT unnest(terms_))),
    said AS (
        SELECT * FROM heard
        WHERE utterance_id NOT IN (SELECT w.utterance_id FROM rewritten AS w)
          AND (originals_ OR wishes_ IS NULL OR recording_id IN (
            SELECT r.recording_id FROM lk.main.redaction AS r
            WHERE r.tenant_id = tenant AND r.status = 'done' AND r.wishes_sha256 = wishes_))
        UNION ALL
        SELECT * FROM (SELECT call_id, recording_id, utterance_id, generate_subscripts(words, 1) AS position,
                              heard_party AS party, unnest(words) AS term
                       FROM rewritten WHERE originals_ OR wishes_ IS NULL)
        WHERE list_contains(terms_, term))
    SELECT said.* REPLACE (coalesce(m.party, said.party) AS party)
    FROM said LEFT JOIN (SELECT * FROM e WHERE kind = 'party') AS m USING (utterance_id)
    WHERE originals_ OR said.utterance_id NOT IN (
        SELECT s.utterance_id FROM lk.main.redacted_span AS s WHERE s.tenant_id = tenant)
    """,
)


Question = tuple[str, dict[str, Any]]  # SQL and the values bound to it

SNAPSHOT = "SELECT id FROM ducklake_current_snapshot('lk')"
SIDE_BY_SIDE = min(4, os.cpu_count() or 1)  # questions of one page; each uses `query_threads` processors
TRIES_MAX = 10  # of a query while maintenance changes files under it; a maintenance round has two or three commits


class Reader:
    """Thread-safe. Opens itself anew when the warehouse was rebuilt or its files were tidied away under a query."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._epoch = Epoch(settings)
        self._place = places.of(settings)
        self._lock = threading.Lock()
        self._con: duckdb.DuckDBPyConnection | None = None
        self._identity = 0
        self._connection()

    def rows(self, sql: str, values: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """All rows of a query as dicts. Unavailable when the warehouse cannot answer."""
        names, rows = self._run(sql, values)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def frame(self, sql: str, values: dict[str, Any] | None = None) -> pd.DataFrame:
        """The result of a query as a frame; times are tz-aware UTC."""
        names, rows = self._run(sql, values)
        return pd.DataFrame.from_records(rows, columns=names)

    def frames(self, questions: Sequence[Question]) -> list[pd.DataFrame]:
        """`frame` of several questions, asked side by side: most of a short one's time is spent by one core."""
        if len(questions) < 2:
            return [self.frame(*question) for question in questions]
        with ThreadPoolExecutor(min(len(questions), SIDE_BY_SIDE)) as pool:
            return list(pool.map(lambda question: self.frame(*question), questions))

    def close(self) -> None:
        """Let go of the files."""
        with self._lock:
            if self._con is not None:
                self._con.close()
                self._con = None

    def _run(self, sql: str, values: dict[str, Any] | None) -> tuple[list[str], Any]:
        """The answer of one state of the warehouse: asked again when files were merged under the query."""
        check_text(values)
        problem: duckdb.Error | None = None
        for _ in range(TRIES_MAX):
            try:
                before = self._state()
                answer = self._execute(sql, values)
                if self._state() == before:
                    return answer
            except duckdb.Error as error:  # a file gone under the query, a damaged one, too little memory
                self.close()
                if problem is not None:
                    break
                problem = error
        if problem is None:
            raise Unavailable("The warehouse is changing too fast to be read right now. Try again in a few seconds.")
        why = str(problem).strip().splitlines()[0][:300]
        raise Unavailable(
            f"The warehouse cannot answer now ({why}). Try again; if it stays so: {self._place.remedy}"
        ) from problem

    def _state(self) -> tuple[int, int]:
        """What must be equal before and after a query: the maintenance epoch and, while maintenance runs, the
        snapshot (a commit in mid-query is harmless otherwise)."""
        epoch = self._epoch.read() if self._place.torn else 0
        if epoch % 2 == 0:
            return epoch, 0
        with self._connection() as cursor:
            row = cursor.execute(SNAPSHOT).fetchone()
        return epoch, row[0] if row else 0

    def _execute(self, sql: str, values: dict[str, Any] | None) -> tuple[list[str], Any]:
        with self._connection() as cursor:
            cursor.execute(sql, values)
            return [d[0] for d in cursor.description or []], self._fetched(cursor)

    def _fetched(self, cursor: duckdb.DuckDBPyConnection) -> Any:
        """The answer to a question just asked."""
        return cursor.fetchall()

    def _prepare(self, con: duckdb.DuckDBPyConnection) -> None:
        """What a fresh connection gets before its first question."""
        equip(con)
        warehouse.restrict(con, self._settings)

    def _connection(self) -> duckdb.DuckDBPyConnection:
        """A cursor of one's own on the shared instance."""
        with self._lock:
            identity = self._place.identity()
            if self._con is not None and identity not in (0, self._identity):
                self._con.close()  # rebuilt: another catalog lies there now
                self._con = None
            if self._con is None:
                con = warehouse.open_reader(self._settings)
                self._prepare(con)
                self._con, self._identity = con, identity
            return self._con.cursor()


def equip(con: duckdb.DuckDBPyConnection) -> None:
    """Teach a connection on which the warehouse is attached the macros that the queries use."""
    for macro in _MACROS:
        con.execute(macro)


def check_text(values: dict[str, Any] | None) -> None:
    """InputError for text that is none (lone surrogates): the engine would fail on it in an unfriendly way."""
    try:
        for value in (values or {}).values():
            if isinstance(value, str):
                value.encode()
    except UnicodeEncodeError:
        raise InputError("This text holds characters that do not exist.", error_id="bad_text") from None


def open_reader(settings: Settings) -> Reader:
    """A reader for this process; Unavailable when there is no warehouse yet, ConfigError when it is damaged."""
    return Reader(settings)


_FRESHNESS = """
    SELECT (SELECT max(read_at) FROM lk.main.ingest_offset) AS last_ingest_at,
           (SELECT count(*) FROM lk.main.call) AS calls,
           (SELECT count(*) FROM lk.main.reject) AS rejects
"""


def freshness(reader: Reader) -> dict[str, Any]:
    """last_ingest_at (tz-aware UTC or None): the last commit that brought something; calls and rejects: rows of all
    tenants together."""
    (row,) = reader.rows(_FRESHNESS)
    at = row["last_ingest_at"]
    return {**row, "last_ingest_at": None if at is None else convert.utc(at)}
