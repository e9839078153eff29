"""What can be exported as a table: its columns, and the query that gives a filter's rows, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from analytics.queries.types import CallFilter, Scope, parameters


class Kind(StrEnum):
    """What a column holds; decides how each format writes it."""

    TEXT = "text"
    NUMBER = "number"
    COUNT = "count"
    FLAG = "flag"
    TIME = "time"  # TIMESTAMPTZ
    LIST = "list"  # of texts


@dataclass(frozen=True)
class Column:
    """name: also the heading; width: of the column on a sheet, in characters."""

    name: str
    kind: Kind
    width: int = 12


@dataclass(frozen=True)
class Subject:
    """A table to export. sql: gives exactly the columns, in their order, and reads nothing but bound parameters."""

    name: str
    title: str
    columns: tuple[Column, ...]
    sql: str


def columns(text: str) -> tuple[Column, ...]:
    """One column per line: name kind [width]."""
    parts = (line.split() for line in text.strip().splitlines())
    return tuple(Column(p[0], Kind(p[1]), *(int(w) for w in p[2:3])) for p in parts)


CALLS = Subject(
    "calls",
    "Calls",
    columns("""
        call_id text 34
        conversation_id text 34
        started_at time 20
        answered_at time 20
        ended_at time 20
        direction text
        caller_number text 16
        caller_name text 20
        callee_number text 16
        did text 16
        answered_by text 16
        disposition text
        cause text 20
        hangup_party text
        wait_s number
        talk_s number
        hold_s number
        queue text 16
        queue_wait_s number
        queue_result text
        menu_path text
        voicemail flag
        transferred text
        trunk_id text 16
        mos_min number
        recording_id text 34
        recording_quality text
        transcript_status text
        language text
        caller_talk_ratio number
        comments count
        tags list 20
        alerts list 20
        score number
    """),
    """
    WITH c AS (
        SELECT * FROM chosen($tenant_id, $extension, $since, $until, $number, $disposition, $min_talk_s, $recorded,
                             $said, $tag, $alert, $originals, $wishes)
    ),
    legs AS (
        SELECT call_id, min(mos) AS mos_min FROM lk.main.leg
        WHERE tenant_id = $tenant_id AND mos IS NOT NULL GROUP BY call_id
    ),
    said AS (
        SELECT call_id, recording_id, status, language FROM lk.main.transcript WHERE tenant_id = $tenant_id
    ),
    spoken AS (
        SELECT call_id, recording_id, talk_ratio FROM lk.main.party_turns
        WHERE tenant_id = $tenant_id AND party = 'caller'
    ),
    noted AS (
        SELECT call_id, count(*) AS comments FROM lk.main.comment
        WHERE tenant_id = $tenant_id AND NOT deleted GROUP BY call_id
    ),
    meant AS (
        SELECT call_id, list_distinct(flatten(list(from_json(tags, '["VARCHAR"]')))) AS tags,
               list_distinct(flatten(list(from_json(alerts, '["VARCHAR"]')))) AS alerts
        FROM lk.main.meaning WHERE tenant_id = $tenant_id GROUP BY call_id
    ),
    scored AS (SELECT call_id, recording_id, score FROM lk.main.meaning WHERE tenant_id = $tenant_id),
    kept AS (SELECT call_id, recording_id, quality FROM lk.main.recording WHERE tenant_id = $tenant_id)
    SELECT c.call_id, coalesce(nullif(c.conversation_id, ''), c.call_id) AS conversation_id,
           c.started_at, c.answered_at, c.ended_at, c.direction, c.caller_number, c.caller_name, c.callee_number, c.did,
           c.answered_by, c.disposition, c.cause, c.hangup_party, c.wait_s, c.talk_s, c.hold_s, c.queue, c.queue_wait_s,
           c.queue_result, c.menu_path, c.voicemail, c.transferred, c.trunk_id, legs.mos_min, c.recording_id,
           kept.quality AS recording_quality, said.status AS transcript_status, said.language,
           spoken.talk_ratio AS caller_talk_ratio, coalesce(noted.comments, 0) AS comments,
           list_sort(coalesce(meant.tags, [])) AS tags, list_sort(coalesce(meant.alerts, [])) AS alerts, scored.score
    FROM c
    LEFT JOIN legs USING (call_id)
    LEFT JOIN kept USING (call_id, recording_id)
    LEFT JOIN said USING (call_id, recording_id)
    LEFT JOIN spoken USING (call_id, recording_id)
    LEFT JOIN noted USING (call_id)
    LEFT JOIN meant USING (call_id)
    LEFT JOIN scored USING (call_id, recording_id)
    ORDER BY c.started_at DESC, c.call_id DESC
    """,
)


def call_values(scope: Scope, flt: CallFilter) -> dict[str, Any]:
    """Bound parameters of CALLS."""
    return parameters(scope, flt)
