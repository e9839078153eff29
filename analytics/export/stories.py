"""Conversations as a table to export: everything that the page Conversations shows for a filter."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from analytics.conversations import rules
from analytics.export.subjects import Subject, columns
from analytics.queries import conversations
from analytics.queries.types import BEGINNING, END, Scope, period
from pbx_core.errors import InputError

CONVERSATIONS = Subject(
    "conversations",
    "Conversations",
    columns("""
        conversation_id text 34
        started_at time 20
        ended_at time 20
        direction text
        outside_number text 16
        did text 16
        trunk_id text 16
        first_destination text 20
        answered_by text 16
        answered_at time 20
        class text 18
        rule text 20
        calls count
        legs count
        attempts count
        wait_s number
        talk_s number
        hold_s number
        queue text 16
        queue_wait_s number
        queue_result text
        voicemail flag
        transferred text
        agents list 16
        mos_min number
        hangup_party text
        repeat_of text 34
        repeated_by text 34
        recovered_by text 34
        recovered_at time 20
        recovered_agent text 16
        recovery_s number
        source text 16
        definition_version text
    """),
    f"""
    SELECT conversation_id, started_at, ended_at, direction, outside_number, did, trunk_id, first_destination,
           answered_by, answered_at, class, rule, calls, legs, attempts, wait_s, talk_s, hold_s, queue, queue_wait_s,
           queue_result, voicemail, transferred, from_json(agents, '["VARCHAR"]') AS agents, mos_min, hangup_party,
           repeat_of, repeated_by, recovered_by, recovered_at, recovered_agent, recovery_s, source, definition_version
    FROM ({conversations.SEEN})
    WHERE ($kind IS NULL OR class = $kind) AND ($number IS NULL OR contains(outside_number, $number))
    ORDER BY started_at DESC, conversation_id DESC
    """,  # noqa: S608 - our own text
)


def values(
    scope: Scope, since: datetime | None, until: datetime | None, kind: str | None, number: str | None
) -> dict[str, Any]:
    """Bound parameters of CONVERSATIONS; InputError for an unknown class."""
    if kind is not None and kind not in set(rules.ConversationClass):
        raise InputError(f"There is no class {kind[:32]!r}.", error_id="bad_class")
    return {**period(scope, since or BEGINNING, until or END), "kind": kind, "number": number}
